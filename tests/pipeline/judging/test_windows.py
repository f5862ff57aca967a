"""Windows are sentences with the one before, and those with the claim's words cover it best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.judging.windows import sentences_of, standardised, window_of, window_text, word_coverage
from pipeline.records import Repair, Span
from tests.pipeline.judging.little_book import claim_of, evidence_in, labelled, make_book

BOOK = make_book()
WORDS = st.lists(st.sampled_from(["Anna", "ferry", "mill", "Moss", "city", "zebra", "the"]), max_size=6).map(" ".join)


def text_of(span: Span) -> str:
    return BOOK.novel.text[slice(*span)]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        (0, "Anna Reed kept the ferry."),
        (1, "Anna Reed kept the ferry.\nShe sold the mill\nin the spring."),
        (3, "Dr Moss came from the city."),
        (4, "Dr Moss came from the city.\nNobody knew why."),
    ],
)
def test_window_is_a_sentence_with_the_one_before_it_in_its_chapter(sentence: int, words: str) -> None:
    window = window_of(BOOK, sentence)
    assert (window.sentence, text_of(window.span)) == (sentence, words)


def test_words_of_a_window_are_on_one_line() -> None:
    assert window_text(BOOK, window_of(BOOK, 1)) == "Anna Reed kept the ferry. She sold the mill in the spring."


def test_words_of_a_window_are_read_as_they_are_repaired() -> None:
    book = make_book([["She sold the mi-\nll."]])
    place = book.novel.text.index("-\n")
    repaired = type(book.novel)(**{**vars(book.novel), "repairs": (Repair(place, place + 2, ""),)})
    book = type(book)(repaired, book.sentences, book.chunks, (), book.index)
    assert window_text(book, window_of(book, 0)) == "She sold the mill."


def test_sentences_of_evidence_come_once_in_its_order() -> None:
    book = make_book(per_chunk=3, overlap=1)
    claim = claim_of("x")
    assert [chunk.first_sentence for chunk in book.chunks] == [0, 2, 4]
    assert sentences_of(book, evidence_in(claim, 1, 0, 2)) == [2, 3, 4, 0, 1, 5]
    assert sentences_of(book, ()) == []


def test_coverage_is_the_weight_of_the_claims_words_for_the_length() -> None:
    weight = BOOK.index.weight
    (mill,), (spring,), (ferry,) = (BOOK.index.stems(word) for word in ("mill", "spring", "ferry"))
    found = word_coverage(BOOK, "The ferry and the mill in spring", [0, 1, 2, 5])
    own = weight(mill) + weight(spring)
    assert found == pytest.approx(
        [
            weight(ferry) / math.sqrt(8 + 5),
            (own + weight(ferry) / 2) / math.sqrt(8 + 7),
            own / 2 / math.sqrt(8 + 4),
            0.0,
        ]
    )


def test_word_that_both_sentences_have_counts_once() -> None:
    book = make_book([["The mill burned.", "The mill stood."], ["Rain."]])
    (stem,) = book.index.stems("mill")
    assert word_coverage(book, "mill", [1]) == pytest.approx([book.index.weight(stem) / math.sqrt(8 + 3)])


@given(claim=WORDS, sentences=st.lists(st.integers(0, 5), unique=True))
def test_coverage_of_a_sentence_does_not_depend_on_the_others(claim: str, sentences: list[int]) -> None:
    found = word_coverage(BOOK, claim, sentences)
    assert found.tolist() == [word_coverage(BOOK, claim, [number])[0] for number in sentences]
    wanted = set(BOOK.index.stems(claim))
    for number, coverage in zip(sentences, found, strict=True):
        near = "\n".join(text_of(BOOK.sentences[one]) for one in (number - 1, number) if one >= 0)
        assert (coverage > 0) == bool(wanted & set(BOOK.index.stems(near)))


def test_standardised_values_have_mean_0_and_deviation_1() -> None:
    assert standardised(np.array([1.0, 3.0])).tolist() == [-1.0, 1.0]
    assert standardised(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_relevance_is_the_probability_that_the_window_settles_the_claim() -> None:
    assert labelled(BOOK, 1, 0.5, 0.2).relevance == pytest.approx(0.7)
