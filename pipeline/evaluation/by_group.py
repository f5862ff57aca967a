"""Held-out answers looked at more closely: how good their probabilities are, and how each character fares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.fitting import group_codes
from pipeline.evaluation.metrics import MEASURES, Codes, Figure, Measure, Scored, figures_dict, measure
from pipeline.judging.logistic import Floats

_PROPER = ("brier", "log_loss")
_BY_CHARACTER = ("accuracy", "balanced_accuracy", "contradict_recall")


@dataclass(frozen=True)
class BesideBaseRate:
    """A figure of probabilities where less is better, that of the base rate, and ours less the base rate's."""

    ours: Figure
    base_rate: Figure
    difference: Figure

    def to_dict(self) -> dict[str, Any]:
        """Return the three figures for JSON."""
        return figures_dict({"ours": self.ours, "base_rate": self.base_rate, "difference": self.difference})


@dataclass(frozen=True)
class ShareOfRows:
    """The figures of some of the rows, in which all were counted."""

    consistent: int
    inconsistent: int
    figures: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return counts and figures for JSON."""
        counts = {"consistent": self.consistent, "inconsistent": self.inconsistent}
        return {"rows": self.consistent + self.inconsistent, **counts, "figures": figures_dict(self.figures)}


def beside_base_rate(ours: Scored, base_rate: Scored, *, groups: Codes | None, seed: int) -> dict[str, BesideBaseRate]:
    """Return Brier score, log loss and expected calibration error of two answers to the same rows.

    The difference is resampled as one figure: the same rows in both. That of the calibration error would say nothing,
    as the base rate is as well calibrated as can be, so it is left undefined.
    """
    measures: dict[str, Measure] = {}
    for name in _PROPER:
        measures[f"{name}/ours"] = _of(ours, MEASURES[name])
        measures[f"{name}/base_rate"] = _of(base_rate, MEASURES[name])
        measures[f"{name}/difference"] = _less(ours, base_rate, MEASURES[name])
    found = measure(ours, measures, groups=groups, seed=seed)
    errors = [measure(one, {"ece": MEASURES["ece"]}, groups=groups, seed=seed)["ece"] for one in (ours, base_rate)]
    proper = {
        name: BesideBaseRate(found[f"{name}/ours"], found[f"{name}/base_rate"], found[f"{name}/difference"])
        for name in _PROPER
    }
    return {**proper, "ece": BesideBaseRate(errors[0], errors[1], Figure(math.nan, math.nan, math.nan))}


def _of(scored: Scored, own: Measure) -> Measure:
    return lambda _, weights: own(scored, weights)


def _less(one: Scored, other: Scored, own: Measure) -> Measure:
    def difference(_: Scored, weights: Floats) -> Floats:
        return own(one, weights) - own(other, weights)

    return difference


def by_character(
    scored: Scored, characters: Sequence[str], *, groups: Codes | None, seed: int
) -> dict[str, ShareOfRows]:
    """Return the figures of the rows of each character, in order of first appearance; what is undefined is NaN."""
    found: dict[str, ShareOfRows] = {}
    names = np.array(characters, dtype=object)
    for name in dict.fromkeys(characters):
        rows = np.flatnonzero(names == name)
        own = Scored(scored.probabilities[:, rows], scored.decisions[:, rows], scored.labels[rows])
        codes = None if groups is None else group_codes(groups[rows].tolist())
        figures = measure(own, {key: MEASURES[key] for key in _BY_CHARACTER}, groups=codes, seed=seed)
        consistent = int(own.labels.sum())
        found[name] = ShareOfRows(consistent, len(rows) - consistent, figures)
    return found
