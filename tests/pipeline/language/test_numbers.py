"""Numbers are read from digits and from words, and pronouns are not taken for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.numbers import find_quantities


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


def test_find_quantities_tells_years_from_counts() -> None:
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
