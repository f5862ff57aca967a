"""What a narrator tells counts as presence: for the character, the cast, and the chunks with evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.book import Book, BookOpener
from pipeline.config import ChunkConfig, TextConfig
from pipeline.errors import CharacterError, NovelError
from pipeline.storage.cache import ReadingCache
from pipeline.text.aliases import Alias, aliases_path

STORIES = Path(__file__).resolve().parents[2] / "inputs" / "narrators"


def opened(tmp_path: Path, novel: Path | str, *narrators: str, aliases: tuple[Alias, ...] = ()) -> Book:
    """Return one of the small stories, or a novel elsewhere, in chunks of one sentence."""
    path = novel if isinstance(novel, Path) else STORIES / f"{novel}.txt"
    config = TextConfig(spacy_model="rules", narrator=narrators, chunks=ChunkConfig(1, 0))
    return BookOpener(config, aliases, ReadingCache(tmp_path / "cache")).open(path)


def told(book: Book, name: str) -> list[str]:
    character = book.find_character(name)
    return [" ".join(book.novel.text[slice(*book.sentences[number])].split()) for number in character.told]


def test_sentences_with_i_are_told_by_the_narrator(tmp_path: Path) -> None:
    book = opened(tmp_path, "my_name_is")
    sentences = told(book, "Jim Penrose")
    assert "I ran to her." in sentences and "The miller was at his door." not in sentences
    assert not any("You had better" in sentence for sentence in sentences)


def test_told_sentences_are_presence_with_their_chunks(tmp_path: Path) -> None:
    book = opened(tmp_path, "my_name_is")
    character = book.find_character("Jim Penrose")
    assert set(character.told) <= set(character.sentences)
    assert len(character.mentions) == 2 and len(character.chunks) > 5
    texts = [book.novel.text[book.chunks[index].start : book.chunks[index].end] for index in character.chunks]
    assert all("Jim" in text or " I " in f" {text} " or "my " in text.lower() or "me " in text for text in texts)


def test_narrator_is_found_by_any_of_its_names(tmp_path: Path) -> None:
    book = opened(tmp_path, "my_name_is")
    assert book.find_character("Jim").told == book.find_character("Jim Penrose").told != ()
    assert book.find_character("Penrose").told


def test_another_person_tells_nothing(tmp_path: Path) -> None:
    book = opened(tmp_path, "addressed_by_name")
    assert book.find_character("Ellen Marsh").told == () and book.find_character("Tobias").told


def test_writer_of_a_letter_tells_the_letter_alone(tmp_path: Path) -> None:
    book = opened(tmp_path, "letters_with_signature")
    assert any("admired" in sentence for sentence in told(book, "Susan Vale"))
    assert not any("Easter" in sentence for sentence in told(book, "Susan Vale"))
    assert any("Easter" in sentence for sentence in told(book, "Harriet Down"))


def test_narrators_by_chapter_tell_their_own(tmp_path: Path) -> None:
    book = opened(tmp_path, "narrator_by_chapter_by_signs")
    assert any("garden" in sentence for sentence in told(book, "Judith Lowe"))
    assert not any("garden" in sentence for sentence in told(book, "Peter Lowe"))


def test_narrator_leads_the_cast_even_if_hardly_named(tmp_path: Path) -> None:
    cast = opened(tmp_path, "call_me").cast
    assert cast[0].name == "Barnaby" and cast[0].told


def test_third_person_has_the_cast_as_before(tmp_path: Path) -> None:
    book = opened(tmp_path, "third_person_with_dialogue")
    assert not any(person.told for person in book.cast)
    assert [len(person.mentions) for person in book.cast] == sorted(
        (len(person.mentions) for person in book.cast), reverse=True
    )


def test_given_narrator_need_not_be_named_in_the_novel(tmp_path: Path) -> None:
    book = opened(tmp_path, "unnamed_narrator", "Alice Grey")
    character = book.find_character("alice grey")
    assert character.mentions == () and character.chunks
    assert book.cast[0].name == "Alice Grey"
    with pytest.raises(CharacterError, match="named nowhere"):
        book.find_character("The Butler")


def test_alias_of_a_narrator_is_the_narrator(tmp_path: Path) -> None:
    book = opened(tmp_path, "unnamed_narrator", "Alice Grey", aliases=(Alias("Mrs. Rochdale", "Alice Grey"),))
    assert book.find_character("Mrs. Rochdale").told


def test_files_next_to_a_novel_give_its_narrators_and_aliases(tmp_path: Path) -> None:
    novel = tmp_path / "House.txt"
    novel.write_text((STORIES / "unnamed_narrator.txt").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "House.narrators").write_text("# who tells it\n\nAlice Grey\n", encoding="utf-8")
    aliases_path(novel).write_text("the governess=Alice Grey\n", encoding="utf-8")
    book = opened(tmp_path, novel)
    assert book.find_character("the governess").told and book.novel.notices == ()
    assert opened(tmp_path, novel, "none").narration.tellers == ()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("House.narrators", "2-1: Jim\n", "House.narrators: the narrator '2-1: Jim' is not valid"),
        ("House.aliases", "Jim\n", "House.aliases, line 1: the alias 'Jim' is not of the form"),
    ],
)
def test_damaged_file_next_to_a_novel_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    novel = tmp_path / "House.txt"
    novel.write_text("I was there.", encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(NovelError, match=said):
        opened(tmp_path, novel)


def test_notices_of_the_narration_are_those_of_the_novel(tmp_path: Path) -> None:
    (notice,) = opened(tmp_path, "unnamed_narrator").novel.notices
    assert "no name of the narrator was found" in notice
