"""A passage is its sentences, and the sentence to quote is the one that covers most of the claim."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.judging.passage import Passage, best_sentence

STOPWORDS = {"the", "a"}
WORDS = ("The", "old", "keeper", "slept", "lighthouse", "Anne")
SENTENCES = st.lists(st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join), min_size=1, max_size=5)


def stems(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.findall(r"\w+", text.lower()) if word not in STOPWORDS)


def weight(stem: str) -> float:
    return 3.0 if stem == "lighthouse" else 1.0


def best(claim: str, sentences: Sequence[str]) -> int:
    return best_sentence(claim, sentences, weight=weight, stems=stems)


def covered(claim: str, sentence: str) -> float:
    return sum(weight(stem) for stem in {*stems(claim)} & {*stems(sentence)})


def test_passage_joins_its_sentences_in_order() -> None:
    assert Passage(("The keeper slept.", "So did she.")).text == "The keeper slept. So did she."


def test_best_sentence_covers_most_and_is_the_shorter_of_equals() -> None:
    sentences = ["The keeper.", "Long ago an old keeper slept.", "Old keeper.", "Old keeper."]
    assert best("The old keeper", sentences) == 2


def test_best_sentence_weighs_rare_words_more() -> None:
    assert best("The old keeper of the lighthouse", ["The old keeper.", "A lighthouse."]) == 1


@given(SENTENCES.map(" ".join), SENTENCES)
def test_no_sentence_covers_more_than_the_best(claim: str, sentences: list[str]) -> None:
    chosen = sentences[best(claim, sentences)]
    assert covered(claim, chosen) == max(covered(claim, sentence) for sentence in sentences)


def test_best_sentence_of_a_claim_that_none_covers_is_the_shortest() -> None:
    assert best("Quixotic zebras", ["The old keeper slept.", "Keeper.", "Anne slept."]) == 1


def test_best_sentence_needs_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least one"):
        best("The keeper", [])
