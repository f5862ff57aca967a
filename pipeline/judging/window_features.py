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
        float(supported.max().clip(_LEAST, 0)),
        float(contradicted.max().clip(_LEAST, 0)),
        float(odds[order[0]]),
        float(odds[order[:_TOP]].mean()),
        float(np.log(np.clip(settled[order[0]], 1e-4, 1))),
        _none(supported),
        _none(contradicted),
    ]
    return {prefix + name: value for name, value in zip(_NAMES, values, strict=True)}


_NAMES = (
    "supported",
    "contradicted",
    "odds_first",
    "odds_top",
    "settled",
    "none_supports",
    "none_contradicts",
)


def _none(logs: Array) -> float:
    """Return the log-probability that no window has the label, were they independent."""
    return float(np.log1p(-np.minimum(np.exp(logs), 0.999)).sum())
