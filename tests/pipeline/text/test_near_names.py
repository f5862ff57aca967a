"""A name of the backstory one letter off the novel's is a notice; any other unknown word is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Novel, Span
from pipeline.text.near_names import _is_one_off, notices_on_names

TEXT = "Then Jim Penrose rowed. They saw Penrose again, and Captain Alder, and Jim. The harbour was Lowdale."


def notices(*texts: str) -> tuple[str, ...]:
    return notices_on_names(Novel("N", "N.txt", TEXT, Span(0, len(TEXT)), (), "utf-8", "0"), *texts)


@pytest.mark.parametrize("written", ["Pemrose", "Penrse", "Penrosse", "Pernose", "Pemrose’s"])
def test_name_one_letter_off_is_a_notice(written: str) -> None:
    (notice,) = notices(f"Jim {written} was born inland.")
    assert notice.startswith(f"the backstory writes {written.removesuffix('’s')!r}, which is nowhere in the novel")
    assert "it has 'Penrose'" in notice


@pytest.mark.parametrize(
    "text",
    ["Penrose was born inland.", "Harbour life suited him.", "Jem was ten.", "Pembroke was far.", "He was pemrose."],
)
def test_other_words_are_not(text: str) -> None:
    assert notices(text) == ()


def test_each_name_is_one_notice() -> None:
    assert len(notices("Pemrose rowed.", "Pemrose slept, and Captain Elder woke.")) == 2


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_letter_off_is_symmetric(one: str, other: str) -> None:
    assert _is_one_off(one, other) == _is_one_off(other, one)
