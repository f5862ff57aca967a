"""Quotations are found again after edits: word for word anywhere, nearly at the place that is most alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.anchors import Context, context_of, find_near, find_verbatim, is_distinctive
from pipeline.records import Span

WORDS = st.sampled_from(["the", "old", "ferry", "sank", "in", "April", "water", "again", "and", "nobody", "saw", "her"])
TEXT = (
    "The bell rang at noon. Nobody answered it.\n\nAnna rowed past the house of Dr. Moss twice a day and counted the "
    "shutters. There were fourteen of them. “Go,” she said.\n\nTom came on Fridays. Nobody answered him."
)


@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(WORDS, max_size=30), st.lists(WORDS, max_size=30))
def test_quotation_is_found_wherever_it_was_moved(quotation: list[str], before: list[str], after: list[str]) -> None:
    text = "\n".join([*before, *quotation, *after])
    places = find_verbatim(text, " ".join(quotation))
    assert any(text[slice(*place)].split() == quotation for place in places)


def test_form_of_quotation_marks_makes_no_difference() -> None:
    (place,) = find_verbatim(TEXT, '"Go,"  she said.')
    assert TEXT[slice(*place)] == "“Go,” she said."


def test_empty_quotation_is_nowhere() -> None:
    assert find_verbatim(TEXT, " \n ") == []


@pytest.mark.parametrize(
    "quotation",
    [
        "Anna rowed past the house of Dr. Moss once a week and counted the shutters.",
        "Anna had rowed past Dr. Moss’s house twice a day, and she counted the shutters.",
        "Anna rowed past the house of Dr. Moss twice a day and counted its windows.",
    ],
)
def test_edited_quotation_is_proposed_in_whole_sentences(quotation: str) -> None:
    place = find_near(TEXT, quotation, Context())
    assert place is not None
    assert TEXT[slice(*place)] == ("Anna rowed past the house of Dr. Moss twice a day and counted the shutters.")


@pytest.mark.parametrize("quotation", ["He had never seen the sea, nor wanted to.", "Anna was the house.", ""])
def test_nothing_is_proposed_where_nothing_is_like_it(quotation: str) -> None:
    assert find_near(TEXT, quotation, Context()) is None
    assert find_near("", quotation, Context()) is None


def test_short_quotation_is_proposed_in_its_surroundings_alone() -> None:
    assert not is_distinctive("Nobody answered them.")
    assert find_near(TEXT, "Nobody answered them.", Context()) is None
    (former,) = find_verbatim(TEXT, "Nobody answered him.")
    place = find_near(TEXT.replace("Tom", "Tim"), "Nobody answered them.", context_of(TEXT, former))
    assert place is not None and TEXT[slice(*place)] == "Nobody answered him."


def test_context_is_a_dozen_words_on_either_side() -> None:
    (place,) = find_verbatim(TEXT, "There were fourteen of them.")
    context = context_of(TEXT, place)
    assert context.before == "the house of Dr. Moss twice a day and counted the shutters."
    assert context.after == "“Go,” she said. Tom came on Fridays. Nobody answered him."
    assert context_of(TEXT, Span(0, len(TEXT))) == Context("", "")
