"""Windows with evidence to verdicts: features of both models, quotations that are verbatim, words that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.book import Book
from pipeline.judging.cross_encoder import PairText
from pipeline.judging.differing_words import WordDifference
from pipeline.judging.interface import ClaimQuestion
from pipeline.judging.multinomial import MultinomialModel, consistent_probability
from pipeline.judging.verdict import NO_EVIDENCE
from pipeline.judging.verifier import VerifierInput
from pipeline.judging.window_features import window_features
from pipeline.judging.window_judge import (
    BEST,
    WindowJudge,
)
from pipeline.judging.windows import LabelledWindow
from pipeline.records import ClaimVerdict, Difference
from pipeline.storage.answers import AnswerCache, open_answers
from pipeline.storage.remote import open_cache
from tests.pipeline.judging.little_book import claim_of, evidence_in, labelled, logs, make_book
from tests.pipeline.judging.little_models import KnownVerifier
from tests.pipeline.stand_in_judge import fitted

BOOK = make_book()
CLAIM = claim_of("She sold the farm in the spring.")
JOINT, ALONE = ("bdh_odds_top", "cross_odds_top"), ("bdh_odds_top",)


class KnownCross:
    """A cross-encoder with given words that differ; it labels windows by a function."""

    weights_sha256 = identity = "cross"

    def __init__(
        self,
        words: WordDifference | None = None,
        labels: Callable[[str], tuple[float, float]] = lambda evidence: (0.25, 0.25),
    ) -> None:
        self.words, self.labels, self.pairs = words, labels, list[PairText]()

    def label(self, pairs: Sequence[PairText]) -> torch.Tensor:
        self.pairs += pairs
        return torch.tensor([logs(*self.labels(pair.evidence)) for pair in pairs]).reshape(-1, 3)

    def differing_words(self, pair: PairText) -> WordDifference | None:
        self.pairs.append(pair)
        return self.words


def judge_of(
    labels: Callable[[str, str], tuple[float, float]],
    cross: KnownCross | None = None,
    *,
    model: MultinomialModel | None = None,
) -> WindowJudge:
    """Return a judge whose odds are the sum of the mean odds of its models."""
    known = model or fitted(JOINT if cross else ALONE)
    return WindowJudge(KnownVerifier(labels), known, cross)  # type: ignore[arg-type]


def mill(claim: str, evidence: str) -> tuple[float, float]:
    """Return labels by which the sentence about the mill contradicts, and all others settle nothing."""
    return (0.05, 0.9) if "mill" in evidence else (0.02, 0.02)


def ask(book: Book = BOOK, *windows: LabelledWindow, chunks: Sequence[int] = (0, 1, 2)) -> ClaimQuestion:
    return ClaimQuestion(CLAIM, evidence_in(CLAIM, *chunks), windows)


def judged(judge: WindowJudge, question: ClaimQuestion, book: Book = BOOK) -> ClaimVerdict:
    (verdict,) = judge.judge(book, [question])
    return verdict


WINDOWS = (labelled(BOOK, 1, 0.1, 0.8), labelled(BOOK, 0, 0.3, 0.2), labelled(BOOK, 4, 0.05, 0.05))


def test_features_are_those_of_the_labels_of_both_models() -> None:
    verdict = judged(judge_of(mill, KnownCross()), ask(BOOK, *WINDOWS))
    cross = np.array([logs(0.25, 0.25)] * 3)
    bdh = np.array([logs(0.05, 0.9), logs(0.02, 0.02), logs(0.02, 0.02)])
    expected = window_features(bdh, "bdh_") | window_features(cross, "cross_")
    assert verdict.features == pytest.approx(expected, abs=1e-6)
    odds = verdict.features["bdh_odds_top"] + verdict.features["cross_odds_top"]
    chances = np.exp([odds / 2, -odds / 2, 0.0])
    chances /= chances.sum()
    assert list(verdict.probabilities) == ["supported", "contradicted", "not_stated"]
    assert list(verdict.probabilities.values()) == pytest.approx(chances)
    assert verdict.probability == pytest.approx(consistent_probability(chances.tolist()))
    assert verdict.probability < 0.5
    assert (verdict.label, verdict.claim) == ("contradicted", CLAIM)


def test_bdh_alone_has_its_own_features_only() -> None:
    verdict = judged(judge_of(mill), ask(BOOK, *WINDOWS))
    assert verdict.features.keys() == window_features(np.zeros((0, 3)), "bdh_").keys()
    assert (verdict.label, verdict.difference) == ("contradicted", None)


def test_label_needs_the_threshold_of_its_model() -> None:
    for threshold, label in ((0.0, "contradicted"), (1.0, "not_stated")):
        model = replace(fitted(ALONE), thresholds=(threshold, threshold))
        assert judged(judge_of(mill, model=model), ask(BOOK, *WINDOWS)).label == label


def test_a_claim_below_the_threshold_is_not_settled_by_its_passage() -> None:
    model = replace(fitted(ALONE), thresholds=(1.0, 1.0))
    verdict = judged(judge_of(mill, model=model), ask(BOOK, *WINDOWS))
    assert verdict.unsure and verdict.rationale.startswith("This is not settled; closest passage (chapter ")


def test_claim_without_evidence_is_not_stated_by_the_prior() -> None:
    verifier = KnownVerifier(mill)
    judge = WindowJudge(verifier, fitted(ALONE), None)
    verdict = judged(judge, ClaimQuestion(CLAIM, ()))
    assert (verdict.label, verdict.pairs, verdict.rationale) == ("not_stated", (), NO_EVIDENCE)
    assert verdict.probabilities == {"supported": 0.4, "contradicted": 0.4, "not_stated": 0.2}
    assert verdict.probability == pytest.approx(0.5)
    assert not any(verdict.features.values())
    assert verifier.inputs == []


def test_models_read_the_most_relevant_windows_only() -> None:
    book = make_book([[f"Sentence {number} of it." for number in range(40)]])
    windows = [labelled(book, number, 0.5 - number / 100, 0.1) for number in range(40)]
    verifier, cross = KnownVerifier(mill), KnownCross()
    judge = WindowJudge(verifier, fitted(JOINT), cross)  # type: ignore[arg-type]
    verdict = judged(judge, ask(book, *windows, chunks=range(20)), book)
    assert verifier.inputs == [VerifierInput(CLAIM.text, (window.text,)) for window in windows[:BEST]]
    assert cross.pairs == [PairText(CLAIM.text, window.text) for window in windows[:BEST]]
    assert len(verdict.pairs) == 20
    last = verdict.pairs[-1].probabilities
    assert last == pytest.approx({"support": 0.12, "contradict": 0.1, "irrelevant": 0.78}), "the ranker's alone"


def test_windows_that_were_not_ranked_are_those_with_the_words_of_the_claim() -> None:
    cross = KnownCross(labels=lambda evidence: (0.1, 0.7) if "mill" in evidence else (0.2, 0.1))
    verifier = KnownVerifier(mill)
    verdict = judged(WindowJudge(verifier, fitted(JOINT), cross), ask())  # type: ignore[arg-type]
    assert [pair.evidence for pair in cross.pairs[:2]] == [
        "Anna Reed kept the ferry. She sold the mill in the spring.",
        "She sold the mill in the spring. It rained until Friday.",
    ]
    assert len(verifier.inputs) == 6
    assert verdict == judged(judge_of(mill, cross), ask(BOOK, *_relabelled(cross, verifier.inputs)))


def _relabelled(cross: KnownCross, inputs: Sequence[VerifierInput]) -> list[LabelledWindow]:
    windows = {window.text: window for window in (labelled(BOOK, number, 0.3, 0.3) for number in range(6))}
    labels = cross.label([PairText(one.claim, *one.sentences) for one in inputs]).tolist()
    return [replace(windows[one.sentences[0]], labels=tuple(own)) for one, own in zip(inputs, labels, strict=True)]


def test_pairs_quote_the_most_relevant_window_of_each_chunk() -> None:
    pairs = judged(judge_of(mill, KnownCross()), ask(BOOK, *WINDOWS, chunks=(1, 0, 2))).pairs
    assert [pair.evidence.chunk_index for pair in pairs] == [1, 0, 2]
    assert [pair.quotation for pair in pairs] == [
        "It rained until Friday.",
        "Anna Reed kept the ferry.\nShe sold the mill\nin the spring.",
        "Dr Moss came from the city.\nNobody knew why.",
    ]
    assert [BOOK.novel.text[pair.start : pair.end] for pair in pairs] == [pair.quotation for pair in pairs]
    assert [(pair.chapter, pair.chapter_title) for pair in pairs] == [
        (1, "Chapter 1"),
        (1, "Chapter 1"),
        (2, "Chapter 2"),
    ]
    assert pairs[0].probabilities == {"support": 0.0, "contradict": 0.0, "irrelevant": 1.0}
    assert pairs[1].probabilities == pytest.approx({"support": 0.15, "contradict": 0.575, "irrelevant": 0.275})
    assert [pair.label for pair in pairs] == ["irrelevant", "contradict", "irrelevant"]


@pytest.mark.parametrize(("claim", "shown"), [("He sold the mill.", 0), ("He kept the ferry.", 1), ("Zebras.", 0)])
def test_of_a_long_window_the_sentence_with_more_of_the_claim_is_quoted(claim: str, shown: int) -> None:
    sentences = "He sold the mill" + " and more" * 20 + ".", "He kept the ferry" + " and more" * 25 + "."
    book, own = make_book([sentences, ["It rained" + " for days" * 30 + "."]]), claim_of(claim)
    windows = [labelled(book, 1, 0.2, 0.2), labelled(book, 2, 0.1, 0.1)]
    question = ClaimQuestion(own, evidence_in(own, 0, 1), tuple(windows))
    pairs = judged(judge_of(mill), question, book).pairs
    assert [pair.quotation for pair in pairs] == [sentences[shown], "It rained" + " for days" * 30 + "."]
    assert all(book.novel.text[pair.start : pair.end] == pair.quotation for pair in pairs)


def test_pairs_of_bdh_alone_have_its_probabilities() -> None:
    pairs = judged(judge_of(mill), ask(BOOK, *WINDOWS)).pairs
    assert pairs[0].probabilities == pytest.approx({"support": 0.05, "contradict": 0.9, "irrelevant": 0.05})
    assert pairs[1].label == "irrelevant" and pairs[1].probabilities["irrelevant"] == 1.0


def test_rationale_quotes_the_window_that_decides() -> None:
    verdict = judged(judge_of(mill, KnownCross()), ask(BOOK, *WINDOWS))
    assert verdict.rationale.startswith("The book contradicts this (chapter 1, characters ")
    assert verdict.rationale.endswith("“Anna Reed kept the ferry. She sold the mill in the spring.”")


def test_words_that_differ_are_verbatim_in_the_book() -> None:
    cross = KnownCross(WordDifference("farm", "mill in the"))
    verdict = judged(judge_of(mill, cross), ask(BOOK, *WINDOWS))
    assert cross.pairs[3:] == [PairText(CLAIM.text, WINDOWS[0].text)], "compared with the window that contradicts most"
    difference = verdict.difference
    assert difference is not None and (difference.claimed, difference.found) == ("farm", "mill in the")
    assert BOOK.novel.text[difference.start : difference.end] == "mill\nin the"
    assert verdict.rationale.endswith("The claim says “farm” where the book has “mill in the”.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (WordDifference("farm", ""), Difference("farm")),
        (WordDifference("farm", "house"), Difference("farm")),
        (WordDifference("farm", "rained"), Difference("farm")),
        (None, None),
    ],
)
def test_words_that_the_window_does_not_have_are_not_named(
    words: WordDifference | None, expected: Difference | None
) -> None:
    verdict = judged(judge_of(mill, KnownCross(words)), ask(BOOK, *WINDOWS))
    assert verdict.difference == expected
    assert "where the book has" not in verdict.rationale


def test_words_that_differ_are_asked_for_contradicted_claims_only() -> None:
    cross = KnownCross(WordDifference("farm", "mill"))
    verdict = judged(judge_of(lambda claim, evidence: (0.9, 0.02), cross), ask(BOOK, labelled(BOOK, 1, 0.9, 0.05)))
    assert (verdict.label, verdict.difference, cross.pairs) == (
        "supported",
        None,
        [PairText(CLAIM.text, WINDOWS[0].text)],
    )


def test_verdicts_come_in_the_order_of_the_questions_and_count_progress() -> None:
    other = claim_of("Dr Moss slept badly.", 2)
    questions = [
        ask(BOOK, *WINDOWS),
        ClaimQuestion(other, ()),
        ClaimQuestion(other, evidence_in(other, 2), (labelled(BOOK, 5, 0.9, 0.05),)),
    ]
    done: list[int] = []
    judge = judge_of(lambda claim, evidence: (0.9, 0.02) if "slept" in evidence else mill(claim, evidence))
    verdicts = judge.judge(BOOK, questions, on_progress=done.append)
    assert [verdict.claim.id for verdict in verdicts] == ["c1", "c2", "c2"]
    assert [verdict.label for verdict in verdicts] == ["contradicted", "not_stated", "supported"]
    assert done == [4, 1, 2]
    assert verdicts == [judged(judge, question) for question in questions]
    assert judge.judge(BOOK, []) == []


def test_verifier_outputs_are_cached(tmp_path: Path) -> None:
    cache, verifier = open_answers(open_cache(str(tmp_path))), KnownVerifier(mill)
    judge = WindowJudge(verifier, fitted(ALONE), None, cache)
    first = judge.judge(BOOK, [ask(BOOK, *WINDOWS)])
    assert judge.judge(BOOK, [ask(BOOK, *WINDOWS)]) == first
    assert len(verifier.inputs) == 3, "nothing is read twice"
    judge.judge(BOOK, [ask(BOOK, *WINDOWS[:2])])
    assert len(verifier.inputs) == 5
    other = KnownVerifier(mill)
    other.identity = "another"
    replace(judge, verifier=other).judge(BOOK, [ask(BOOK, *WINDOWS)])
    assert len(other.inputs) == 3, "the outputs of another verifier are not taken"


@pytest.mark.parametrize("stored", [None, [], [[0.1, 0.2]], [[0.1, 0.2, "x"]] * 3, {"a": 1}])
def test_cached_outputs_that_do_not_fit_are_computed_again(stored: object, tmp_path: Path) -> None:
    class Damaged(AnswerCache):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            self.stored: list[object] = []

        def load(self, key: str) -> object:
            return stored

        def store(self, key: str, value: object) -> None:
            self.stored.append(value)

    cache = Damaged(tmp_path)
    judge = WindowJudge(KnownVerifier(mill), fitted(ALONE), None, cache)
    assert judge.judge(BOOK, [ask(BOOK, *WINDOWS)]) == judge_of(mill).judge(BOOK, [ask(BOOK, *WINDOWS)])
    assert cache.stored == [[[0.05, 0.9, pytest.approx(0.05)], *[[0.02, 0.02, pytest.approx(0.96)]] * 2]]


def test_weights_and_method_name_the_models() -> None:
    joint, alone = judge_of(mill, KnownCross()), judge_of(mill)
    assert joint.weights == {"bdh_verifier": "known", "cross_encoder": "cross"}
    assert alone.weights == {"bdh_verifier": "known"}
    assert joint.method.startswith("the BDH verifier and a cross-encoder label") and "cross" not in alone.method
    assert joint.threshold == 0.5
