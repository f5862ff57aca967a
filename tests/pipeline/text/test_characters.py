"""The target character is found under every name and not confused with a namesake; the cast separates persons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ChunkConfig
from pipeline.errors import CharacterError, NovelError
from pipeline.records import Character, Chunk, Novel, Span
from pipeline.text.aliases import Alias
from pipeline.text.characters import build_cast, find_mentions, resolve_character
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences
from pipeline.text.shelf import choose_novel

NLP = load_nlp(None)
HOUSE = """
The deputy was Gérard de Villefort. They feared M. de Villefort, and he knew it; Villefort worked at night, and he was
alone. When Villefort spoke, he was heard.

Later came Valentine de Villefort, for Valentine was his daughter, and she sang. Once Mademoiselle Valentine de
Villefort wept. All loved Mademoiselle de Villefort. But Madame de Villefort, the second wife, did not love Valentine.

The old man was M. Noirtier de Villefort. “Noirtier’s eyes are alive,” they said; so was Noirtier.
"""


def _read(text: str) -> tuple[Novel, tuple[Span, ...], tuple[Chunk, ...]]:
    body = Span(len(text) - len(text.lstrip()), len(text.rstrip()))
    novel = Novel("House", "House.txt", text, body, (), "utf-8", "0")
    sentences = split_sentences(novel, NLP)
    return novel, sentences, make_chunks(novel, sentences, ChunkConfig(2, 1))


def _resolve(target: str, text: str, aliases: Sequence[Alias] = ()) -> Character:
    return resolve_character(target, *_read(text), aliases=aliases)


def _forms(target: str, text: str, aliases: Sequence[Alias] = ()) -> set[str]:
    return {" ".join(mention.text.split()) for mention in _resolve(target, text, aliases).mentions}


STORY = (
    "Then Edmond Dantès came. Now Dantès spoke, and Edmond’s hand shook. The others saw Dantès’ face, not the Danteses."
)


@pytest.mark.parametrize(
    "target", ["Edmond Dantès", "edmond dantes", "EDMOND DANTES", "M. Edmond Dantès", "Edmond  Dantes's"]
)
def test_resolve_character_finds_full_name_surname_and_first_name(target: str) -> None:
    assert _forms(target, STORY) == {"Edmond Dantès", "Dantès", "Edmond"}


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("Ada came. Ada sat.", {"Ada"}),
        ("Merrow came. Merrow sat. Tom Merrow left.", {"Merrow"}),
        ("Rose came. She rose.", set()),
    ],
)
def test_name_at_the_starts_of_sentences_only_is_found_unless_it_is_a_word(text: str, forms: set[str]) -> None:
    target = "Rose Merrow" if "Rose" in text else "Ada Merrow"
    if forms:
        assert _forms(target, text) == forms
    else:
        with pytest.raises(CharacterError):
            _forms(target, text)


@pytest.mark.parametrize("target", ["Dantès", "Edmond"])
def test_resolve_character_completes_a_lone_name_by_its_only_bearer(target: str) -> None:
    assert "Edmond Dantès" in _forms(target, STORY)


def test_resolve_character_points_at_sentences_and_chunks() -> None:
    text = "Nobody came. Nothing was heard there. They waited for Faria. It rained. Then Faria’s lamp went out."
    character = _resolve("Faria", text)
    assert character.sentences == (2, 4)
    assert character.chunks == (1, 2, 3)
    assert all(text[mention.start : mention.end] == mention.text == "Faria" for mention in character.mentions)


def test_resolve_character_finds_either_side_of_a_slash() -> None:
    text = "They hired Tom Ayrton as a guide. It was Ben Joyce. Now Joyce fled, and Ayrton was caught."
    assert _forms("Tom Ayrton/Ben Joyce", text) == {"Tom Ayrton", "Ben Joyce", "Joyce", "Ayrton"}


@pytest.mark.parametrize("target", ["Kai-Koumou", "Kai Koumou", "kai-koumou", "Kai\u2011Koumou"])
@pytest.mark.parametrize("printed", ["Kai-Koumou", "Kai Koumou", "Kai\u2010Koumou", "KAI-KOUMOU"])
def test_resolve_character_does_not_mind_hyphens(target: str, printed: str) -> None:
    assert len(_resolve(target, f"There stood {printed}, and they saw {printed}.").mentions) == 2


def test_resolve_character_finds_aliases() -> None:
    text = STORY + " In Paris he was Monte Cristo, and all knew the Count of Monte Cristo. Some met Sinbad."
    aliases = [Alias("Monte Cristo", "Edmond Dantès"), Alias("Sinbad", "Monte Cristo"), Alias("Tom", "Jerry")]
    found = _forms("Edmond Dantès", text, aliases)
    assert {"Monte Cristo", "Count of Monte Cristo", "Sinbad", "Dantès"} <= found
    assert "Monte Cristo" in _resolve("Edmond Dantès", text, aliases).aliases


def test_resolve_character_leaves_relatives_out() -> None:
    assert _forms("Gérard de Villefort", HOUSE) == {"Gérard de Villefort", "M. de Villefort", "Villefort"}
    assert _forms("Valentine de Villefort", HOUSE) >= {
        "Valentine",
        "Valentine de Villefort",
        "Mademoiselle de Villefort",
    }
    assert _forms("Madame de Villefort", HOUSE) == {"Madame de Villefort"}


def test_resolve_character_finds_a_first_name_used_as_a_surname() -> None:
    assert _forms("Noirtier", HOUSE) == {"M. Noirtier de Villefort", "Noirtier"}


def test_resolve_character_leaves_a_first_name_to_its_more_frequent_bearer() -> None:
    text = (
        "There was Tom Austin, and again Tom Austin, whom they called Tom. Once they met Tom Ayrton; so Ayrton stayed."
    )
    assert _forms("Tom Ayrton", text) == {"Tom Ayrton", "Ayrton"}


def test_resolve_character_leaves_words_out_that_are_spelt_like_the_name() -> None:
    text = "They grant it. Then Captain Grant came, and we grant that Grant was late, for Grant was ill."
    assert _forms("Captain Grant", text) == {"Captain Grant", "Grant"}


def test_resolve_character_finds_a_name_the_book_never_capitalises() -> None:
    assert _forms("The Stranger", "he met the stranger. the stranger spoke.") == {"stranger"}


def test_resolve_character_finds_a_mere_title() -> None:
    assert _forms("the Major", "Then the major came. “Oh, Major!” they said.") == {"major", "Major"}


@pytest.mark.parametrize("target", ["", "  ", "/", "…"])
def test_resolve_character_refuses_an_empty_name(target: str) -> None:
    with pytest.raises(CharacterError, match="is empty"):
        _resolve(target, STORY)


def test_resolve_character_names_the_nearest() -> None:
    with pytest.raises(
        CharacterError, match=r"'Edmund Dantis' is named nowhere in 'House'; the nearest names are 'Edmond Dant"
    ):
        _resolve("Edmund Dantis", STORY)


def test_resolve_character_reports_a_text_without_names() -> None:
    with pytest.raises(CharacterError, match="it names no person"):
        _resolve("Edmond", "it rained. nobody came.")


@settings(max_examples=60)
@given(target=st.text(max_size=30), text=st.text(st.sampled_from("AbÉ dé.’'-_/\n ,Mm=(["), max_size=80))
def test_resolve_character_of_anything_gives_mentions_or_an_error(target: str, text: str) -> None:
    try:
        character = _resolve(target, text)
    except CharacterError as error:
        assert "is empty" in str(error) or "is named nowhere" in str(error)
    else:
        assert all(text[mention.start : mention.end] == mention.text for mention in character.mentions)
        assert character.chunks


def test_find_mentions_without_a_model_uses_the_rules() -> None:
    novel, sentences, _ = _read(STORY)
    by_rules = find_mentions(novel, sentences)
    assert {mention.text for mention in by_rules} >= {"Edmond Dantès", "Dantès", "Edmond"}


def test_find_mentions_with_a_model_returns_its_persons() -> None:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Edmond"}, {"label": "GPE", "pattern": "Paris"}])  # type: ignore[attr-defined]
    text = "He met Edmond in Paris.\n\n" + "It rained in Paris. " * 200 + "\n\nThen Edmond left."
    novel, sentences, _ = _read(text)
    mentions = find_mentions(novel, sentences, tagger=nlp)
    assert [(mention.text, mention.sentence) for mention in mentions] == [("Edmond", 0), ("Edmond", 201)]


def _cast(text: str) -> dict[str, Character]:
    novel, sentences, chunks = _read(text)
    return {
        character.name: character for character in build_cast(find_mentions(novel, sentences), chunks, min_mentions=1)
    }


def test_build_cast_separates_relatives() -> None:
    cast = _cast(HOUSE)
    assert set(cast) == {"Villefort", "Valentine de Villefort", "Madame de Villefort", "Gérard de Villefort"} | {
        "Noirtier de Villefort",
        "Mademoiselle de Villefort",
    }
    assert "M. de Villefort" in cast["Villefort"].aliases
    assert {"Valentine", "Mademoiselle Valentine de Villefort"} <= set(cast["Valentine de Villefort"].aliases)


def test_build_cast_joins_the_names_of_one_person_and_sorts_by_mentions() -> None:
    cast = _cast(STORY + " Once they saw Fernand.")
    assert list(cast) == ["Edmond Dantès", "Fernand"]
    assert set(cast["Edmond Dantès"].aliases) == {"Dantès", "Edmond"}


def test_build_cast_leaves_out_who_is_named_once() -> None:
    novel, sentences, chunks = _read(STORY + " Once they saw Fernand.")
    assert [character.name for character in build_cast(find_mentions(novel, sentences), chunks)] == ["Edmond Dantès"]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Two novels: one holds Edmond Dantès, both hold a Faria."""
    (tmp_path / "one.txt").write_text(STORY + " Then Faria came to Faria.", encoding="utf-8")
    (tmp_path / "two.txt").write_text("It was Faria whom Edmond met; and Faria left Edmond.", encoding="utf-8")
    return tmp_path


def test_choose_novel_returns_the_only_one_with_the_character(shelf: Path) -> None:
    assert choose_novel(shelf, "edmond dantes").name == "one"


def test_choose_novel_follows_aliases(shelf: Path) -> None:
    assert choose_novel(shelf, "The Prisoner", aliases=[Alias("Dantès", "The Prisoner")]).name == "one"


def test_choose_novel_lists_several(shelf: Path) -> None:
    with pytest.raises(NovelError, match=r"several novels .* 'one\.txt', 'two\.txt'; choose one with --novel"):
        choose_novel(shelf, "Faria")


def test_choose_novel_lists_what_there_is_when_none_names_the_character(shelf: Path) -> None:
    with pytest.raises(NovelError, match=r"no novel .* names 'Thalcave'; there are 'one\.txt', 'two\.txt'"):
        choose_novel(shelf, "Thalcave")


def test_choose_novel_names_the_nearest_names_when_none_fits(shelf: Path) -> None:
    with pytest.raises(NovelError, match="the nearest names are 'Edmond Dantès'"):
        choose_novel(shelf, "Edmund Dentes")


def test_choose_novel_reports_what_it_left_out(shelf: Path) -> None:
    (shelf / "zero.txt").write_bytes(b"\0\0")
    assert "zero.txt" in choose_novel(shelf, "Edmond Dantès").notices[0]
    with pytest.raises(NovelError, match=r"left out: .*zero\.txt"):
        choose_novel(shelf, "Thalcave")


def test_choose_novel_refuses_an_empty_shelf_and_an_empty_name(tmp_path: Path) -> None:
    with pytest.raises(NovelError, match="no readable novel"):
        choose_novel(tmp_path, "Edmond")
    with pytest.raises(CharacterError, match="is empty"):
        choose_novel(tmp_path, " ")


@pytest.mark.data
@pytest.mark.slow
def test_characters_of_full_novels_are_found() -> None:
    """Want NOVEL_DATA to name a folder with the two novels as Project Gutenberg prints them."""
    folder = Path(os.environ.get("NOVEL_DATA", ""))
    wanted = {
        "The Count of Monte Cristo.txt": (117, {"Edmond Dantès": 1000, "Noirtier": 330, "Faria": 110}),
        "In search of the castaways.txt": (
            60,
            {"Thalcave": 140, "Jacques Paganel": 680, "Kai-Koumou": 51, "Tom Ayrton/Ben Joyce": 280},
        ),
    }
    if not os.environ.get("NOVEL_DATA") or not all((folder / name).is_file() for name in wanted):
        pytest.skip("NOVEL_DATA names no folder with the two novels")
    for name, (chapters, targets) in wanted.items():
        novel = load_novel(folder / name)
        sentences = split_sentences(novel, NLP)
        chunks = make_chunks(novel, sentences, ChunkConfig())
        assert len(novel.chapters) == chapters
        for target, mentions in targets.items():
            assert len(resolve_character(target, novel, sentences, chunks).mentions) >= mentions
            assert choose_novel(folder, target).name == novel.name


def test_resolve_character_does_not_read_stop_words_as_names() -> None:
    with pytest.raises(CharacterError, match="Nobody"):
        _resolve("Nobody", "Nobody came to the house. Nobody spoke. Then Mary Hale came in.")


def test_build_cast_knows_a_full_name_that_only_begins_sentences() -> None:
    text = "Tom Hale came. They saw Hale in the boat. Tom Hale laughed. “Is that Hale?” they said."
    assert list(_cast(text)) == ["Tom Hale"]


def test_build_cast_gives_a_lone_name_to_who_is_named_throughout() -> None:
    filler = "It rained, and nothing was done. " * 700
    home = "They saw Robert Grant. They called Robert." + filler
    abroad = "There was Robert Burke, and again Robert Burke came." + filler
    cast = _cast(home * 4 + abroad)
    assert len(cast["Robert Grant"].mentions) == 8


def test_build_cast_joins_what_the_users_aliases_tie() -> None:
    text = STORY + " In Paris he was Monte Cristo, and all knew the Count of Monte Cristo. Some met Sinbad."
    novel, sentences, chunks = _read(text)
    aliases = [Alias("Monte Cristo", "Edmond Dantès"), Alias("Sinbad", "Monte Cristo"), Alias("Tom", "Jerry")]
    cast = build_cast(find_mentions(novel, sentences), chunks, aliases=aliases, min_mentions=1)
    (edmond,) = [person for person in cast if "Dantès" in person.name]
    assert edmond.name == "Edmond Dantès"
    assert set(edmond.aliases) >= {"Dantès", "Edmond", "Monte Cristo", "Count of Monte Cristo", "Sinbad"}
    assert not [person for person in cast if person is not edmond and "Cristo" in person.name]
    assert edmond.mentions == tuple(sorted(edmond.mentions, key=lambda mention: mention.start))


def test_build_cast_joins_the_sides_of_a_slash_that_an_alias_ties() -> None:
    text = "They hired Tom Ayrton as a guide. It was Ben Joyce. Now Joyce fled, and Ayrton was caught."
    novel, sentences, chunks = _read(text)
    alias = Alias("Ben Joyce", "Tom Ayrton")
    (ayrton,) = build_cast(find_mentions(novel, sentences), chunks, aliases=[alias], min_mentions=1)
    assert (ayrton.name, len(ayrton.mentions)) == ("Tom Ayrton", 4)
