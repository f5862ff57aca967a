"""Names that the text explains are proposed with their passage, and act only as confirmed aliases."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingError
from pipeline.records import Character, Novel, Span
from pipeline.text.aliases import Alias, add_alias, load_aliases
from pipeline.text.epithets import Proposal, find_epithets, sentence_around


def person(name: str, *aliases: str) -> Character:
    return Character(name, aliases, (), (), ())


CAST = (
    person("John Silver", "Silver"),
    person("Edmond Dantès", "Dantès"),
    person("Ada Vane"),
    person("Tom Hale", "Tom"),
)


def proposed(text: str, *, known: tuple[Alias, ...] = (), narrator: str = "") -> tuple[Proposal, ...]:
    novel = Novel("N", "N.txt", text, Span(0, len(text)), (), "utf-8", "0")
    return find_epithets(novel, CAST, known, narrator=narrator)


@pytest.mark.parametrize(
    ("text", "alias", "name"),
    [
        ("There sat John Silver, whom everybody called Long John, with his crutch.", "Long John", "John Silver"),
        ("Ada Vane, who was known as the Heron, rowed alone.", "the Heron", "Ada Vane"),
        ("Tom Hale, nicknamed “Sixpence”, ran ahead.", "Sixpence", "Tom Hale"),
        ("Tom Hale was nicknamed Sixpence by the crew.", "Sixpence", "Tom Hale"),
        ("Silver, otherwise called Barbecue, laughed.", "Barbecue", "John Silver"),
        ("The door opened and the Count, that is, Edmond Dantès, came in.", "the Count", "Edmond Dantès"),
        ("It was Dantès--that is to say, the Abbé Busoni.", "the Abbé Busoni", "Edmond Dantès"),
        ("They hanged Silver, alias Barbecue, at noon.", "Barbecue", "John Silver"),
        ("Ada Vane, or the Heron, as they called her, rowed.", "the Heron", "Ada Vane"),
        ("The Heron, as Ada Vane was called, rowed.", "The Heron", "Ada Vane"),
        ("The boys called Tom Hale “Old Sixpence” to his face.", "Old Sixpence", "Tom Hale"),
        ("Tom’s nickname was Sixpence.", "Sixpence", "Tom Hale"),
        ("John Silver (called Barbecue) laughed.", "Barbecue", "John Silver"),
        ("Ada Vane, a.k.a. Jane Moss, rowed.", "Jane Moss", "Ada Vane"),
        ("Ada Vane was known to everybody there as the Heron.", "the Heron", "Ada Vane"),
        ("Tom Hale went by the name of Sixpence.", "Sixpence", "Tom Hale"),
        ("John Silver called himself Barbecue.", "Barbecue", "John Silver"),
        ("Monte Cristo was none other than Edmond Dantès.", "Monte Cristo", "Edmond Dantès"),
        ("Barbecue’s real name was John Silver.", "Barbecue", "John Silver"),
        ("The Heron, as everyone called Ada Vane, rowed.", "The Heron", "Ada Vane"),
        ("The man they called Barbecue was John Silver.", "Barbecue", "John Silver"),
    ],
)
def test_explained_name_is_proposed(text: str, alias: str, name: str) -> None:
    (proposal,) = proposed(text)
    assert proposal.alias == Alias(alias, name)
    assert text[slice(*proposal.span)] in text and alias in text[slice(*proposal.span)]


@pytest.mark.parametrize(
    "text",
    [
        "Tom Hale was called “peculiar” by his aunt.",
        "Tom Hale, called the next morning, came at once.",
        "Silver was called Captain.",
        "A stranger, whom they called Rook, came in.",
        "John Silver, known as Silver, was a cook.",
    ],
)
def test_what_is_no_other_name_is_not_proposed(text: str) -> None:
    assert proposed(text) == ()


def test_byname_of_the_narrator_needs_a_known_narrator() -> None:
    text = "They all called me Sixpence, and I liked it."
    assert proposed(text) == ()
    (proposal,) = proposed(text, narrator="Tom Hale")
    assert proposal.alias == Alias("Sixpence", "Tom Hale")


def test_known_name_and_a_repetition_are_not_proposed_again() -> None:
    text = "Tom Hale was nicknamed Sixpence. Tom Hale, nicknamed Sixpence, ran."
    assert len(proposed(text)) == 1
    assert proposed(text, known=(Alias("Sixpence", "Tom Hale"),)) == ()


def test_sentence_of_a_proposal_is_one_line() -> None:
    text = "It rained. Tom Hale was\nnicknamed Sixpence by the crew. He ran."
    novel = Novel("N", "N.txt", text, Span(0, len(text)), (), "utf-8", "0")
    (proposal,) = find_epithets(novel, CAST)
    sentences = [Span(0, 10), Span(11, text.index(" He")), Span(text.index("He"), len(text))]
    assert sentence_around(novel, proposal.span, sentences) == "Tom Hale was nicknamed Sixpence by the crew."


def test_confirmed_name_is_added_to_the_file_once(tmp_path: Path) -> None:
    path = tmp_path / "N.aliases"
    path.write_text("# mine\nthe Heron=Ada Vane", encoding="utf-8")
    assert add_alias(path, Alias("Sixpence", "Tom Hale")) and not add_alias(path, Alias("Sixpence", "Tom Hale"))
    assert path.read_text(encoding="utf-8").startswith("# mine\n")
    assert load_aliases(path) == (Alias("the Heron", "Ada Vane"), Alias("Sixpence", "Tom Hale"))


def test_aliases_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SettingError, match="cannot be written"):
        add_alias(tmp_path / "file" / "N.aliases", Alias("Sixpence", "Tom Hale"))
