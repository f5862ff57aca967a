"""Texts as they come, the files of tests/inputs/text: names, search and the encoder's text, quoted as printed."""

# ruff: noqa: RUF001
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.book import Book, BookOpener
from pipeline.config import ROOT, TextConfig
from pipeline.language.repairs import find_repairs
from pipeline.reading.novel_encoder import sentence_texts
from pipeline.records import Chapter, Novel, Span
from pipeline.storage.cache import ReadingCache
from pipeline.text.characters import resolve_character
from pipeline.text.persons import RULES
from pipeline.text.repaired import repair_novel

INPUTS = ROOT / "tests" / "inputs" / "text"
NAMED: list[tuple[str, str, list[str]]] = [
    ("hyphens_at_line_ends.txt", "Penhallow", ["Penhal-\nlow", "Dr. Penhal-\n  low", "PENHAL-\nLOW"]),
    ("hyphens_at_line_ends.txt", "Ada Merrow", ["Ada Mer-\nrow"]),
    ("hyphens_before_spaces.txt", "Penhallow", ["Penhal- low", "Dr. Penhallow"]),
    ("real_hyphens_at_line_ends.txt", "Saint-Clair", ["Madame Saint-\nClair", "Madame Saint-\nClair"]),
    ("soft_hyphens.txt", "Penhallow", ["Pen\u00adhal\u00adlow", "Dr. Penhal\u00ad\nlow"]),
    ("soft_hyphens.txt", "Ada Merrow", ["Ada Mer\u200brow"]),
    ("not_signs_at_line_ends.txt", "Penhallow", ["Penhal¬\nlow", "Dr. Penhal¬\nlow"]),
    ("words_broken_at_pages.txt", "Penhallow", ["Penhal-\n\f\nlow", "Dr. Penhallow"]),
    (
        "signs_for_apostrophes.txt",
        "O'Hara",
        ["O´Hara", "O`Hara", "OʼHara", "O′Hara", "O‛Hara", "O‘Hara", "O’Hara", "O'Hara", "O\x92Hara"],
    ),
    ("small_capitals.txt", "Penhallow", ["Mʀ. Pᴇɴʜᴀʟʟᴏᴡ", "ᴅʀ. ᴘᴇɴʜᴀʟʟᴏᴡ", "Penhallow", "PENHALLOW"]),
    ("letters_as_one_sign.txt", "Griffiths", ["Mr. Griﬃths", "Ｇｒｉｆｆｉｔｈｓ", "𝐆𝐫𝐢𝐟𝐟𝐢𝐭𝐡𝐬", "Griffiths"]),
    (
        "letters_set_apart.txt",
        "Penhallow",
        ["P e n h a l l o w", "P e n h a l l o w", "P E N H A L L O W"],
    ),
    ("letters_set_apart.txt", "Tom", ["T o m", "Tom"]),
    ("initials_set_apart.txt", "Penhallow", ["P ENHALLOW", "Mr. P enhallow", "Penhallow"]),
    ("digits_for_letters.txt", "Penhallow", ["Penhal1ow", "Dr. Penha1low", "PenhalIow", "Penhallow"]),
    ("digits_for_letters.txt", "Isabel", ["1sabel", "Isabel", "Isabel"]),
    ("digits_for_letters.txt", "O'Hara", ["0'Hara", "O'Hara"]),
    ("misread_names.txt", "Penhallow", ["Penhallow"] * 7),
]
ROWED = "He said nothing to Ada Mer-\nrow, who had rowed from the is-\nland."
WATCHED = "He watched Ada Mer\u200brow, who had rowed from the is\u00ad\nland."
LEFT = "Then Dr. Penhal¬\nlow sat down, and Ada Merrow left the is¬\nland."
SPARED = "A two- and three-day storm had spared the is- land, his only island."
SINGER = "Her half-\nbrother, the well-\nknown singer, spoke of the Anglo-\nSaxon kings."
FIRST = "Then Ｇｒｉｆｆｉｔｈｓ sat down, ﬁrst of all, and 𝐆𝐫𝐢𝐟𝐟𝐢𝐭𝐡𝐬 ſmiled."
FOUND = [
    ("hyphens_at_line_ends.txt", "island", ROWED),
    ("soft_hyphens.txt", "island", WATCHED),
    ("not_signs_at_line_ends.txt", "island", LEFT),
    ("hyphens_before_spaces.txt", "spared island", SPARED),
    ("real_hyphens_at_line_ends.txt", "drawing-room cold", "The drawing-room was cold."),
    ("real_hyphens_at_line_ends.txt", "known singer", SINGER),
    ("letters_as_one_sign.txt", "Griffiths first", FIRST),
    ("digits_for_letters.txt", "speak", "He cou1d speak; he could."),
]


@pytest.fixture(scope="module")
def opener(tmp_path_factory: pytest.TempPathFactory) -> BookOpener:
    return BookOpener(TextConfig(spacy_model=RULES), (), ReadingCache(tmp_path_factory.mktemp("cache")))


def printed(book: Book, name: str) -> list[str]:
    person = resolve_character(name, book.novel, book.sentences, book.chunks)
    return [book.novel.text[mention.start : mention.end] for mention in person.mentions]


@pytest.mark.parametrize(("file", "name", "mentions"), NAMED)
def test_name_is_found_wherever_it_is_printed(opener: BookOpener, file: str, name: str, mentions: list[str]) -> None:
    assert printed(opener.open(INPUTS / file), name) == mentions


@pytest.mark.parametrize(("file", "words", "quotation"), FOUND)
def test_search_finds_whole_words_in_sentences_as_printed(
    opener: BookOpener, file: str, words: str, quotation: str
) -> None:
    book = opener.open(INPUTS / file)
    sentences = [book.novel.repaired(*sentence) for sentence in book.sentences]
    stems = set(book.index.stems(words))
    [best] = [number for number, sentence in enumerate(sentences) if stems <= set(book.index.stems(sentence))]
    assert book.novel.text[slice(*book.sentences[best])] == quotation
    assert book.index.scores(words).max() > 0


def test_encoder_reads_whole_words(opener: BookOpener) -> None:
    book = opener.open(INPUTS / "hyphens_at_line_ends.txt")
    assert [text.strip() for text in sentence_texts(book.novel, book.sentences)] == [
        "The door opened and Penhallow came in.",
        "Then Dr. Penhallow sat down.",
        "He said nothing to Ada Merrow, who had rowed from the island.",
        "Nobody spoke.",
        "PENHALLOW rose.",
    ]


def test_sentences_end_at_times_initials_and_missing_spaces(opener: BookOpener) -> None:
    book = opener.open(INPUTS / "sentence_ends.txt")
    assert [book.novel.text[slice(*sentence)] for sentence in book.sentences] == [
        "He came at 5 p.m.",
        "Tom left at once.",
        "At 6 p.m. Ada left.",
        "He was born in 1815.",
        "He died in 1870.",
        "Mr. T. Smith bowed.",
        "See Vol. II. for more.",
        "It was signed by K.",
        "They read it.",
        "“Go.”",
        "“I will,” he said.",
    ]


@pytest.mark.parametrize("file", ["hyphens_at_line_ends.txt", "small_capitals.txt", "letters_set_apart.txt"])
def test_cast_and_cache_name_people_whole(opener: BookOpener, file: str) -> None:
    first, again = opener.open(INPUTS / file), opener.open(INPUTS / file)
    assert "Penhallow" in {word for person in first.cast for word in person.name.title().split()}
    assert [(person.name, person.mentions) for person in first.cast] == [
        (person.name, person.mentions) for person in again.cast
    ]


def test_words_that_look_like_a_name_are_proposed_and_not_counted(opener: BookOpener) -> None:
    book = opener.open(INPUTS / "misread_names.txt")
    alike = {str(one) for one in book.look_alikes(book.cast)}
    assert {one.split(";")[0] for one in alike} == {
        "'Penhaliow' (once) looks like 'Penhallow' and is not counted as that name",
        "'Penhaltow' (once) looks like 'Penhallow' and is not counted as that name",
        "'Femley' (once) looks like 'Fernley' and is not counted as that name",
    }
    assert any(one.endswith("if it is, give the alias Penhaliow=Penhallow") for one in alike)


def test_every_input_is_tried() -> None:
    tried = {file for file, *_ in (*NAMED, *FOUND)} | {"sentence_ends.txt"}
    assert {path.name for path in INPUTS.iterdir()} == tried
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in tried)


PIECES = ["Ada, ", "is-\nland, ", "O´Hara, ", "ﬁ, ", "P e n n, ", "so\u00adft, ", "\n\n", "VI\u00ad\nI. "]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1))
def test_offsets_lead_from_one_text_to_the_other(words: list[str]) -> None:
    text = "".join(words)
    chapter = Chapter(1, "", len(words[0]), len(text))
    novel = Novel("x", "x", text, Span(0, len(text)), (chapter,), "utf-8", "0", (), find_repairs(text))
    read = repair_novel(novel)
    place = 0
    for word in words:
        span = Span(place, place + len(word))
        place = span.end
        moved = read.read(span)
        assert read.novel.text[slice(*moved)] == novel.repaired(*span)
        assert read.printed(moved) == span
    assert read.novel.body == Span(0, len(read.novel.text))
    assert read.novel.text[read.novel.chapters[0].start :] == novel.repaired(len(words[0]), len(text))
