"""Sentences chosen for a claim: few, and together covering all its words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.evidence_selection import Candidate, choose_sentences

STEMS = st.frozensets(st.sampled_from("abcdefg"), max_size=4)
SHELVES = st.lists(st.tuples(STEMS, st.integers(1, 40)), max_size=8)


def shelf(*sentences: tuple[str, int]) -> list[Candidate]:
    return [Candidate(number, frozenset(stems), words) for number, (stems, words) in enumerate(sentences)]


def even(stem: str) -> float:
    return 1.0


@given(claim=st.lists(st.sampled_from("abcdefg"), max_size=5), sentences=SHELVES, words=st.integers(1, 80))
def test_chosen_sentences_share_a_word_stay_within_the_limit_and_come_once(
    claim: list[str], sentences: list[tuple[frozenset[str], int]], words: int
) -> None:
    candidates = [Candidate(number, stems, length) for number, (stems, length) in enumerate(sentences)]
    chosen = choose_sentences(claim, candidates, weight=even, words=words)
    assert len(set(chosen)) == len(chosen)
    assert all(candidates[number].stems & set(claim) for number in chosen)
    assert len(chosen) <= 1 or sum(candidates[number].words for number in chosen) <= words
    assert bool(chosen) == any(candidate.stems & set(claim) for candidate in candidates)


def test_words_not_yet_covered_come_first() -> None:
    assert choose_sentences("abc", shelf(("ab", 5), ("a", 5), ("c", 5)), weight=even) == (0, 2, 1)


def test_rare_words_come_first() -> None:
    assert choose_sentences("ab", shelf(("a", 5), ("b", 5)), weight={"a": 1.0, "b": 3.0}.__getitem__) == (1, 0)


def test_shorter_sentences_come_first() -> None:
    assert choose_sentences("a", shelf(("a", 60), ("a", 5)), weight=even) == (1, 0)


def test_first_sentence_is_taken_however_long_it_is() -> None:
    assert choose_sentences("a", shelf(("a", 500), ("b", 5)), weight=even) == (0,)
