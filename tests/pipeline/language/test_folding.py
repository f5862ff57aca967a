"""Folding keeps offsets and makes spellings of one name equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.folding import fold, fold_aligned, match_key


@pytest.mark.parametrize(
    ("text", "folded"),
    [("DANTÈS’S", "dantes's"), ("ﬁne", "fine"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("İ", "i")],
)
def test_fold_drops_case_accents_and_ligatures(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_fold_aligned_keeps_every_offset(text: str) -> None:
    assert len(fold_aligned(text)) == len(text)


@given(st.text(), st.text())
def test_fold_aligned_folds_character_by_character(left: str, right: str) -> None:
    assert fold_aligned(left + right) == fold_aligned(left) + fold_aligned(right)


@pytest.mark.parametrize(
    ("printed", "folded"),
    [("DANTÈS’S", "dantes's"), ("Æneas ß İ", "æneas ß i"), ("Kai\u2011Koumou", "kai-koumou"), ("한글", "한글")],
)
def test_fold_aligned_drops_case_accents_and_kinds_of_marks(printed: str, folded: str) -> None:
    assert fold_aligned(printed) == folded


@pytest.mark.parametrize("spelling", ["The Café–Tale", "the_cafe_tale", "THE CAFE\u0301 TALE!", "thecafetale"])
def test_match_key_is_the_same_for_every_spelling(spelling: str) -> None:
    assert match_key(spelling) == "thecafetale"
