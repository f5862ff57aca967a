"""Held-out predictions in more detail: their probabilities compared with the base rate, and each character's rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline.evaluation.fitting import group_codes
from pipeline.evaluation.metrics import (
    MEASURES,
    Codes,
    Figure,
    Measure,
    RowMeasure,
    Scored,
    bootstrap,
    figures_dict,
    measure,
)
from pipeline.judging.logistic import Floats

_PROPER = ("brier", "log_loss")
_BY_CHARACTER = ("accuracy", "balanced_accuracy", "contradict_recall")


@dataclass(frozen=True)
class BaseRateComparison:
    """A figure of which less is better, for our probabilities and for the base rate, and ours minus the base rate's."""

    ours: Figure
    base_rate: Figure
    difference: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return the three figures for JSON."""
        return figures_dict({"ours": self.ours, "base_rate": self.base_rate, "difference": self.difference})


@dataclass(frozen=True)
class CharacterFigures:
    """The figures of the rows of one character, and how many rows have each label."""

    consistent: int
    inconsistent: int
    figures: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return counts and figures for JSON."""
        counts = {"consistent": self.consistent, "inconsistent": self.inconsistent}
        return {"rows": self.consistent + self.inconsistent, **counts, "figures": figures_dict(self.figures)}


def compare_with_base_rate(
    ours: Scored, base_rate: Scored, *, groups: Codes | None, seed: int
) -> dict[str, BaseRateComparison]:
    """Return Brier score, log loss and expected calibration error of two predictions of the same rows.

    The difference is resampled as one figure, with the same rows on both sides. That of the calibration error is left
    undefined: the base rate is as well calibrated as can be, so it would carry no information.
    """
    functions: dict[tuple[str, str], RowMeasure] = {}
    for name in _PROPER:
        functions[name, "ours"] = partial(MEASURES[name], ours)
        functions[name, "base_rate"] = partial(MEASURES[name], base_rate)
        functions[name, "difference"] = partial(_difference, MEASURES[name], ours, base_rate)
    found = bootstrap(functions, len(ours.labels), groups=groups, seed=seed)
    errors = [measure(one, {"ece": MEASURES["ece"]}, groups=groups, seed=seed)["ece"] for one in (ours, base_rate)]
    proper = {
        name: BaseRateComparison(found[name, "ours"], found[name, "base_rate"], found[name, "difference"])
        for name in _PROPER
    }
    return {**proper, "ece": BaseRateComparison(errors[0], errors[1], Figure(math.nan, math.nan, math.nan))}


def _difference(function: Measure, one: Scored, other: Scored, weights: Floats) -> Floats:
    return function(one, weights) - function(other, weights)


def by_character(
    scored: Scored, characters: Sequence[str], *, groups: Codes | None, seed: int
) -> dict[str, CharacterFigures]:
    """Return the figures of the rows of each character, in order of first appearance; what is undefined is NaN."""
    found: dict[str, CharacterFigures] = {}
    names = np.array(characters, dtype=object)
    for name in dict.fromkeys(characters):
        rows = np.flatnonzero(names == name)
        own = Scored(scored.probabilities[:, rows], scored.decisions[:, rows], scored.labels[rows])
        codes = None if groups is None else group_codes(groups[rows].tolist())
        figures = measure(own, {key: MEASURES[key] for key in _BY_CHARACTER}, groups=codes, seed=seed)
        consistent = int(own.labels.sum())
        found[name] = CharacterFigures(consistent, len(rows) - consistent, figures)
    return found
