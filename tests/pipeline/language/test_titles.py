"""Titles and abbreviations are the same for every part of the program."""

from __future__ import annotations

import pytest

from pipeline.language.titles import ABBREVIATIONS, BEFORE_NAMES, classes_clash, title_class


@pytest.mark.parametrize("word", ["mr", "abbe", "inspector", "cousin", "st", "saint", "old", "the"])
def test_words_before_a_name_do_not_identify_the_person(word: str) -> None:
    assert word in BEFORE_NAMES


@pytest.mark.parametrize("word", ["mr", "lieut", "rev", "hon", "st"])
def test_an_abbreviated_title_does_not_end_a_sentence(word: str) -> None:
    assert word in ABBREVIATIONS


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [("mr", "mrs", True), ("mrs", "miss", True), ("mr", "ms", True), ("mrs", "ms", False), ("mr", "dr", False)],
)
def test_titles_of_two_persons_clash(first: str, second: str, clash: bool) -> None:
    assert classes_clash(title_class(first), title_class(second)) == clash
