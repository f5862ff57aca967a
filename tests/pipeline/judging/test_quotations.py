"""Quotations have no mark of another speech at their edges, and a shortened one ends with a word that can be last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.judging.quotations import LONGEST_QUOTATION, shorten, trim_marks
from pipeline.records import Span


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("He fell. “", "He fell."),
        ("“I will,” he said. “", "“I will,” he said."),
        ("“I will.”—“", "“I will.”"),
        ('He said: "Go." "', 'He said: "Go."'),
        ("” He fell.", "He fell."),
        ('"—"I will."', '"I will."'),
        ("’ said he, and fell.", "said he, and fell."),
        ("’Twas he who fell.", "’Twas he who fell."),
        ("He fell.” “She fell.”", "He fell.” “She fell.”"),
        # a mark whose other half is outside
        ("“I was seven. I slept.", "I was seven. I slept."),
        ("He was there, and I brought him up.”", "He was there, and I brought him up."),
        ('"She went to Radnor. She met a man.', "She went to Radnor. She met a man."),
        ('I could not bear it."', "I could not bear it."),
        ("“Go!” “I will, and", "“Go!” “I will, and"),
        ("“I will,” he said. “I will.”", "“I will,” he said. “I will.”"),
        ("„Geh.“", "„Geh.“"),
        ("“”", "“”"),
    ],
)
def test_a_quotation_has_no_mark_of_another_speech_at_its_edges(text: str, quoted: str) -> None:
    start, end = trim_marks(f"x {text} x", Span(2, 2 + len(text)))
    assert f"x {text} x"[start:end] == quoted


@given(st.text(alphabet="ab “”\"'’‘—.", max_size=30), st.integers(0, 5), st.integers(0, 5))
def test_a_trimmed_range_is_inside_the_range(text: str, before: int, after: int) -> None:
    span = Span(min(before, len(text)), max(len(text) - after, min(before, len(text))))
    start, end = trim_marks(text, span)
    assert span.start <= start <= end <= span.end
    assert [letter for letter in text[start:end] if letter.isalnum()] == [
        letter for letter in text[span.start : span.end] if letter.isalnum()
    ]


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (" went home and", " went home"),
        (" the landing of the", " the landing"),
        (", with a queue still in the road, and she went", ", with a queue still in the road"),
        (" was useless--given him the stores, for Ben Gunn’s", " was useless--given him the stores"),
        (" was full of nine geese. “The Mr.", " was full of nine geese."),
        (" and he said “", " and he said"),
    ],
)
def test_a_shortened_quotation_ends_with_a_word_that_can_be_last(end: str, kept: str) -> None:
    start = "a" * (LONGEST_QUOTATION - len(end))
    assert shorten(f"{start}{end} long sentence") == start + kept


def test_a_quotation_that_fits_is_whole() -> None:
    assert shorten(" He fell and ") == "He fell and"
