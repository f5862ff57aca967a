"""A window is tagged once, and alike whatever else is tagged with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from pipeline.book import BookOpener
from pipeline.config import TextConfig
from pipeline.records import Span
from pipeline.storage.cache import ReadingCache
from pipeline.text.tagging import from_tables, tag_windows, to_tables

HASHES = st.binary(min_size=16, max_size=16)
SPANS = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000)).map(lambda pair: Span(*pair)), max_size=4)
CHAPTER = "\n\n".join(
    f"{name} Lanyon came to the quay at noon, and waited there for a long while. {other} Reed did not come. "
    f"It rained, said {name}, and the ferry had left. Nobody had seen {other} since the spring." * 4
    for name, other in (("Hester", "Anna"), ("Jory", "Tom"), ("Ruth", "Silas"), ("Piers", "Nora"))
)


@pytest.fixture
def tagger() -> Language:
    """A tagger that finds one name."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Anna"}])  # type: ignore[attr-defined]
    return nlp


@given(tagged=st.dictionaries(HASHES, SPANS.map(tuple), max_size=5))
def test_windows_come_back_from_their_tables(tagged: dict[bytes, tuple[Span, ...]]) -> None:
    assert from_tables(to_tables(tagged)) == tagged


def test_known_window_is_not_tagged_again(tagger: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tag_windows(["Anna came.", "Tom and Anna."], tagger, {})
    assert list(first.values()) == [(Span(0, 4),), (Span(8, 12),)]
    given_texts: list[str] = []
    pipe = Language.pipe

    def watch(nlp: Language, texts: Iterable[str], **settings: Any) -> Any:
        return pipe(nlp, (given_texts.append(text) or text for text in texts), **settings)  # type: ignore[func-returns-value]

    monkeypatch.setattr(Language, "pipe", watch)
    second = tag_windows(["Anna came.", "Nobody.", "Nobody."], tagger, first)
    assert given_texts == ["Nobody."] and list(second.values()) == [(Span(0, 4),), ()]


def test_edited_novel_is_tagged_where_it_changed_and_is_the_same_as_one_never_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    pipe = Language.pipe

    def count(nlp: Language, texts: Iterable[str], **settings: Any) -> Any:
        if "ner" not in nlp.pipe_names:
            return pipe(nlp, texts, **settings)
        given_texts = list(texts)
        counted.append(len(given_texts))
        return pipe(nlp, given_texts, **settings)

    monkeypatch.setattr(Language, "pipe", count)
    path = tmp_path / "Draft.txt"
    author, stranger = (BookOpener(TextConfig(), (), ReadingCache(tmp_path / name)) for name in ("author", "stranger"))
    path.write_text("\n\n".join([CHAPTER] * 4), encoding="utf-8")
    author.open(path)
    path.write_text("\n\n".join([CHAPTER] * 3 + [CHAPTER.replace("Reed", "Reid")]), encoding="utf-8")
    edited, fresh = author.open(path), stranger.open(path)
    assert (edited.sentences, edited.mentions) == (fresh.sentences, fresh.mentions)
    assert 0 < counted[1] < counted[2]
