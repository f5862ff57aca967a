"""Figures of labelled predictions with bootstrap intervals.

Every figure is a function of weights: the weight of a row is how often a resample contains it. Weights of one give the
figure itself, so the figure and its interval come from the same line of code. A figure that is undefined on a resample
(precision without a prediction, recall without a row) is NaN there, and ``None`` in JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from pipeline.errors import TableError
from pipeline.judging.logistic import Floats

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

RESAMPLES = 2000
CALIBRATION_BINS = 10
_SMALLEST = 1e-12
# Repeated rows of a resample look less calibrated than they are, so the bootstrap of this figure is biased upwards.
CENTRED = frozenset({"ece"})
# Numbers in memory at once: keeps a bootstrap over tens of thousands of rows within some tens of megabytes.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Figure:
    """A figure with the bounds of its 95 % interval (bootstrap percentiles)."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the figure for JSON, ``None`` for what is undefined."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


def figures_dict(figures: Mapping[str, Figure]) -> dict[str, dict[str, float | None]]:
    """Return figures by name for JSON."""
    return {name: one.to_dict() for name, one in figures.items()}


@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions of N rows in R repeats: probabilities and decisions (R, N) of label 1, and the labels (N,)."""

    probabilities: Floats
    decisions: Bools
    labels: Codes


Measure = Callable[[Scored, Floats], Floats]
"""A figure of predictions for each of B weightings of their rows (B, N): (B,)."""
RowMeasure = Callable[[Floats], Floats]
"""A measure of given predictions, a function of the weights alone."""
Key = TypeVar("Key", bound=Hashable)


def resample_weights(rows: int, *, groups: Codes | None, seed: int, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """Yield weights (B, N) in blocks; the first of all weights are ones, the others bootstrap resamples.

    Given ``groups`` (numbered from 0) whole groups are drawn, because rows of one group are not independent.
    """
    yield np.ones((1, rows))
    rng = np.random.default_rng(seed)
    units = rows if groups is None else int(groups.max()) + 1
    block = max(1, _BLOCK // max(rows, 1))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.multinomial(units, np.full(units, 1 / units), size=size).astype(np.float64)
        yield drawn if groups is None else drawn[:, groups]


def measure(
    scored: Scored, measures: Mapping[str, Measure], *, groups: Codes | None, seed: int, resamples: int = RESAMPLES
) -> dict[str, Figure]:
    """Return each figure with its interval over resampled rows or groups."""
    functions = {name: partial(function, scored) for name, function in measures.items()}
    return bootstrap(
        functions, len(scored.labels), groups=groups, seed=seed, resamples=resamples, centred=CENTRED & measures.keys()
    )


def bootstrap(
    functions: Mapping[Key, RowMeasure],
    rows: int,
    *,
    groups: Codes | None,
    seed: int,
    resamples: int = RESAMPLES,
    centred: Collection[Key] = (),
) -> dict[Key, Figure]:
    """Return the figure of each function of the weights with its interval, all over the same resamples."""
    parts: dict[Key, list[Floats]] = {key: [] for key in functions}
    for weights in resample_weights(rows, groups=groups, seed=seed, resamples=resamples):
        for key, function in functions.items():
            parts[key].append(function(weights))
    return {key: figure(np.concatenate(values), centred=key in centred) for key, values in parts.items()}


def figure(values: Floats, *, centred: bool = False) -> Figure:
    """Return the first value with the 2.5 and 97.5 percentiles of the defined ones among the others.

    ``centred`` shifts the interval by the bias of the bootstrap, to 0 at the lowest.
    """
    others = values[1:][np.isfinite(values[1:])]
    if not len(others):
        return Figure(float(values[0]), math.nan, math.nan)
    if centred:
        others = np.maximum(others - (others.mean() - values[0]), 0)
    low, high = np.percentile(others, [2.5, 97.5])
    return Figure(float(values[0]), float(low), float(high))


def accuracy(scored: Scored, weights: Floats) -> Floats:
    """Return the share of rows with the right decision."""
    return _share(scored.decisions == scored.labels, np.ones_like(scored.decisions), weights)


def balanced_accuracy(scored: Scored, weights: Floats) -> Floats:
    """Return the mean recall of the two labels."""
    right = scored.decisions == scored.labels
    recalls = [_share(right, np.broadcast_to(scored.labels == label, right.shape), weights) for label in (0, 1)]
    return (recalls[0] + recalls[1]) / 2


def contradict_precision(scored: Scored, weights: Floats) -> Floats:
    """Return the share of rows labelled 0 among those decided 0, all repeats together."""
    return _share(np.broadcast_to(scored.labels == 0, scored.decisions.shape), ~scored.decisions, weights)


def contradict_recall(scored: Scored, weights: Floats) -> Floats:
    """Return the share of rows decided 0 among those labelled 0."""
    return _share(~scored.decisions, np.broadcast_to(scored.labels == 0, scored.decisions.shape), weights)


def brier(scored: Scored, weights: Floats) -> Floats:
    """Return the mean squared difference of probability and label."""
    return weighted_mean(((scored.probabilities - scored.labels) ** 2).mean(axis=0), weights)


def log_loss(scored: Scored, weights: Floats) -> Floats:
    """Return the mean surprise of the labels in nats."""
    right = np.where(scored.labels == 1, scored.probabilities, 1 - scored.probabilities)
    return weighted_mean(-np.log(np.clip(right, _SMALLEST, 1)).mean(axis=0), weights)


def auc(scored: Scored, weights: Floats) -> Floats:
    """Return the probability that a row labelled 1 ranks above one labelled 0, ties counted half; mean over repeats."""
    return _mean_of_repeats(_auc, scored, weights)


def calibration_error(scored: Scored, weights: Floats) -> Floats:
    """Return the expected calibration error over ten bins of equal mass; mean over repeats.

    Equal probabilities share a bin.
    """
    return _mean_of_repeats(_calibration_error, scored, weights)


def _mean_of_repeats(function: Callable[[Floats, Codes, Floats], Floats], scored: Scored, weights: Floats) -> Floats:
    total = np.zeros(len(weights))
    for probabilities in scored.probabilities:
        total += function(probabilities, scored.labels, weights)
    return total / len(scored.probabilities)


def _auc(probabilities: Floats, labels: Codes, weights: Floats) -> Floats:
    order, starts = _ties(probabilities)
    positive = np.add.reduceat(weights[:, order] * (labels[order] == 1), starts, axis=1)
    negative = np.add.reduceat(weights[:, order] * (labels[order] == 0), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    return _divide((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _calibration_error(probabilities: Floats, labels: Codes, weights: Floats) -> Floats:
    order, starts = _ties(probabilities)
    mass = np.add.reduceat(weights[:, order], starts, axis=1)
    excess = np.add.reduceat(weights[:, order] * (probabilities - labels)[order], starts, axis=1)
    total = mass.sum(axis=1)
    middle = (np.cumsum(mass, axis=1) - mass / 2) / total[:, None]
    bins = np.minimum((middle * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = [np.abs((excess * (bins == number)).sum(axis=1)) for number in range(CALIBRATION_BINS)]
    return np.asarray(np.sum(gaps, axis=0) / total)


MEASURES: dict[str, Measure] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "auc": auc,
    "contradict_precision": contradict_precision,
    "contradict_recall": contradict_recall,
    "brier": brier,
    "log_loss": log_loss,
    "ece": calibration_error,
}


@dataclass(frozen=True)
class McNemar:
    """The exact McNemar test of two sets of decisions: how many rows only the one or only the other decides right."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: Bools, second: Bools, labels: Codes) -> McNemar:
    """Return the two-sided exact test that both decide equally well."""
    one, other = first == labels, second == labels
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


def check_lengths(rows: int, **columns: Sequence[Any] | None) -> None:
    """Raise TableError if a column that is given does not have one entry for each row."""
    for name, column in columns.items():
        if column is not None and len(column) != rows:
            raise TableError(f"{name} has {len(column)} entries for {rows} rows; give one for each row")


def _ties(probabilities: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the ascending order of the probabilities, and the start of each run of equal ones in it."""
    order = np.argsort(probabilities, kind="stable")
    ranked = probabilities[order]
    return order, np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))


def _share(part: Bools, whole: Bools, weights: Floats) -> Floats:
    """Return the weighted share of ``part`` in ``whole``, both (R, N), the repeats counted together."""
    return _divide(weights @ (part & whole).sum(axis=0), weights @ whole.sum(axis=0))


def weighted_mean(values: npt.NDArray[Any], weights: Floats) -> Floats:
    """Return the mean of ``values`` (N,) for each row of ``weights`` (B, N); NaN if all weights are 0."""
    return _divide(weights @ values, weights.sum(axis=1))


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
