"""Compare systems on the same labelled rows: their figures and paired differences, with bootstrap intervals.

All systems are resampled together, the same rows or groups of rows in each, so that a difference is paired. Rows may
come in pairs of one true and one false claim: ``ranking`` is the share of pairs whose true claim has the higher
probability (ties count half), ``both_right`` the share with both claims decided right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline.evaluation.baselines import SystemOutput
from pipeline.evaluation.fitting import Indices, Labels, group_codes
from pipeline.evaluation.metrics import (
    CENTRED,
    MEASURES,
    Codes,
    Figure,
    RowMeasure,
    Scored,
    bootstrap,
    figures_dict,
    weighted_mean,
)
from pipeline.judging.logistic import Floats

CLAIM_FIGURES = ("accuracy", "auc", "both_right", "ranking")
SYSTEM_FIGURES = ("accuracy", "balanced_accuracy", "auc", "brier", "log_loss", "ranking", "both_right", "ece")
DIFFERENCES = (("verdict", "lexical"), ("verdict", "no_evidence"), ("verdict", "wrong_novel"), ("verdict", "blind"))
"""The pairs of systems whose difference, first minus second, ``claim_metrics`` measures where both are given."""

Pairs = tuple[Indices, Indices]
"""The rows of the true and of the false claim of each pair, both (P,)."""
FiguresBySystem = dict[str, dict[str, Figure]]


@dataclass(frozen=True)
class Compared:
    """The figures of one system, and ``delta``: those of the first system minus its own; empty for the first."""

    figures: dict[str, Figure]
    delta: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return both for JSON."""
        return {"figures": figures_dict(self.figures), "first_minus_this": figures_dict(self.delta)}


def compare_systems(
    systems: Mapping[str, Scored], *, groups: Codes | None, pairs: Pairs | None, seed: int
) -> dict[str, Compared]:
    """Return the figures of each system on the same rows, and the first system's minus its own."""
    first, *others = systems
    measures = {name: _row_measures(scored, SYSTEM_FIGURES, pairs) for name, scored in systems.items()}
    rows = len(systems[first].labels)
    figures = _bootstrap_nested(measures, rows, groups=groups, seed=seed)
    deltas = _bootstrap_nested(
        {name: _minus(measures[first], measures[name]) for name in others}, rows, groups=groups, seed=seed
    )
    return {name: Compared(figures[name], deltas.get(name, {})) for name in systems}


@dataclass(frozen=True)
class ClaimMetrics:
    """Figures by system and by difference of two systems, and the size of the set that they are measured on.

    ``pairs_left_out`` counts pairs that are not one consistent and one inconsistent claim of one book.
    """

    consistent: int
    inconsistent: int
    books: int
    pairs: int
    pairs_left_out: int
    figures: FiguresBySystem
    differences: FiguresBySystem

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "consistent": self.consistent,
            "inconsistent": self.inconsistent,
            "books": self.books,
            "pairs": self.pairs,
            "pairs_left_out": self.pairs_left_out,
            "interval": "95 %, bootstrap over books",
            "figures": {name: figures_dict(own) for name, own in self.figures.items()},
            "differences": {name: figures_dict(own) for name, own in self.differences.items()},
        }


def claim_metrics(
    outputs: Mapping[str, SystemOutput],
    labels: Sequence[int],
    *,
    books: Sequence[str],
    pairs: Sequence[str | None],
    seed: int,
) -> ClaimMetrics:
    """Measure the output of each system for labelled claims (1 consistent, 0 inconsistent), and of the majority.

    ``pairs`` names the pair of each claim within its book; the figures of pairs are left out if there is none. The
    labels are to be unknown to the systems: nothing is fitted here.
    """
    known = np.asarray(labels, dtype=np.int64)
    majority = SystemOutput.from_threshold(np.full(len(known), known.mean()), 0.5)
    found, left_out = find_pairs(known, pairs, books)
    measures = {
        name: _row_measures(Scored(one.probabilities[None], one.decisions[None], known), CLAIM_FIGURES, found)
        for name, one in {**outputs, "majority": majority}.items()
    }
    differences = {
        f"{one}_minus_{other}": _minus(measures[one], measures[other])
        for one, other in DIFFERENCES
        if one in measures and other in measures
    }
    codes = group_codes(books)
    return ClaimMetrics(
        consistent=int(known.sum()),
        inconsistent=int((known == 0).sum()),
        books=len(set(books)),
        pairs=0 if found is None else len(found[0]),
        pairs_left_out=left_out,
        figures=_bootstrap_nested(measures, len(known), groups=codes, seed=seed),
        differences=_bootstrap_nested(differences, len(known), groups=codes, seed=seed),
    )


def find_pairs(labels: Labels, pairs: Sequence[str | None], books: Sequence[str]) -> tuple[Pairs | None, int]:
    """Return the rows of the complete pairs, None if there is none, and the number of incomplete pairs.

    A pair is complete if it has exactly one true and one false claim; equal names in two books are two pairs.
    """
    members: dict[tuple[str, str], list[int]] = {}
    for row, (book, pair) in enumerate(zip(books, pairs, strict=True)):
        if pair is not None:
            members.setdefault((book, pair), []).append(row)
    complete = [rows for rows in members.values() if sorted(labels[rows].tolist()) == [0, 1]]
    if not complete:
        return None, len(members)
    rows = np.array(complete)
    is_true = labels[rows] == 1
    return (rows[is_true], rows[~is_true]), len(members) - len(complete)


def _row_measures(scored: Scored, names: Iterable[str], pairs: Pairs | None) -> dict[str, RowMeasure]:
    of_pairs = {} if pairs is None else _pair_measures(scored, pairs)
    own = {name: partial(MEASURES[name], scored) for name in names if name in MEASURES}
    return {name: (own | of_pairs)[name] for name in names if name in own or name in of_pairs}


def _pair_measures(scored: Scored, pairs: Pairs) -> dict[str, RowMeasure]:
    true, false = pairs
    chances, decisions = scored.probabilities, scored.decisions
    above = ((chances[:, true] > chances[:, false]) + (chances[:, true] == chances[:, false]) / 2).mean(axis=0)
    both = (decisions[:, true] & ~decisions[:, false]).mean(axis=0)

    def mean_over_pairs(values: Floats, weights: Floats) -> Floats:
        return weighted_mean(values, weights[:, true])

    return {"ranking": partial(mean_over_pairs, above), "both_right": partial(mean_over_pairs, both)}


def _minus(first: Mapping[str, RowMeasure], second: Mapping[str, RowMeasure]) -> dict[str, RowMeasure]:
    """Return the differences of two systems' measures; a difference of centred figures would not be paired."""

    def difference(name: str) -> RowMeasure:
        return lambda weights: first[name](weights) - second[name](weights)

    return {name: difference(name) for name in first if name not in CENTRED}


def _bootstrap_nested(
    measures: Mapping[str, Mapping[str, RowMeasure]], rows: int, *, groups: Codes | None, seed: int
) -> FiguresBySystem:
    flat = {(system, name): function for system, own in measures.items() for name, function in own.items()}
    found = bootstrap(flat, rows, groups=groups, seed=seed, centred={key for key in flat if key[1] in CENTRED})
    return {system: {name: found[system, name] for name in own} for system, own in measures.items()}
