"""Segments are the text itself; marks stand on shared words and on the quotation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Span
from pipeline.report.passages import Paragraph, excerpt, paragraphs, shared_words

NOTHING = Span(0, 0)
PROSE = st.text(alphabet="ab Dé’'_.\n", max_size=80)


def _cut(text: str, claim: str, *, quoted: Span = NOTHING) -> tuple[Paragraph, ...]:
    return paragraphs(text, shared_words(text, claim), quoted=quoted)


def _shared(text: str, claim: str) -> list[str]:
    return [part.text for paragraph in _cut(text, claim) for part in paragraph if part.marked]


def test_shared_words_are_found_by_stem_case_and_accent() -> None:
    assert _shared("The SAILOR sailed past Dantès’s house.", "Dantes sails; sailors") == [
        "SAILOR",
        "sailed",
        "Dantès’s",
    ]


def test_common_words_are_not_marked() -> None:
    assert _shared("He was in the house.", "He was in the garden.") == []


def test_italics_of_project_gutenberg_are_no_letters() -> None:
    assert _shared("the crew of the _Pharaon_ sang", "the Pharaon") == ["Pharaon"]


def test_quotation_is_marked_where_it_stands() -> None:
    ((before, inside, after),) = paragraphs("One. Two. Three.", quoted=Span(5, 9))
    assert (before.text, inside.text, after.text) == ("One. ", "Two.", " Three.")
    assert (before.quoted, inside.quoted, after.quoted) == (False, True, False)


def test_blank_lines_part_paragraphs() -> None:
    texts = ["".join(part.text for part in paragraph) for paragraph in paragraphs("\n\nA\nb.\n \nC.\n")]
    assert texts == ["A\nb.", "C.\n"]


def test_given_ranges_are_marked_even_where_the_quotation_cuts_them() -> None:
    ((*parts,),) = paragraphs("One two three.", [Span(4, 13)], quoted=Span(0, 7))
    assert [(part.text, part.marked, part.quoted) for part in parts] == [
        ("One ", False, True),
        ("two", True, True),
        (" three", True, False),
        (".", False, False),
    ]


@given(text=PROSE, claim=PROSE, start=st.integers(0, 80), length=st.integers(0, 80))
def test_segments_joined_are_the_text_for_any_marks(text: str, claim: str, start: int, length: int) -> None:
    cut = _cut(text, claim, quoted=Span(start, start + length))
    joined = "".join(part.text for paragraph in cut for part in paragraph)
    assert "".join(joined.split()) == "".join(text.split())
    assert all(part.text for paragraph in cut for part in paragraph)


@given(text=PROSE, start=st.integers(0, 80), length=st.integers(0, 80))
def test_quoted_segments_are_the_quotation_for_any_range(text: str, start: int, length: int) -> None:
    cut = paragraphs(text, quoted=Span(start, start + length))
    quoted = "".join(part.text for paragraph in cut for part in paragraph if part.quoted)
    assert "".join(quoted.split()) == "".join(text[start : start + length].split())


@given(PROSE, st.integers(0, 80), st.integers(8, 30))
def test_excerpt_is_short_and_inside(text: str, place: int, longest: int) -> None:
    start, end = excerpt(text, Span(place, place + 1), longest=longest)
    assert 0 <= start <= end <= len(text) and end - start <= longest
    assert (start, end) == (0, len(text)) or len(text) > longest


def test_excerpt_holds_the_decisive_words_and_cuts_between_words() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    place = text.index("eight")
    assert text[slice(*excerpt(text, Span(place, place + 5), longest=24))] == "six seven eight nine ten"
    assert text[slice(*excerpt(text, None, longest=24))] == "one two three four five"
