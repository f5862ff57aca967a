"""Systems are compared on the same rows: their own figures, paired differences, and figures of pairs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.evaluation.baselines import SystemOutput
from pipeline.evaluation.compare import ClaimMetrics, claim_metrics, compare_systems, find_pairs
from pipeline.evaluation.metrics import MEASURES, Scored, measure

ROWS = 60
LABELS = np.array([1, 0] * (ROWS // 2))
PAIRS = (np.arange(0, ROWS, 2), np.arange(1, ROWS, 2))

CLAIM_PAIRS = 60
CLAIM_LABELS = [1, 0] * CLAIM_PAIRS
BOOKS = [f"book {number // 12}" for number in range(2 * CLAIM_PAIRS)]
PAIR_NAMES: list[str | None] = [str(number // 2) for number in range(2 * CLAIM_PAIRS)]


def scored(signal: float, *, seed: int = 0, repeats: int = 2) -> Scored:
    odds = np.random.default_rng(seed).normal(size=(repeats, ROWS)) + signal * (2 * LABELS - 1)
    chances = 1 / (1 + np.exp(-odds))
    return Scored(chances, chances >= 0.5, LABELS)


def output(seed: int, *, strength: float) -> SystemOutput:
    rng = np.random.default_rng(seed)
    odds = strength * (np.array(CLAIM_LABELS) - 0.5) + rng.normal(size=len(CLAIM_LABELS))
    chances = 1 / (1 + np.exp(-odds))
    return SystemOutput.of(chances.tolist(), (chances >= 0.5).tolist())


GOOD, POOR = output(0, strength=2.0), output(1, strength=0.2)


def metrics(
    probabilities: list[float], labels: list[int], pairs: list[str | None], *, books: list[str]
) -> ClaimMetrics:
    verdict = SystemOutput.from_threshold(probabilities, 0.5)
    return claim_metrics({"verdict": verdict}, labels, books=books, pairs=pairs, seed=0)


def test_figures_of_a_system_do_not_depend_on_the_others() -> None:
    own = scored(1.0)
    (found,) = compare_systems({"one": own}, groups=None, pairs=PAIRS, seed=0).values()
    alone = measure(own, {"auc": MEASURES["auc"], "ece": MEASURES["ece"]}, groups=None, seed=0)
    assert (found.figures["auc"], found.figures["ece"], found.delta) == (alone["auc"], alone["ece"], {})
    first = [(repeat[PAIRS[0]] > repeat[PAIRS[1]]).mean() for repeat in own.probabilities]
    assert found.figures["ranking"].value == pytest.approx(np.mean(first))


def test_difference_is_paired_and_of_a_system_from_itself_zero() -> None:
    strong, weak = scored(1.0), scored(0.5)  # the same noise: a paired difference is narrower than either figure
    found = compare_systems({"strong": strong, "same": strong, "weak": weak}, groups=None, pairs=None, seed=0)
    assert found["same"].delta["auc"].low == found["same"].delta["auc"].high == 0
    delta, own = found["weak"].delta["auc"], found["weak"].figures["auc"]
    assert delta.value == pytest.approx(found["strong"].figures["auc"].value - own.value)
    assert delta.low > 0 and delta.high - delta.low < own.high - own.low
    assert "ranking" not in found["weak"].figures and "ece" not in found["weak"].delta


def test_claim_differences_are_paired_and_first_minus_second() -> None:
    systems = {"verdict": GOOD, "lexical": POOR}
    found = claim_metrics(systems, CLAIM_LABELS, books=BOOKS, pairs=PAIR_NAMES, seed=0)
    for name, figure in found.differences["verdict_minus_lexical"].items():
        value = found.figures["verdict"][name].value - found.figures["lexical"][name].value
        assert figure.value == pytest.approx(value)
        assert figure.low <= value <= figure.high
    assert found.differences["verdict_minus_lexical"]["ranking"].low > 0
    equal = {"verdict": GOOD, "lexical": GOOD}
    same = claim_metrics(equal, CLAIM_LABELS, books=BOOKS, pairs=PAIR_NAMES, seed=0)
    assert {(one.low, one.high) for one in same.differences["verdict_minus_lexical"].values()} == {(0.0, 0.0)}


def test_majority_ranks_nothing_and_gets_no_pair_right() -> None:
    figures = claim_metrics({}, CLAIM_LABELS, books=BOOKS, pairs=PAIR_NAMES, seed=0).figures["majority"]
    assert [figures[name].value for name in ("accuracy", "auc", "both_right", "ranking")] == [0.5, 0.5, 0.0, 0.5]


def test_claim_metrics_count_single_claims_and_pairs() -> None:
    result = metrics([0.9, 0.2, 0.8, 0.6, 0.4, 0.4], [1, 0, 1, 0, 0, 1], list("aabbcc"), books=list("xxyyzz"))
    values = {name: figure.value for name, figure in result.figures["verdict"].items()}
    assert (result.pairs, result.books) == (3, 3)
    assert values == pytest.approx({"accuracy": 4 / 6, "auc": 7.5 / 9, "both_right": 1 / 3, "ranking": 2.5 / 3})


def test_claim_metrics_take_their_intervals_over_books() -> None:
    probabilities, labels = [0.9, 0.1] * 20 + [0.1, 0.9] * 20, [1, 0] * 40
    pairs: list[str | None] = [str(row // 2) for row in range(80)]
    one_book_a_pair = [str(row // 2) for row in range(80)]
    wide = metrics(probabilities, labels, pairs, books=["x"] * 40 + ["y"] * 40).figures["verdict"]["ranking"]
    narrow = metrics(probabilities, labels, pairs, books=one_book_a_pair).figures["verdict"]["ranking"]
    assert (wide.low, wide.value, wide.high) == (0.0, 0.5, 1.0)
    assert narrow.high - narrow.low < 0.4


def test_claim_metrics_go_to_json() -> None:
    payload = json.loads(json.dumps(metrics([0.9, 0.2], [1, 0], ["a", "a"], books=["x", "x"]).to_dict()))
    assert payload["figures"]["verdict"]["both_right"]["value"] == 1.0


def test_one_label_leaves_the_auc_undefined() -> None:
    labels, pairs = [1] * len(CLAIM_LABELS), [None] * len(CLAIM_LABELS)
    found = claim_metrics({"verdict": GOOD}, labels, books=BOOKS, pairs=pairs, seed=0)
    assert found.to_dict()["figures"]["verdict"]["auc"] == {"value": None, "low": None, "high": None}


def test_pairs_of_one_name_in_two_books_are_two_pairs() -> None:
    again: list[str | None] = [str(number % 12 // 2) for number in range(2 * CLAIM_PAIRS)]
    found = claim_metrics({"verdict": GOOD}, CLAIM_LABELS, books=BOOKS, pairs=again, seed=0)
    assert (found.pairs, found.pairs_left_out, found.books) == (CLAIM_PAIRS, 0, 10)


@pytest.mark.parametrize(
    ("labels", "pairs", "books", "left_out"),
    [([1, 1, 0], "aab", "xxx", 2), ([1, 0, 0], "aaa", "xxx", 1), ([1, 0], "aa", "xy", 2), ([1, 0], "ab", "xx", 2)],
)
def test_find_pairs_leaves_out_incomplete_pairs(labels: list[int], pairs: str, books: str, left_out: int) -> None:
    assert find_pairs(np.array(labels), list(pairs), list(books)) == (None, left_out)
