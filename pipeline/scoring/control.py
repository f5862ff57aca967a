"""A logistic model that is deaf to what a claim says of itself, by construction.

Before a wrong novel nothing separates true from false claims but the claims themselves: a novel that has nothing to do
with them can add nothing. So the mean difference of true and false claims there is the direction in which features
leak the claim, and a weight vector at right angles to it gives both the same mean score before a wrong novel. The
weights are fitted among those, on claims before their own novels.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.errors import TableError
from pipeline.scoring.fitting import STRENGTHS, Labels, checked_labels, fit_scorer, group_codes, inner_splits
from pipeline.scoring.logistic import Floats, LogisticModel, Row, feature_matrix

_NEGLIGIBLE = 1e-9
_PER_ROW = partial(StandardScaler, with_std=False)


def fit_controlled(
    rows: Sequence[Row],
    labels: Sequence[int],
    *,
    controls: Sequence[Sequence[Row]],
    groups: Sequence[Hashable],
    twins: Sequence[tuple[int, int]] = (),
    seed: int = 0,
) -> LogisticModel:
    """Fit the probability of label 1 with weights at right angles to every control's mean difference of the labels.

    Each of ``controls`` holds a row for each of ``rows`` with the features of the same claim before other evidence.
    With ``twins``, the indices of a true and a false claim each, the weights are those that tell twins apart, and only
    their scale, the intercept and the threshold are fitted on single rows.

    Raises:
        TableError: a control of another length, labels that are not 0 and 1, or features that the controls use up.
    """
    if any(len(control) != len(rows) for control in controls):
        raise TableError(f"a control has another number of rows than the {len(rows)} claims; give one for each claim")
    known, names, codes = checked_labels(labels, len(rows)), tuple(rows[0]), group_codes(groups)
    matrix = feature_matrix(rows, names)
    means, scales = matrix.mean(axis=0), matrix.std(axis=0)
    scales[scales < _NEGLIGIBLE] = 1.0
    directions = [_difference(feature_matrix(control, names) / scales, known) for control in controls]
    basis = free_directions(np.array(directions).reshape(len(controls), len(names)))
    inside = ((matrix - means) / scales) @ basis
    turned = _twin_weights(inside, known, codes, twins, seed=seed) if len(twins) else None
    scores = inside if turned is None else (inside @ turned)[:, None]
    scorer = fit_scorer(_PER_ROW, scores, known, codes, aim="accuracy", seed=seed)
    weights = scorer.classifier.coef_[0] if turned is None else scorer.classifier.coef_[0][0] * turned
    return LogisticModel(
        names=names,
        means=tuple(map(float, means)),
        scales=tuple(map(float, scales)),
        weights=tuple(map(float, basis @ weights)),
        intercept=float(scorer.classifier.intercept_[0] - scorer.transform.mean_ @ scorer.classifier.coef_[0]),
        threshold=scorer.threshold,
    )


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


def _twin_weights(
    inside: Floats, labels: Labels, codes: Labels | None, twins: Sequence[tuple[int, int]], *, seed: int
) -> Floats:
    """Return weights of length 1 of the logistic model on the differences of twins, its penalty chosen by group."""
    pairs = np.array(twins)
    differences = inside[pairs[:, 0]] - inside[pairs[:, 1]]
    scales = differences.std() + _NEGLIGIBLE
    differences /= scales
    held_out = np.zeros(len(STRENGTHS))
    for train, test in inner_splits(labels, codes, seed=seed):
        seen, unseen = (np.isin(pairs[:, 0], part) & np.isin(pairs[:, 1], part) for part in (train, test))
        for number, strength in enumerate(STRENGTHS):
            held_out[number] += np.logaddexp(0, -differences[unseen] @ _direction(differences[seen], strength)).sum()
    weights = _direction(differences, STRENGTHS[int(held_out.argmin())])
    return np.asarray(weights / (np.linalg.norm(weights) + _NEGLIGIBLE), dtype=np.float64)


def _direction(differences: Floats, strength: float) -> Floats:
    """Return the weights by which true twins lie above false ones; each pair is shown both ways round."""
    both = np.concatenate([differences, -differences])
    signs = np.repeat([1, 0], len(differences))
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1000).fit(both, signs)
    return np.asarray(model.coef_[0], dtype=np.float64)
