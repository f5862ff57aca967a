"""Headings become chapters; contents, half-titles and page numbers do not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Chapter, Novel, Span
from pipeline.text.chapters import find_chapters

PROSE = "It was a long day, and nothing of note was done by anybody in the house. " * 6


def _chapters(text: str) -> tuple[Chapter, ...]:
    return find_chapters(text, Span(0, len(text)))


def _titles(text: str) -> list[str]:
    return [chapter.title for chapter in _chapters(text)]


def _story(*headings: str) -> str:
    return "\n\n".join(f"{heading}\n\n{PROSE}" for heading in headings)


@pytest.mark.parametrize(
    "headings",
    [
        ["Chapter 1. The Arrival", "Chapter 2. Father and Son"],
        ["CHAPTER I.", "CHAPTER II.", "CHAPTER III."],
        ["Chapter the First", "Chapter the Second"],
        ["CHAPTER ONE: Home", "CHAPTER TWENTY-ONE: Away"],
        ["Chapter I The Old Sea-dog", "Chapter II Black Dog"],
        ["_CHAPTER II_", "_CHAPTER III_"],
        ["# Chapter 1", "# Chapter 2"],
        ["PROLOGUE", "Chapter 1", "Chapter 2", "EPILOGUE"],
        ["STAVE I: Marley's Ghost", "STAVE II: The First"],
        ["I", "II", "III", "IV"],
        ["1", "2", "3"],
        ["-1-", "-2-", "-3-"],
        ["I. A Scandal in Bohemia", "II. The Red-headed League", "III. A Case of Identity"],
        ["ONE -- The Absence of Mr Glass", "TWO -- The Paradise of Thieves", "THREE -- The Duel"],
        ["PART ONE", "PART TWO"],
        ["BOOK THE FIRST", "BOOK THE SECOND"],
    ],
)
def test_find_chapters_knows_headings(headings: list[str]) -> None:
    assert _titles(_story(*headings)) == headings


def test_find_chapters_reads_the_title_from_the_next_line() -> None:
    assert _titles(_story("CHAPTER I.\n\nTHE SHARK.", "CHAPTER II\nA Cry in the Night")) == [
        "CHAPTER I. THE SHARK.",
        "CHAPTER II A Cry in the Night",
    ]


def test_find_chapters_reads_a_sentence_as_text_not_title() -> None:
    assert _titles(_story("CHAPTER I.\n\n“Who is there?”", "CHAPTER II.\n\nHe was silent.")) == [
        "CHAPTER I.",
        "CHAPTER II.",
    ]


def test_find_chapters_numbers_and_tiles_from_the_first_heading() -> None:
    text = "Front matter.\n\n" + _story("Chapter 1", "Chapter 2", "Chapter 3")
    chapters = _chapters(text)
    assert [chapter.number for chapter in chapters] == [1, 2, 3]
    assert text[chapters[0].start :].startswith("Chapter 1")
    assert [chapter.end for chapter in chapters] == [chapters[1].start, chapters[2].start, len(text)]


def test_find_chapters_leaves_contents_out() -> None:
    headings = [f"Chapter {number}. Something of Note {number}" for number in range(1, 8)]
    contents = "CONTENTS\n\n VOLUME ONE\n" + "\n".join(headings) + "\n\n\n"
    text = contents + "VOLUME ONE\n\n" + _story(*headings)
    assert _titles(text) == headings
    assert _chapters(text)[0].start > len(contents)


def test_find_chapters_leaves_contents_out_when_a_preface_follows() -> None:
    headings = [f"CHAPTER {number}" for number in ("I", "II", "III", "IV")]
    text = "\n".join(headings) + "\n\nPREFACE\n\n" + PROSE * 20 + "\n\n" + _story(*headings)
    assert _titles(text) == headings
    assert _chapters(text)[0].start > 20 * len(PROSE)


def test_find_chapters_leaves_out_contents_that_no_heading_repeats() -> None:
    contents = "\n".join(f"Chapter {number}. Something" for number in range(1, 9))
    assert _chapters(contents + "\n\nTHE STORY\n\n" + PROSE * 20) == ()


def test_find_chapters_keeps_the_heading_with_text_of_a_half_title() -> None:
    text = "CHAPTER I\n\n[Illustration]\n\nCHAPTER I\n\n" + PROSE + "\n\nCHAPTER II\n\n" + PROSE
    chapters = _chapters(text)
    assert len(chapters) == 2
    assert chapters[0].start > 0


def test_find_chapters_counts_on_where_a_second_book_begins_anew() -> None:
    text = _story("BOOK ONE\n\nCHAPTER I", "CHAPTER II", "CHAPTER III", "BOOK TWO\n\nCHAPTER I", "CHAPTER II")
    assert [chapter.number for chapter in _chapters(text)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "numbers",
    [
        "I II III IV V VI",
        "I II III IX V VI",  # misprinted
        "I II III III V VI",  # printed twice
        "I II III V V VI",
        "I II XX IV XX VI",
        "1 2 3 24 5 6",
    ],
)
def test_find_chapters_loses_none_whose_number_is_misprinted(numbers: str) -> None:
    headings = [f"{number} The {title} Day" for number, title in zip(numbers.split(), "ABCDEFG", strict=False)]
    assert _titles(_story(*headings)) == headings


def test_find_chapters_counts_a_number_with_another_title_again() -> None:
    headings = ["XVI The Ship", "XVI The Shore", "XVII The Storm", "XVIII The Calm"]
    assert _titles(_story(*headings)) == headings
    times = ["10 A.M.", "11 A.M.", "11:30 P.M."]
    assert _titles(_story(*times)) == []
    running = ["XVI The Ship", "XVI The Ship", "XVII The Storm", "XVIII The Calm"]
    assert _titles(_story(*running)) == running[1:]


def test_find_chapters_takes_no_other_number_for_a_misprint() -> None:
    headings = ["I The Ship", "II The Shore", "40 The Number", "III The Storm", "IV The Calm"]
    assert _titles(_story(*headings)) == [*headings[:2], *headings[3:]]


def test_find_chapters_reads_a_title_in_quotation_marks() -> None:
    headings = ["I The Ship", "II “Pieces of Eight”", "III The Storm"]
    assert _titles(_story(*headings)) == headings


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        f"{PROSE}\n\nChapter two of his life was the sea.\n\n{PROSE}",
        f"{PROSE}\n\nas is told in\nChapter 3. of the\nother book.\n\n{PROSE}",
        f"{PROSE}\n\nI\n\n{PROSE}\n\nII\n\n{PROSE}",
        "\n\n".join(f"{PROSE}and then the\n\n{page}\n\nman went on. " for page in range(1, 30)),
    ],
)
def test_find_chapters_finds_none_in_prose(text: str) -> None:
    assert _chapters(text) == ()


def test_find_chapters_stays_inside_the_body() -> None:
    text = "CHAPTER I\n\n" + _story("CHAPTER II", "CHAPTER III") + "\n\nCHAPTER IV\n\nlicence"
    body = Span(text.index("CHAPTER II"), text.index("CHAPTER IV"))
    chapters = find_chapters(text, body)
    assert [chapter.title for chapter in chapters] == ["CHAPTER II", "CHAPTER III"]
    assert chapters[-1].end == body.end


LINES = st.sampled_from(
    [
        "",
        "  ",
        "Chapter 1",
        "CHAPTER II.",
        "I",
        "II",
        "III",
        "IV. Title",
        "BOOK ONE",
        "A Cry",
        "Some words, then.",
        PROSE,
    ]
)


@given(st.lists(LINES, max_size=40))
def test_chapters_of_any_lines_tile_and_hold_their_heading(lines: list[str]) -> None:
    text = "\n".join(lines)
    chapters = _chapters(text)
    assert [chapter.number for chapter in chapters] == list(range(1, len(chapters) + 1))
    for chapter, following in pairwise(chapters):
        assert chapter.end == following.start
    novel = Novel("x", "x.txt", text, Span(0, len(text)), chapters, "utf-8", "0")
    for chapter in chapters:
        start, end = novel.heading_of(chapter)
        assert (chapter.start == start) and end <= chapter.end
        assert " ".join(text[start:end].split()) == chapter.title
