"""Models are fitted on true labels only, with penalty and threshold chosen inside the given rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from pipeline.errors import TableError
from pipeline.evaluation.fitting import (
    choose_threshold,
    fit_logistic,
    fit_scorer,
    group_codes,
    inner_splits,
    split_folds,
)
from pipeline.judging.logistic import feature_matrix

NAMES = ("signal", "noise")


def synthetic(rows: int, *, strength: float, seed: int = 0) -> tuple[list[dict[str, float]], list[int]]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(rows) % 2)
    values = rng.normal(size=(rows, 2))
    values[:, 0] += strength * labels
    return [dict(zip(NAMES, map(float, row), strict=True)) for row in values], labels.tolist()


def test_fit_logistic_finds_the_informative_feature() -> None:
    rows, labels = synthetic(200, strength=3.0)
    model = fit_logistic(rows, labels)
    right = (model.probabilities(rows) >= model.threshold) == np.array(labels)
    assert model.names == NAMES
    assert model.weights[0] > 5 * abs(model.weights[1])
    assert right.mean() > 0.9


def test_fit_logistic_scores_as_scikit_learn_does() -> None:
    rows, labels = synthetic(60, strength=1.0)
    inputs = feature_matrix(rows, NAMES)
    scorer = fit_scorer(StandardScaler, inputs, np.array(labels), None, aim="accuracy", seed=0)
    np.testing.assert_allclose(fit_logistic(rows, labels).probabilities(rows), scorer.probabilities(inputs), rtol=1e-9)


def test_fit_logistic_is_the_same_under_the_same_seed() -> None:
    rows, labels = synthetic(60, strength=1.0)
    assert fit_logistic(rows, labels, seed=3) == fit_logistic(rows, labels, seed=3)


def test_fit_logistic_keeps_a_feature_that_never_changes() -> None:
    rows, labels = synthetic(40, strength=1.0)
    model = fit_logistic([{**row, "constant": 1.0} for row in rows], labels)
    assert model.scales[2] == 1.0
    assert model.weights[2] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("labels", [[1, 1, 1, 1], [0, 1, 2, 1], [0, 1, 1]])
def test_fit_logistic_refuses_labels_that_are_not_two(labels: list[int]) -> None:
    rows, _ = synthetic(4, strength=1.0)
    with pytest.raises(TableError, match="each row needs a label"):
        fit_logistic(rows, labels)


def test_fit_logistic_refuses_too_few_rows() -> None:
    rows, _ = synthetic(4, strength=1.0)
    with pytest.raises(TableError, match="1 rows of the rarer label cannot be cut into 2 folds"):
        fit_logistic(rows, [1, 1, 1, 0])


def test_split_folds_test_each_row_once_and_are_stratified() -> None:
    labels = np.array([1] * 30 + [0] * 20)
    splits = split_folds(labels, None, folds=5, seed=1)
    assert sorted(np.concatenate([test for _, test in splits]).tolist()) == list(range(50))
    assert all(labels[test].sum() == 6 for _, test in splits)


@pytest.mark.parametrize("seed", range(5))
def test_split_folds_never_split_a_group(seed: int) -> None:
    labels = np.arange(60) % 2
    groups = group_codes([f"pair {index // 2}" for index in range(60)])
    assert groups is not None
    for train, test in split_folds(labels, groups, folds=5, seed=seed) + inner_splits(labels, groups, seed=seed):
        assert not set(groups[train]) & set(groups[test])


def test_split_folds_refuses_too_few_groups() -> None:
    labels = np.arange(10) % 2
    with pytest.raises(TableError, match="2 groups cannot be cut into 5 folds"):
        split_folds(labels, group_codes(["castaways"] * 5 + ["count"] * 5), folds=5, seed=0)


def test_split_folds_refuses_folds_trained_on_one_label() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0])
    with pytest.raises(TableError, match="one label only"):
        split_folds(labels, group_codes(["one"] * 3 + ["two"] * 3), folds=2, seed=0)


def test_choose_threshold_separates_separable_labels() -> None:
    threshold = choose_threshold(np.array([0.6, 0.65, 0.8, 0.9]), np.array([0, 0, 1, 1]), aim="accuracy")
    assert 0.65 < threshold <= 0.8


def test_choose_threshold_prefers_a_half_among_equals() -> None:
    assert choose_threshold(np.array([0.2, 0.9]), np.array([0, 1]), aim="accuracy") == 0.5


def test_choose_threshold_follows_its_aim() -> None:
    probabilities = np.array([0.6, 0.7, 0.8] + [0.72, 0.74] + [0.9] * 8)
    labels = np.array([0] * 3 + [1] * 10)
    accurate = choose_threshold(probabilities, labels, aim="accuracy")
    balanced = choose_threshold(probabilities, labels, aim="balanced_accuracy")
    assert 0.7 < accurate <= 0.72
    assert 0.8 < balanced <= 0.9
