"""Chunks are ordered by their most relevant sentence, which few sentences are read closely for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.book import Book
from pipeline.errors import ModelError
from pipeline.judging import window_finder
from pipeline.judging.cross_encoder import PairText
from pipeline.judging.ranking import EvidenceRanker, RankedEvidence
from pipeline.records import Claim
from pipeline.states import Vector
from pipeline.storage.answers import AnswerCache, open_answers
from pipeline.storage.remote import open_cache
from tests.pipeline.judging.little_book import claim_of, evidence_in, logs, make_book
from tests.pipeline.judging.little_models import CPU

STORY = (
    ("Anna Reed kept the ferry.", "The boat was old.", "Tom Hale sold eels.", "He never paid."),
    ("Dr Moss came from the city.", "Nobody knew why.", "He slept badly.", "The dogs were quiet."),
)
CLAIM = claim_of("Anna Reed owned the ferry.")


class KnownFinder:
    """A bi-encoder whose vectors are chosen by the text; it records the texts."""

    weights_sha256 = identity = "finder"

    def __init__(self, near: Sequence[str] = ()) -> None:
        self.near, self.texts = near, list[str]()

    def encode(self, texts: Sequence[str]) -> Vector:
        self.texts += texts
        near = [[1.0, 0.0] if text in self.near or text == CLAIM.text else [0.0, 1.0] for text in texts]
        return np.array(near, dtype=np.float32).reshape(-1, 2)

    def mix(self, before: Vector, own: Vector) -> Vector:
        return own


class KnownRanker:
    """A cross-encoder whose labels are a function of the evidence; it records its pairs."""

    weights_sha256 = identity = "ranker"

    def __init__(self, labels: Callable[[str], tuple[float, float]]) -> None:
        self.labels, self.pairs = labels, list[PairText]()

    def label(self, pairs: Sequence[PairText]) -> torch.Tensor:
        self.pairs += pairs
        return torch.tensor([logs(*self.labels(pair.evidence)) for pair in pairs]).reshape(-1, 3)


def by_words(**words: tuple[float, float]) -> Callable[[str], tuple[float, float]]:
    """Return labels by the first of the words that the last sentence of a window has."""

    def labels(text: str) -> tuple[float, float]:
        last = text.removesuffix(".").rpartition(". ")[2]
        return next((chances for word, chances in words.items() if word in last), (0.01, 0.01))

    return labels


def ranker_of(labels: Callable[[str], tuple[float, float]], near: Sequence[str] = ()) -> EvidenceRanker:
    return EvidenceRanker(KnownFinder(near), KnownRanker(labels))  # type: ignore[arg-type]


def rank(ranker: EvidenceRanker, book: Book, chunks: Sequence[int], *, top_k: int = 10) -> RankedEvidence:
    return ranker.rank(book, [CLAIM], {CLAIM.id: evidence_in(CLAIM, *chunks)}, top_k=top_k)[CLAIM.id]


def test_chunk_is_as_relevant_as_the_best_of_its_sentences() -> None:
    book = make_book(STORY)
    found = rank(ranker_of(by_words(slept=(0.1, 0.8), boat=(0.5, 0.1), eels=(0.2, 0.2))), book, [0, 1, 2, 3])
    assert [item.chunk_index for item in found.evidence] == [3, 0, 1, 2]
    assert [item.rank for item in found.evidence] == [1, 2, 3, 4]
    assert [item.lexical_rank for item in found.evidence] == [4, 1, 2, 3], "all but the rank stays"


def test_windows_are_labelled_and_the_most_relevant_comes_first() -> None:
    book = make_book(STORY)
    found = rank(ranker_of(by_words(slept=(0.1, 0.8), boat=(0.5, 0.1))), book, [0, 1, 2, 3])
    assert sorted(window.window.sentence for window in found.windows) == list(range(8))
    first, second, *others = found.windows
    assert (first.window.sentence, first.text) == (6, "Nobody knew why. He slept badly.")
    assert first.labels == pytest.approx((math.log(0.1), math.log(0.8), math.log(0.1)), abs=1e-5)
    assert second.window.sentence == 1
    assert [window.window.sentence for window in others] == [0, 2, 3, 4, 5, 7], "equal ones in the order of the book"


def test_windows_outside_the_best_chunks_are_left_out() -> None:
    book = make_book(STORY)
    found = rank(ranker_of(by_words(slept=(0.1, 0.8), boat=(0.5, 0.1))), book, [0, 1, 2, 3], top_k=1)
    assert [item.chunk_index for item in found.evidence] == [3]
    assert [window.window.sentence for window in found.windows] == [6, 7]


def test_rank_by_words_and_state_decides_between_chunks_as_relevant() -> None:
    book = make_book(STORY)
    found = rank(ranker_of(by_words()), book, [2, 0, 3, 1])
    assert [item.chunk_index for item in found.evidence] == [2, 0, 3, 1]
    slightly = rank(ranker_of(by_words(boat=(0.015, 0.01))), book, [2, 0, 3, 1])
    assert [item.chunk_index for item in slightly.evidence] == [2, 0, 3, 1]
    clearly = rank(ranker_of(by_words(boat=(0.05, 0.01))), book, [2, 0, 3, 1])
    assert [item.chunk_index for item in clearly.evidence] == [0, 2, 3, 1]


@pytest.mark.parametrize(("near", "expected"), [((), {0, 1}), (("He slept badly.", "Nobody knew why."), {5, 6})])
def test_sentences_close_in_words_or_meaning_are_labelled(
    monkeypatch: pytest.MonkeyPatch, near: tuple[str, ...], expected: set[int]
) -> None:
    monkeypatch.setattr(window_finder, "WINDOWS", 2)
    ranker = ranker_of(by_words(), near)
    found = rank(ranker, make_book(STORY), [0, 1, 2, 3])
    assert {window.window.sentence for window in found.windows} == expected
    assert len(ranker.ranker.pairs) == 2, "no other sentence is read"  # type: ignore[attr-defined]
    assert len(found.evidence) == 4, "chunks without a labelled sentence stay"


def test_pairs_are_the_claim_with_windows_on_one_line() -> None:
    ranker = ranker_of(by_words())
    rank(ranker, make_book([["Anna Reed\nkept it.", "It   was old."]]), [0])
    pairs = ranker.ranker.pairs  # type: ignore[attr-defined]
    assert set(pairs) == {
        PairText(CLAIM.text, "Anna Reed kept it."),
        PairText(CLAIM.text, "Anna Reed kept it. It was old."),
    }


def test_each_claim_has_the_evidence_and_windows_of_its_own_chunks() -> None:
    book, others = make_book(STORY), [claim_of("Dr Moss slept.", 2), claim_of("It rained.", 3)]
    found = {
        CLAIM.id: evidence_in(CLAIM, 0),
        others[0].id: evidence_in(others[0], 3, 2),
        others[1].id: (),
    }
    ranked = ranker_of(by_words(slept=(0.8, 0.1))).rank(book, [CLAIM, *others], found, top_k=5)
    assert list(ranked) == ["c1", "c2", "c3"]
    assert {key: [item.chunk_index for item in own.evidence] for key, own in ranked.items()} == {
        "c1": [0],
        "c2": [3, 2],
        "c3": [],
    }
    assert [window.window.sentence for window in ranked["c2"].windows] == [6, 4, 5, 7]
    assert all(item.claim_id == key for key, own in ranked.items() for item in own.evidence)
    assert ranked["c3"].windows == ()


def test_no_claim_is_ranked_to_nothing() -> None:
    assert ranker_of(by_words()).rank(make_book(STORY), [], {}, top_k=3) == {}


def test_each_sentence_of_a_book_is_encoded_once() -> None:
    book, ranker = make_book(STORY), ranker_of(by_words())
    rank(ranker, book, [1])
    texts: list[str] = ranker.finder.texts  # type: ignore[attr-defined]
    assert texts == [CLAIM.text, "The boat was old.", "Tom Hale sold eels.", "He never paid."]
    del texts[:]
    rank(ranker, book, [1, 0])
    assert texts == [CLAIM.text, "Anna Reed kept the ferry."]


def test_vectors_are_those_of_the_book_that_is_ranked() -> None:
    book, other, ranker = make_book(STORY), make_book([["It rained.", "Rain fell."]]), ranker_of(by_words())
    first = rank(ranker, book, [0, 1])
    rank(ranker, other, [0])
    texts: list[str] = ranker.finder.texts  # type: ignore[attr-defined]
    assert "Rain fell." in texts
    del texts[:]
    assert rank(ranker, book, [0, 1]) == first
    assert "Anna Reed kept the ferry." in texts, "the vectors of one book are stored"


def test_labels_are_cached(tmp_path: Path) -> None:
    ranker = replace(ranker_of(by_words(boat=(0.5, 0.1))), cache=open_answers(open_cache(str(tmp_path))))
    pairs: list[PairText] = ranker.ranker.pairs  # type: ignore[attr-defined]
    book = make_book(STORY)
    first = rank(ranker, book, [0, 1, 2, 3])
    assert rank(ranker, book, [0, 1, 2, 3]) == first and len(pairs) == 8, "nothing is read twice"
    assert rank(ranker, book, [0, 1, 2, 3], top_k=1).evidence == first.evidence[:1] and len(pairs) == 8
    rank(ranker, book, [0, 1])
    assert len(pairs) == 12
    larger = make_book(STORY, per_chunk=3)
    assert {window.window.sentence for window in rank(ranker, larger, [0, 1]).windows} == set(range(6))
    assert len(pairs) == 18, "the same numbers of other chunks are other sentences"


def test_cached_labels_that_do_not_fit_are_computed_again(tmp_path: Path) -> None:
    class Damaged(AnswerCache):
        stored: object = None

        def load(self, key: str) -> object:
            return self.stored

        def store(self, key: str, value: object) -> None:
            pass

    book, labels = make_book(STORY), by_words(boat=(0.5, 0.1))
    expected = rank(ranker_of(labels), book, [0, 1])
    for stored in (None, {}, [], [[[0, -1.0]]], [[["x", -1.0, -1.0, -1.0]]], ["x"]):
        Damaged.stored = stored
        assert rank(replace(ranker_of(labels), cache=Damaged(tmp_path)), book, [0, 1]) == expected


def test_stand_in_ranks_a_book_the_same_each_time(stand_in_judge: Path) -> None:
    book, claims = make_book(STORY), [CLAIM, claim_of("Dr Moss slept well.", 2)]
    found = {claim.id: evidence_in(claim, 0, 1, 2, 3) for claim in claims}
    first, second = (
        EvidenceRanker.load(stand_in_judge, device=CPU, dtype=None).rank(book, claims, found, top_k=3) for _ in range(2)
    )
    assert first == second
    for claim in claims:
        own = first[claim.id]
        assert len(own.evidence) == 3 and len(own.windows) == 6
        assert [window.relevance for window in own.windows] == sorted(
            (window.relevance for window in own.windows), reverse=True
        )
    assert _alone(stand_in_judge, book, claims[1]) == pytest.approx(_relevances(first[claims[1].id]), abs=1e-5)


def _alone(folder: Path, book: Book, claim: Claim) -> dict[int, float]:
    ranker = EvidenceRanker.load(folder, device=CPU, dtype=None)
    return _relevances(ranker.rank(book, [claim], {claim.id: evidence_in(claim, 0, 1, 2, 3)}, top_k=3)[claim.id])


def _relevances(ranked: RankedEvidence) -> dict[int, float]:
    return {window.window.sentence: window.relevance for window in ranked.windows}


def test_weights_are_those_of_both_models(stand_in_judge: Path) -> None:
    ranker = EvidenceRanker.load(stand_in_judge, device=CPU, dtype=None)
    assert ranker.weights == {"finder": ranker.finder.weights_sha256, "ranker": ranker.ranker.weights_sha256}
    assert ranker_of(by_words()).weights == {"finder": "finder", "ranker": "ranker"}


def test_missing_model_is_named(stand_in_judge: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="finder cannot be loaded"):
        EvidenceRanker.load(tmp_path, device=CPU, dtype=None)
    (tmp_path / "finder").symlink_to(stand_in_judge / "finder")
    with pytest.raises(ModelError, match="ranker cannot be loaded"):
        EvidenceRanker.load(tmp_path, device=CPU, dtype=None)
