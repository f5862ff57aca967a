"""Stems are what is left of words without case, accents, endings and stop words."""

from __future__ import annotations

import pytest

from pipeline.language.stems import analyse, stems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Edmond Dantès’s journeys", ("edmond", "dant", "journey")),
        ("CHÂTEAU d'If", ("chateau", "d'if")),
        ("He’d won; he don't, she'll", ("won",)),
        ("seven of 1815 Kai-Koumou", ("seven", "1815", "kai", "koumou")),
        ("… —", ()),
    ],
)
def test_stems_folds_case_accents_endings_and_stop_words(text: str, expected: tuple[str, ...]) -> None:
    assert stems(text) == expected


def test_analyse_is_stems_without_the_cache() -> None:
    assert analyse("The Lighthouses of Ann") == stems("The Lighthouses of Ann")
