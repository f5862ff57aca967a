"""Figures of claims come with intervals by book, and differences are those of the figures."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.baselines import Answers
from pipeline.evaluation.claim_metrics import claim_metrics
from pipeline.evaluation.pairs import pair_metrics

PAIRS = 60
LABELS = [1, 0] * PAIRS
BOOKS = [f"book {number // 12}" for number in range(2 * PAIRS)]
NAMES: list[str | None] = [str(number // 2) for number in range(2 * PAIRS)]


def answers(seed: int, *, strength: float) -> Answers:
    chance = np.random.default_rng(seed)
    odds = strength * (np.array(LABELS) - 0.5) + chance.normal(size=len(LABELS))
    chances = 1 / (1 + np.exp(-odds))
    return Answers.of(chances.tolist(), (chances >= 0.5).tolist())


GOOD, POOR = answers(0, strength=2.0), answers(1, strength=0.2)


def test_figures_are_those_of_pair_metrics() -> None:
    found = claim_metrics({"verdict": GOOD}, LABELS, books=BOOKS, pairs=NAMES, seed=0)
    assert (
        found.figures["verdict"]
        == pair_metrics(GOOD.probabilities.tolist(), LABELS, NAMES, books=BOOKS, threshold=0.5, seed=0).figures
    )


def test_difference_is_paired_and_in_order() -> None:
    found = claim_metrics({"verdict": GOOD, "lexical": POOR}, LABELS, books=BOOKS, pairs=NAMES, seed=0)
    for name, figure in found.differences["verdict_minus_lexical"].items():
        value = found.figures["verdict"][name].value - found.figures["lexical"][name].value
        assert figure.value == pytest.approx(value)
        assert figure.low <= value <= figure.high
    assert found.differences["verdict_minus_lexical"]["ranking"].low > 0
    same = claim_metrics({"verdict": GOOD, "lexical": GOOD}, LABELS, books=BOOKS, pairs=NAMES, seed=0)
    assert {(one.low, one.high) for one in same.differences["verdict_minus_lexical"].values()} == {(0.0, 0.0)}


def test_majority_ranks_nothing_and_gets_no_twins_right() -> None:
    figures = claim_metrics({}, LABELS, books=BOOKS, pairs=NAMES, seed=0).figures["majority"]
    assert [figures[name].value for name in ("accuracy", "auc", "both_right", "ranking")] == [0.5, 0.5, 0.0, 0.5]


def test_pairs_of_one_name_in_two_books_are_two_pairs() -> None:
    again: list[str | None] = [str(number % 12 // 2) for number in range(2 * PAIRS)]
    found = claim_metrics({"verdict": GOOD}, LABELS, books=BOOKS, pairs=again, seed=0)
    assert (found.pairs, found.pairs_left_out, found.books) == (PAIRS, 0, 10)


def test_one_label_leaves_the_auc_undefined() -> None:
    found = claim_metrics({"verdict": GOOD}, [1] * len(LABELS), books=BOOKS, pairs=[None] * len(LABELS), seed=0)
    assert found.to_dict()["figures"]["verdict"]["auc"] == {"value": None, "low": None, "high": None}
