"""Figures agree with scikit-learn, weights count repeated rows, and intervals cover their values."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.evaluation.metrics import (
    MEASURES,
    Scored,
    calibration_error,
    contradict_precision,
    figure,
    mcnemar,
    measure,
    resample_weights,
)

ONES = np.ones((1, 40))


def some(rows: int = 40, *, seed: int = 0, repeats: int = 1) -> Scored:
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    probabilities = np.clip(rng.normal(0.5 + 0.1 * labels, 0.2, size=(repeats, rows)), 0.01, 0.99).round(2)
    return Scored(probabilities, probabilities >= 0.5, labels)


def test_measures_agree_with_scikit_learn() -> None:
    scored = some()
    labels, probabilities, decisions = scored.labels, scored.probabilities[0], scored.decisions[0]
    expected = {
        "accuracy": metrics.accuracy_score(labels, decisions),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, decisions),
        "auc": metrics.roc_auc_score(labels, probabilities),
        "contradict_precision": metrics.precision_score(labels, decisions, pos_label=0),
        "contradict_recall": metrics.recall_score(labels, decisions, pos_label=0),
        "brier": metrics.brier_score_loss(labels, probabilities),
        "log_loss": metrics.log_loss(labels, probabilities),
    }
    assert {name: MEASURES[name](scored, ONES)[0] for name in expected} == pytest.approx(expected)


@given(st.lists(st.integers(0, 3), min_size=12, max_size=12), st.integers(0, 100))
def test_a_weight_is_how_often_a_row_is_repeated(weights: list[int], seed: int) -> None:
    scored = some(12, seed=seed, repeats=2)
    rows = np.repeat(np.arange(12), weights)
    repeated = Scored(scored.probabilities[:, rows], scored.decisions[:, rows], scored.labels[rows])
    if len(rows):
        for name, function in MEASURES.items():
            by_weight = function(scored, np.array([weights], dtype=float))[0]
            by_rows = function(repeated, np.ones((1, len(rows))))[0]
            assert by_weight == pytest.approx(by_rows, nan_ok=True), name


def test_measures_of_repeats_are_their_mean() -> None:
    both = some(repeats=2)
    halves = [Scored(both.probabilities[[index]], both.decisions[[index]], both.labels) for index in (0, 1)]
    for name in ("accuracy", "balanced_accuracy", "auc", "brier", "log_loss", "ece"):
        mean = sum(MEASURES[name](half, ONES)[0] for half in halves) / 2
        assert MEASURES[name](both, ONES)[0] == pytest.approx(mean), name


def test_calibration_error_of_a_constant_is_its_distance_from_the_share() -> None:
    scored = Scored(np.full((1, 40), 0.8), np.ones((1, 40), dtype=bool), np.arange(40) % 2)
    assert calibration_error(scored, ONES)[0] == pytest.approx(0.3)


def test_calibration_error_adds_up_over_bins_of_equal_mass() -> None:
    probabilities = np.repeat(np.linspace(0.05, 0.95, 10), 4)
    labels = np.zeros(40, dtype=int)
    assert calibration_error(Scored(probabilities[None], probabilities[None] > 1, labels), ONES)[0] == pytest.approx(
        0.5
    )


def test_precision_without_a_prediction_is_undefined_and_null_in_json() -> None:
    scored = Scored(np.full((1, 4), 0.9), np.ones((1, 4), dtype=bool), np.array([1, 0, 1, 0]))
    found = measure(scored, {"precision": contradict_precision}, groups=None, seed=0)["precision"]
    assert math.isnan(found.value)
    assert json.dumps(found.to_dict(), allow_nan=False) == '{"value": null, "low": null, "high": null}'


def test_intervals_contain_their_value_and_depend_on_the_seed_alone() -> None:
    first = measure(some(), MEASURES, groups=None, seed=5)
    assert first == measure(some(), MEASURES, groups=None, seed=5)
    assert all(found.low <= found.value <= found.high for found in first.values())


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    labels = np.array([1] * 64 + [0] * 36)
    scored = Scored(np.full((1, 100), 0.9), np.ones((1, 100), dtype=bool), labels)
    found = measure(scored, MEASURES, groups=None, seed=0)["accuracy"]
    assert found.value == pytest.approx(0.64)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * math.sqrt(0.64 * 0.36 / 100), rel=0.1)


def test_intervals_over_groups_do_not_shrink_when_rows_are_copied() -> None:
    once, labels = some(20), np.arange(20) % 2
    copied = Scored(np.tile(once.probabilities, 5), np.tile(once.decisions, 5), np.tile(labels, 5))
    groups = np.tile(np.arange(20), 5)
    small = measure(once, MEASURES, groups=None, seed=1)["accuracy"]
    large = measure(copied, MEASURES, groups=groups, seed=1)["accuracy"]
    assert large.high - large.low == pytest.approx(small.high - small.low, rel=0.15)


def test_resample_weights_draw_whole_groups_and_keep_their_number() -> None:
    groups = np.array([0, 0, 1, 2])
    ones, drawn = list(resample_weights(4, groups=groups, seed=0, resamples=50))
    assert ones.tolist() == [[1, 1, 1, 1]]
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_figure_can_be_centred_on_its_value() -> None:
    values = np.concatenate(([0.1], np.linspace(0.2, 0.4, 101)))
    plain, centred = figure(values), figure(values, centred=True)
    assert (plain.low, plain.high) == pytest.approx((0.205, 0.395))
    assert (centred.low, centred.high) == pytest.approx((0.005, 0.195))


def test_mcnemar_counts_the_rows_that_only_one_gets_right() -> None:
    labels = np.ones(12, dtype=int)
    first, second = np.array([True] * 10 + [False] * 2), np.array([False] * 8 + [True] * 3 + [False])
    result = mcnemar(first, second, labels)
    assert (result.only_first, result.only_second) == (8, 1)
    assert result.p_value == pytest.approx(2 * (1 + 9) / 2**9)


def test_mcnemar_of_equal_decisions_has_p_value_one() -> None:
    decisions = np.array([True, False])
    assert mcnemar(decisions, decisions, np.array([1, 1])).p_value == 1.0
