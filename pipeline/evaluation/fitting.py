"""Fit logistic models on true labels with scikit-learn; penalty and threshold are chosen inside the given rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pipeline.errors import TableError
from pipeline.judging.logistic import Floats, LogisticModel, Row, feature_matrix

Labels = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]
Aim = Literal["accuracy", "balanced_accuracy"]

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
INNER_FOLDS = 5


def fit_logistic(
    rows: Sequence[Row],
    labels: Sequence[int],
    *,
    groups: Sequence[Hashable] | None = None,
    aim: Aim = "accuracy",
    seed: int = 0,
) -> LogisticModel:
    """Fit the probability that a row's label is 1 (consistent) rather than 0.

    Features are standardised. Inner cross-validation over ``rows`` chooses the strength of the penalty (by log loss)
    and the threshold (by ``aim``); rows of one group are never split between folds.

    Raises:
        TableError: labels other than 0 and 1, or too few rows or groups of either to cross-validate.
    """
    names = tuple(rows[0]) if rows else ()
    known = checked_labels(labels, len(rows))
    scorer = fit_scorer(StandardScaler, feature_matrix(rows, names), known, group_codes(groups), aim=aim, seed=seed)
    return LogisticModel(
        names=names,
        means=tuple(map(float, scorer.transform.mean_)),
        scales=tuple(map(float, scorer.transform.scale_)),
        weights=tuple(map(float, scorer.classifier.coef_[0])),
        intercept=float(scorer.classifier.intercept_[0]),
        threshold=scorer.threshold,
    )


@dataclass(frozen=True)
class Scorer:
    """A fitted transform and classifier with the threshold from which on it predicts 1."""

    transform: Any
    classifier: LogisticRegression
    threshold: float

    def probabilities(self, inputs: npt.NDArray[Any]) -> Floats:
        """Return the probability of label 1 for each input."""
        return _probabilities(self.classifier, self.transform.transform(inputs))


def fit_scorer(
    make_transform: Callable[[], Any],
    inputs: npt.NDArray[Any],
    labels: Labels,
    groups: Labels | None,
    *,
    aim: Aim,
    seed: int,
) -> Scorer:
    """Fit a transform and a classifier on ``inputs`` (features or texts), penalty and threshold chosen inside them."""
    # On tables of this size threads cost more than they save.
    with config_context(assume_finite=True, skip_parameter_validation=True), threadpool_limits(1):
        return _fit_scorer(make_transform, inputs, labels, inner_splits(labels, groups, seed=seed), aim=aim, seed=seed)


def _fit_scorer(
    make_transform: Callable[[], Any],
    inputs: npt.NDArray[Any],
    labels: Labels,
    splits: list[tuple[Indices, Indices]],
    *,
    aim: Aim,
    seed: int,
) -> Scorer:
    held_out = np.full((len(STRENGTHS), len(labels)), np.nan)
    for train, test in splits:
        transform = make_transform()
        seen, unseen = transform.fit_transform(inputs[train]), transform.transform(inputs[test])
        for index, strength in enumerate(STRENGTHS):
            held_out[index, test] = _probabilities(_classifier(strength, seed).fit(seen, labels[train]), unseen)
    best = int(np.argmin([_log_loss(probabilities, labels) for probabilities in held_out]))
    transform = make_transform()
    classifier = _classifier(STRENGTHS[best], seed).fit(transform.fit_transform(inputs), labels)
    return Scorer(transform, classifier, choose_threshold(held_out[best], labels, aim=aim))


def choose_threshold(probabilities: Floats, labels: Labels, *, aim: Aim) -> float:
    """Return the threshold with the best ``aim`` on held-out rows; of equally good ones the nearest to 0.5.

    Candidates are the midpoints of neighbouring probabilities, 0.5, and one below and one above all probabilities.
    """
    values = np.unique(probabilities)
    candidates = np.concatenate(([0.5, values[0], (values[-1] + 1) / 2], (values[1:] + values[:-1]) / 2))
    right_0 = np.searchsorted(np.sort(probabilities[labels == 0]), candidates, side="left")
    positives = np.sort(probabilities[labels == 1])
    right_1 = len(positives) - np.searchsorted(positives, candidates, side="left")
    weight_0 = len(positives) / (labels == 0).sum() if aim == "balanced_accuracy" else 1.0
    score = right_1 + weight_0 * right_0
    equals = candidates[score >= score.max() - 1e-9]
    return float(equals[np.argmin(np.abs(equals - 0.5))])


def inner_splits(labels: Labels, groups: Labels | None, *, seed: int) -> list[tuple[Indices, Indices]]:
    """Return as many inner folds, up to five, as the rarer label and the groups allow."""
    units = [
        len(np.unique(groups[labels == label])) if groups is not None else (labels == label).sum() for label in (0, 1)
    ]
    return split_folds(labels, groups, folds=max(2, min(INNER_FOLDS, *map(int, units))), seed=seed)


def split_folds(labels: Labels, groups: Labels | None, *, folds: int, seed: int) -> list[tuple[Indices, Indices]]:
    """Return (train, test) indices of stratified folds; groups are not split.

    Raises:
        TableError: a fold would have no test rows, or only one label among its training rows.
    """
    unit, smallest = _smallest_unit(labels, groups)
    if folds < 2 or smallest < folds:
        raise TableError(
            f"{smallest} {unit} cannot be cut into {folds} folds; give more labelled rows, or fewer folds (at least 2)"
        )
    if groups is None:
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    else:
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(labels, labels, groups)
    found = list(splits)
    if any(len(test) == 0 or len(np.unique(labels[train])) < 2 for train, test in found):
        raise TableError("a fold is left without rows or with one label only; give fewer folds or smaller groups")
    return found


def _smallest_unit(labels: Labels, groups: Labels | None) -> tuple[str, int]:
    if groups is not None:
        return "groups", len(np.unique(groups))
    return "rows of the rarer label", int(np.bincount(labels, minlength=2).min())


def checked_labels(labels: Sequence[int], rows: int) -> Labels:
    """Return the labels as an array; raises TableError unless each row has one and they are 0 and 1, both present."""
    known = np.asarray(labels, dtype=np.int64)
    if len(known) != rows or set(known.tolist()) != {0, 1}:
        raise TableError(
            f"{len(known)} labels with the values {sorted(set(known.tolist()))} for {rows} rows; each row needs "
            f"a label, and both labels (1 consistent, 0 inconsistent) must occur"
        )
    return known


def group_codes(groups: Sequence[Hashable] | None) -> Labels | None:
    """Return the groups numbered in the order in which they first appear."""
    if groups is None:
        return None
    order = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    return np.array([order[group] for group in groups], dtype=np.int64)


def _classifier(strength: float, seed: int) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight=None, max_iter=1000, random_state=seed)


def _probabilities(classifier: LogisticRegression, inputs: Any) -> Floats:
    return np.asarray(classifier.predict_proba(inputs)[:, 1], dtype=np.float64)


def _log_loss(probabilities: Floats, labels: Labels) -> float:
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.clip(right, 1e-12, 1)).mean())
