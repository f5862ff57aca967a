"""The patterns for words differ in hyphens and digits alone, and words are compared in one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.words import HYPHENATED_WORD, LETTER_WORD, WORD, words_of

TEXT = "Dantès’s _Kai-Koumou_ of 1815"


def test_word_patterns_differ_in_hyphens_and_digits() -> None:
    assert WORD.findall(TEXT) == ["Dantès’s", "Kai", "Koumou", "of", "1815"]
    assert HYPHENATED_WORD.findall(TEXT) == ["Dantès’s", "Kai-Koumou", "of", "1815"]
    assert LETTER_WORD.findall(TEXT) == ["Dantès’s", "Kai-Koumou", "of"]


@pytest.mark.parametrize("text", ["", "_", "—", "'", "-"])
def test_marks_alone_are_not_words(text: str) -> None:
    assert words_of(text) == WORD.findall(text) == []


def test_words_lose_case_accents_and_possessive_endings() -> None:
    assert words_of("Dantès’s CELL, the boy's Kai-Koumou.") == ["dantes", "cell", "the", "boy", "kai-koumou"]


@given(st.text())
def test_words_of_any_text_are_its_hyphenated_words(text: str) -> None:
    assert len(words_of(text)) == len(HYPHENATED_WORD.findall(text))
