"""A logistic model that is deaf to what a claim says of itself, by construction.

Before a wrong novel nothing separates true from false claims but the claims themselves: a novel that has nothing to do
with them can add nothing. So the mean difference of true and false claims there is the direction in which features
leak the claim, and a weight vector at right angles to it gives both the same mean score before a wrong novel. The
weights are fitted among those, on claims before their own novels.

That alone is not enough: a reader may trust its ear for how claims sound only where the evidence is about the claim.
Then the ear is silent before a wrong novel and speaks before the right one. So where a feature says what the wording
alone makes of a claim, the score before the right novel must not vary with it either, among true claims and among false
ones: the feature serves to take the share of the wording off each of the others, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.errors import SettingError, TableError
from pipeline.evaluation.fitting import (
    STRENGTHS,
    Indices,
    Labels,
    checked_labels,
    fit_scorer,
    group_codes,
    inner_splits,
)
from pipeline.judging.logistic import Floats, LogisticModel, Row, feature_matrix

_NEGLIGIBLE = 1e-9
_INTERCEPT = 10.0
_PER_ROW = partial(StandardScaler, with_std=False)


def fit_controlled(
    rows: Sequence[Row],
    labels: Sequence[int],
    *,
    controls: Sequence[Sequence[Row]],
    groups: Sequence[Hashable],
    twins: Sequence[tuple[int, int]] = (),
    twin_share: float = 0.0,
    wording: str | None = None,
    seed: int = 0,
) -> LogisticModel:
    """Fit the probability of label 1 with weights at right angles to every control's mean difference of the labels.

    With ``wording``, the name of a feature, the score of rows of one label does not vary with that either: its share
    is taken off each other feature before anything is fitted.
    Each of ``controls`` holds a row for each of ``rows`` with the features of the same claim before other evidence.
    The weights serve two ends: to tell single claims apart, and to tell the true from the false of ``twins``, given by
    their indices; ``twin_share`` (0 to 1) is how much the second counts. Intercept, scale and threshold are always
    fitted on single claims.

    Raises:
        SettingError: a twin_share that is no share, or one without twins.
        TableError: a control of another length, labels that are not 0 and 1, or features that the controls use up.
    """
    if not 0 <= twin_share <= 1 or (twin_share and not len(twins)):
        raise SettingError(f"twin_share is {twin_share} with {len(twins)} twins; expected 0 to 1, and twins above 0")
    if any(len(control) != len(rows) for control in controls):
        raise TableError(f"a control has another number of rows than the {len(rows)} claims; give one for each claim")
    known, names, codes = checked_labels(labels, len(rows)), tuple(rows[0]), group_codes(groups)
    matrix = feature_matrix(rows, names)
    bare = _take_off(matrix, None if wording is None else names.index(wording), known)
    told = matrix @ bare
    scales = told.std(axis=0)
    scales[scales < _NEGLIGIBLE] = 1.0
    directions = [_difference(feature_matrix(control, names) @ bare / scales, known) for control in controls]
    basis = free_directions(np.array(directions).reshape(len(directions), told.shape[1]))
    inside = ((told - told.mean(axis=0)) / scales) @ basis
    turned = _shared_weights(
        inside, known, codes, np.array(twins, dtype=np.int64).reshape(-1, 2), share=twin_share, seed=seed
    )
    scorer = fit_scorer(_PER_ROW, (inside @ turned)[:, None], known, codes, aim="accuracy", seed=seed)
    slope = float(scorer.classifier.coef_[0][0])
    weights, spread = bare @ ((basis @ turned * slope) / scales), matrix.std(axis=0)
    spread[spread < _NEGLIGIBLE] = 1.0
    return LogisticModel(
        names=names,
        means=tuple(map(float, matrix.mean(axis=0))),
        scales=tuple(map(float, spread)),
        weights=tuple(map(float, weights * spread)),
        intercept=float(scorer.classifier.intercept_[0] - scorer.transform.mean_[0] * slope),
        threshold=scorer.threshold,
    )


def _take_off(matrix: Floats, wording: int | None, labels: Labels) -> Floats:
    """Return the map (F, F - 1) that takes off each feature its share of the wording, and the wording with it.

    The share is the slope of the feature on the wording among rows of one label. Without a wording nothing is taken.
    """
    whole = np.eye(matrix.shape[1])
    if wording is None:
        return whole
    apart = matrix.copy()
    for label in (0, 1):
        apart[labels == label] -= apart[labels == label].mean(axis=0)
    own = apart[:, wording]
    whole[wording] = -(own @ apart) / max(float(own @ own), _NEGLIGIBLE)
    return np.delete(whole, wording, axis=1)


def _difference(matrix: Floats, labels: Labels) -> Floats:
    return np.asarray(matrix[labels == 1].mean(axis=0) - matrix[labels == 0].mean(axis=0), dtype=np.float64)


def free_directions(taken: Floats) -> Floats:
    """Return an orthonormal basis (F, F - k) of what is at right angles to the rows (k, F) of ``taken``.

    >>> free_directions(np.array([[0.0, 2.0], [0.0, 0.0]])).round(3).tolist() in ([[1.0], [0.0]], [[-1.0], [0.0]])
    True
    """
    _, sizes, turned = np.linalg.svd(taken, full_matrices=True)
    rank = int((sizes > _NEGLIGIBLE).sum())
    if rank == taken.shape[1]:
        raise TableError(f"the controls take all {rank} directions of the features; give more features than controls")
    return np.asarray(turned[rank:].T, dtype=np.float64)


def _shared_weights(
    inside: Floats, labels: Labels, codes: Labels | None, twins: Labels, *, share: float, seed: int
) -> Floats:
    """Return weights of length 1 that tell rows and twins apart, the penalty chosen by held-out groups."""
    lost = np.zeros(len(STRENGTHS))
    for train, test in inner_splits(labels, codes, seed=seed):
        seen, unseen = (_Examples.of(inside, labels, twins, rows, share) for rows in (train, test))
        lost += [unseen.loss(seen.fit(strength)) for strength in STRENGTHS]
    whole = _Examples.of(inside, labels, twins, np.arange(len(labels)), share)
    weights = whole.fit(STRENGTHS[int(lost.argmin())])[:-1]
    return np.asarray(weights / max(float(np.linalg.norm(weights)), _NEGLIGIBLE), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Examples:
    """Rows with a last column for the intercept, and the differences of twins, which have none there, as one task."""

    inputs: Floats
    signs: Labels
    counts: Floats

    @classmethod
    def of(cls, inside: Floats, labels: Labels, twins: Labels, rows: Indices, share: float) -> _Examples:
        """Return the examples among some rows; twins whose other half is not among them are left out."""
        whole = twins[np.isin(twins, rows).all(axis=1)] if share else twins[:0]
        differences = inside[whole[:, 0]] - inside[whole[:, 1]]
        # A penalty that hardly touches the intercept, as if it were not penalised.
        singles = np.column_stack([inside[rows], np.full(len(rows), _INTERCEPT)])
        paired = np.column_stack([differences, np.zeros(len(whole))])
        counts = np.repeat([1 - share, share, share], [len(rows), len(whole), len(whole)])
        signs = np.concatenate([labels[rows], np.ones(len(whole), np.int64), np.zeros(len(whole), np.int64)])
        return cls(np.concatenate([singles, paired, -paired]), signs, counts)

    def fit(self, strength: float) -> Floats:
        """Return the weights of the logistic model with this inverse of the penalty."""
        model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1000)
        fitted = model.fit(self.inputs, self.signs, sample_weight=self.counts)
        return np.asarray(fitted.coef_[0], dtype=np.float64)

    def loss(self, weights: Floats) -> float:
        """Return the nats that these weights lose on the examples."""
        odds = self.inputs @ weights * (2 * self.signs - 1)
        return float((np.logaddexp(0, -odds) * self.counts).sum())
