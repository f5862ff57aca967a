"""Sentences are found by their stems, and every sentence has its length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.stems import stems
from pipeline.retrieval.sentence_words import SentenceWords

TEXTS = ("Anna kept the ferries.", "", "It rained, and rained.", "The ferry\nwas Anna's.")
SENTENCES = st.lists(st.lists(st.sampled_from(["Anna", "ferry", "rained", "the"]), max_size=4).map(" ".join))


@pytest.mark.parametrize(
    ("stem", "holding"), [("ferri", [0, 3]), ("rain", [2]), ("anna", [0, 3]), ("the", []), ("mill", []), ("", [])]
)
def test_sentences_are_found_by_stem(stem: str, holding: list[int]) -> None:
    found = SentenceWords(TEXTS).holding(stem, np.array([3, 0, -1, 1, 2]))
    assert sorted(np.array([3, 0, -1, 1, 2])[found].tolist()) == holding


def test_length_is_the_count_of_words_as_they_are_printed() -> None:
    assert SentenceWords(TEXTS).lengths.tolist() == [4, 0, 4, 4]
    assert SentenceWords([]).lengths.tolist() == []


@given(SENTENCES)
def test_a_sentence_has_its_stems_and_no_others(texts: list[str]) -> None:
    words, numbers = SentenceWords(texts), np.arange(len(texts))
    for stem in ("anna", "ferri", "rain"):
        assert words.holding(stem, numbers).tolist() == [stem in stems(text) for text in texts]
