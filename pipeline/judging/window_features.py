"""Turn the labels of a claim given each of its windows into features of the claim."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_LEAST = -9.0
"""The log-probability that stands for a window that there is not."""
_TOP = 3


def window_features(labels: Array, prefix: str) -> dict[str, float]:
    """Return the features of a claim from log-probabilities of its labels given each window, (windows, 3).

    The most relevant window is first. All features are 0 without windows.
    """
    if not len(labels):
        return dict.fromkeys((prefix + name for name in _NAMES), 0.0)
    supported, contradicted = labels[:, 0], labels[:, 1]
    odds = np.clip(supported - contradicted, _LEAST, -_LEAST)
    settled = 1 - np.exp(labels[:, 2])
    order = np.argsort(-settled, kind="stable")
    values = [
        *_best(supported),
        *_best(contradicted),
        float(odds[order[0]]),
        float(odds[order[:_TOP]].mean()),
        float(np.log(np.clip(settled[order[0]], 1e-4, 1))),
        float(np.log(np.clip(settled[order[:_TOP]].mean(), 1e-4, 1))),
        _weighted(odds, settled),
        _weighted(odds, settled**2),
        _none(supported),
        _none(contradicted),
    ]
    return {prefix + name: value for name, value in zip(_NAMES, values, strict=True)}


_NAMES = (
    "supported_1",
    "supported_2",
    "supported_3",
    "contradicted_1",
    "contradicted_2",
    "contradicted_3",
    "odds_first",
    "odds_top",
    "settled_first",
    "settled_top",
    "odds_mean",
    "odds_sharp",
    "none_supports",
    "none_contradicts",
)


def _best(logs: Array) -> list[float]:
    best = np.sort(logs)[::-1][:_TOP].clip(_LEAST, 0).tolist()
    return [*best, *[_LEAST] * (_TOP - len(best))]


def _weighted(odds: Array, weights: Array) -> float:
    total = float(weights.sum())
    return float((odds * weights).sum() / total) if total > 0 else 0.0


def _none(logs: Array) -> float:
    """Return the log-probability that no window has the label, were they independent."""
    return float(np.log1p(-np.minimum(np.exp(logs), 0.999)).sum())
