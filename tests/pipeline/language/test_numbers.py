"""Numbers are read from digits and from words, and pronouns are not taken for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.numbers import OLDEST, find_ages, find_quantities


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("twenty-one", [21]),
        ("Forty years", [40]),
        ("at five-and-twenty", [25]),
        ("a hundred and three guests", [103]),
        ("eighteen hundred and fifteen", [1815]),
        ("two hundred thousand francs", [200_000]),
        ("two thousand three hundred", [2300]),
        ("1,200 francs on the 3rd", [1200, 3]),
        ("the twelfth of May, the thirtieth of June", [12, 30]),
        ("three or four men", [3, 4]),
    ],
)
def test_find_quantities_reads_the_value(text: str, values: list[float]) -> None:
    assert [quantity.value for quantity in find_quantities(text)] == values


@pytest.mark.parametrize("text", ["no one came", "at first", "a second later", "someone often weighed it", ""])
def test_find_quantities_leaves_other_words_alone(text: str) -> None:
    assert find_quantities(text) == ()


def test_find_quantities_distinguishes_years_from_counts() -> None:
    kinds = [quantity.kind for quantity in find_quantities("In 1815 he had 40 men and 1,500 francs.")]
    assert kinds == ["year", "count", "count"]


@given(st.integers(0, 999_999))
def test_find_quantities_reads_any_number_in_digits(number: int) -> None:
    assert [quantity.value for quantity in find_quantities(f"He counted {number} sheep.")] == [number]


@given(st.text())
def test_find_quantities_gives_ranges_inside_the_text_in_order(text: str) -> None:
    found = find_quantities(text)
    ends = [0] + [quantity.end for quantity in found]
    assert all(end <= quantity.start < quantity.end <= len(text) for end, quantity in zip(ends, found, strict=False))


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("At twelve he went to sea.", [12]),
        ("At twelve, Edmond Dantès went to sea.", [12]),
        ("By eighteen he was a student.", [18]),
        ("He left home at the age of 14.", [14]),
        ("Aged thirty-one, she married.", [31]),
        ("He was nine when a storm came.", [9]),
        ("When he was fourteen a whaling crew came.", [14]),
        ("The thirteen-year-old fled alone.", [13]),
        ("He was a boy of ten.", [10]),
        ("He was twelve years old in 1815.", [12]),
        ("At five-and-twenty he led the clan.", [25]),
        ("At seven his father died, at nine his mother.", [7, 9]),
        ("In his twelfth year he fled.", [11]),
        ("At seven o'clock he left.", []),
        ("The letter is postmarked at 4:30, and unsigned.", []),
        ("At ten the bell rang.", []),
        ("At twelve knots the ship ran in.", []),
        ("They live at 10 Downing Street.", []),
        ("He was nearly forty.", []),
        ("In his thirties he retired.", []),
        ("There were twelve, and he led them.", []),
    ],
)
def test_find_ages_reads_exact_ages_of_persons(text: str, ages: list[int]) -> None:
    assert [age.years for age in find_ages(text, clock=False)] == ages


def test_find_ages_reads_small_numbers_as_hours_in_a_novel() -> None:
    assert find_ages("At nine she left.") == ()
    assert [age.years for age in find_ages("At nineteen she left.")] == [19]


@given(st.text(max_size=60), st.booleans())
def test_find_ages_gives_possible_ages_inside_the_text(text: str, clock: bool) -> None:
    assert all(0 < age.years <= OLDEST and text[age.start : age.end] for age in find_ages(text, clock=clock))
