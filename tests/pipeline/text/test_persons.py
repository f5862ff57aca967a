"""The shipped tagger is small and finds persons; the book votes on the names of any tagger."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from pipeline.config import TextConfig
from pipeline.errors import SettingError
from pipeline.records import Novel, Span
from pipeline.text.characters import find_mentions
from pipeline.text.persons import LONGEST_WINDOW, load_tagger, plain_spaces, tagger_sum, windows_of
from pipeline.text.sentences import load_nlp, split_sentences

SHIPPED = Path(__file__).resolve().parents[3] / TextConfig.spacy_model
NLP = load_nlp(None)
PARAGRAPH = """
When Mrs. Abernathy opened the shop that morning, she found old Jonas Whitlock asleep on the step. Jonas had walked from
Exeter in the rain. “You are wet through,” said Mrs. Abernathy, and Whitlock laughed. Captain Pryce and his sister Lydia
came down from London on Thursday; Lydia brought the letters, for Captain Pryce had forgotten them at the inn. “Thank
God,” said Jonas. In November the whole family went to Exeter.
"""


def _persons(text: str, tagger: Language | None) -> list[str]:
    novel = Novel("", "", text, Span(0, len(text)), (), "utf-8", "0")
    return [mention.text for mention in find_mentions(novel, split_sentences(novel, NLP), tagger=tagger)]


@pytest.fixture(scope="module")
def shipped() -> Language:
    """The tagger that ships, loaded."""
    tagger = load_tagger(str(SHIPPED))
    assert tagger is not None
    return tagger


def _ruler(*patterns: object) -> Language:
    """A tagger that knows some patterns by heart."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": pattern} for pattern in patterns])  # type: ignore[attr-defined]
    return nlp


def test_shipped_tagger_finds_the_persons_of_a_paragraph_and_not_the_places(shipped: Language) -> None:
    found = _persons(PARAGRAPH, shipped)
    wanted = "Mrs. Abernathy|Jonas Whitlock|Jonas|Mrs. Abernathy|Whitlock|Captain Pryce|Lydia|Lydia|Captain Pryce|Jonas"
    assert found == wanted.split("|")


def test_shipped_tagger_is_small_and_has_no_pickle() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 15_000_000
    assert {path.suffix for path in files} <= {".json", ".cfg", ".md", ".bin", ""}
    packed = [path for path in files if path.suffix in {"", ".bin"} and path.parent.name in {"ner", "vocab"}]
    for path in packed:
        if path.name not in {"vectors", "cfg"}:  # an empty array as numpy writes it without pickle, and JSON
            srsly.msgpack_loads(path.read_bytes())


def test_shipped_tagger_fits_the_installed_spacy_and_documents_its_training() -> None:
    meta = json.loads((SHIPPED / "meta.json").read_text(encoding="utf-8"))
    assert meta["lang"] == "en"
    assert "CC BY 4.0" in meta["license"]
    assert "LitBank" in (SHIPPED / "README.md").read_text(encoding="utf-8")


@settings(max_examples=25, deadline=None)
@given(text=st.text(st.sampled_from("AbÉ dé.’'-_/\n ,Mm=([“”\t\u2028"), max_size=120))
def test_shipped_tagger_points_into_any_text(text: str) -> None:
    tagger = load_shipped()
    novel = Novel("", "", text, Span(0, len(text)), (), "utf-8", "0")
    mentions = find_mentions(novel, split_sentences(novel, NLP), tagger=tagger)
    assert all(text[mention.start : mention.end] == mention.text != "" for mention in mentions)
    assert all(first.end <= second.start for first, second in pairwise(mentions))


_LOADED: list[Language | None] = []


def load_shipped() -> Language | None:
    """Load the tagger once for all examples."""
    if not _LOADED:
        _LOADED.append(load_tagger(str(SHIPPED)))
    return _LOADED[0]


def test_find_mentions_gives_a_name_that_is_mostly_a_persons_all_its_places() -> None:
    text = "They met Edmond there. Now Edmond spoke. And so did Edmond, twice.\n\nWas it Edmond who left?"
    sure = _ruler([{"TEXT": "met"}, {"TEXT": "Edmond"}], [{"TEXT": "it"}, {"TEXT": "Edmond"}])
    assert _persons(text, sure) == ["Edmond"] * 4


def test_find_mentions_outvotes_a_place_tagged_as_a_person_once() -> None:
    text = "He went to Dover. They were in Dover. She lived at Dover, near Dover, in Dover. It rained in Dover, too."
    slip = _ruler([{"TEXT": "lived"}, {"TEXT": "at"}, {"TEXT": "Dover"}])
    assert _persons(text, slip) == []


def test_find_mentions_uses_the_longer_of_rule_and_tag() -> None:
    text = "Tom Hale came. Then Hale spoke, and Hale went."
    assert _persons(text, _ruler("Tom Hale", "Hale")) == ["Tom Hale", "Hale", "Hale"]


def test_find_mentions_leaves_out_titles_without_a_name() -> None:
    assert _persons("Then the Captain spoke. “Yes, Captain,” they said.", _ruler("Captain")) == []


def test_load_tagger_refuses_a_model_without_entities(tmp_path: Path) -> None:
    NLP.to_disk(tmp_path / "blank")
    with pytest.raises(SettingError, match=r"has sentencizer and no entity recogniser; .* 'rules'"):
        load_tagger(str(tmp_path / "blank"))


def test_load_tagger_suggests_the_rules_for_a_missing_model() -> None:
    with pytest.raises(SettingError, match=r"'no_such_model' is neither installed nor a folder.*'rules'"):
        load_tagger("no_such_model")


def test_tagger_sum_changes_with_any_file_and_not_with_the_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        _ruler("Edmond").to_disk(tmp_path / name)
    first = tagger_sum(str(tmp_path / "one"))
    assert first == tagger_sum(str(tmp_path / "two"))
    with open(tmp_path / "two" / "meta.json", "a") as file:
        file.write("\n")
    assert first != tagger_sum(str(tmp_path / "two"))
    assert tagger_sum("rules") == "rules"


def test_windows_hold_whole_sentences_in_order() -> None:
    sentences = [Span(start, start + 700) for start in range(0, 7000, 701)]
    windows = list(windows_of(sentences))
    assert windows[0] == Span(0, 1401) and windows[-1].end == sentences[-1].end
    assert all(window.end - window.start <= LONGEST_WINDOW for window in windows)


def test_plain_spaces_keeps_every_offset() -> None:
    assert plain_spaces("a\nb\u2028c\td") == "a b c d"
