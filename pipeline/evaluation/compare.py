"""Systems that answered the same labelled rows, side by side: figures, and what each lacks to the first, paired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.fitting import Indices
from pipeline.evaluation.metrics import (
    MEASURES,
    Codes,
    Figure,
    Measure,
    Scored,
    figures_dict,
    measure,
    weighted_mean,
)
from pipeline.judging.logistic import Floats

COMPARED = ("accuracy", "balanced_accuracy", "auc", "brier", "log_loss")
"""What is measured of every system; ``ranking`` where there are twins, and the calibration error, follow."""
_BETWEEN = "/"


@dataclass(frozen=True)
class Compared:
    """The figures of one system, and of each the first system's less its own; none for the first itself."""

    figures: dict[str, Figure]
    lacks: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return both for JSON."""
        return {"figures": figures_dict(self.figures), "first_minus_this": figures_dict(self.lacks)}


def compare_systems(
    systems: Mapping[str, Scored],
    *,
    groups: Codes | None,
    twins: tuple[Indices, Indices] | None,
    seed: int,
) -> dict[str, Compared]:
    """Return the figures of each system on the same rows; ``twins`` are the rows of true and false ones.

    All systems and differences are resampled together over ``groups``, so that a difference is paired.
    """
    first = next(iter(systems))
    measures = {name: _measures(scored, twins) for name, scored in systems.items()}
    flat: dict[str, Measure] = {}
    for name, functions in measures.items():
        for key, function in functions.items():
            flat[f"{name}{_BETWEEN}{key}"] = function
            if name != first:
                flat[f"{name}{_BETWEEN}{key}{_BETWEEN}lacks"] = _less(measures[first][key], function)
    found = measure(systems[first], flat, groups=groups, seed=seed)
    return {
        name: _gather(name, functions, found, scored=systems[name], groups=groups, seed=seed)
        for name, functions in measures.items()
    }


def _gather(
    name: str,
    functions: Mapping[str, Measure],
    found: Mapping[str, Figure],
    *,
    scored: Scored,
    groups: Codes | None,
    seed: int,
) -> Compared:
    own = {key: found[f"{name}{_BETWEEN}{key}"] for key in functions}
    own |= measure(scored, {"ece": MEASURES["ece"]}, groups=groups, seed=seed)
    lacks = {key: found.get(f"{name}{_BETWEEN}{key}{_BETWEEN}lacks") for key in functions}
    return Compared(own, {key: one for key, one in lacks.items() if one is not None})


def _measures(own: Scored, twins: tuple[Indices, Indices] | None) -> dict[str, Measure]:
    found = {name: _of(own, MEASURES[name]) for name in COMPARED}
    if twins is not None:
        true, false = twins
        chances = own.probabilities
        first = ((chances[:, true] > chances[:, false]) + (chances[:, true] == chances[:, false]) / 2).mean(axis=0)
        both = (own.decisions[:, true] & ~own.decisions[:, false]).mean(axis=0)
        found["ranking"] = _mean_over(first, true)
        found["both_right"] = _mean_over(both, true)
    return found


def _of(scored: Scored, own: Measure) -> Measure:
    return lambda _, weights: own(scored, weights)


def _mean_over(values: Floats, rows: Indices) -> Measure:
    return lambda _, weights: weighted_mean(values, weights[:, rows])


def _less(one: Measure, other: Measure) -> Measure:
    return lambda scored, weights: one(scored, weights) - other(scored, weights)
