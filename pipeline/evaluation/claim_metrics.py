"""Figures of answers to a labelled claim table, and of their differences, with intervals over books.

All systems and differences are resampled together, so that a difference is paired: the same books in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.baselines import Answers
from pipeline.evaluation.fitting import Labels, group_codes
from pipeline.evaluation.metrics import Figure, Measure, Scored, measure
from pipeline.evaluation.pairs import claim_measures, whole_pairs

DIFFERENCES = (("verdict", "lexical"), ("verdict", "no_evidence"), ("verdict", "wrong_novel"), ("verdict", "blind"))
"""What is compared where both are there: the first less the second."""
_BETWEEN = "/"


@dataclass(frozen=True)
class ClaimMetrics:
    """Figures by system and by difference of two systems, and what they were measured on.

    ``pairs_left_out`` counts pairs that are not one consistent and one inconsistent claim of one book.
    """

    consistent: int
    inconsistent: int
    books: int
    pairs: int
    pairs_left_out: int
    figures: dict[str, dict[str, Figure]]
    differences: dict[str, dict[str, Figure]]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "consistent": self.consistent,
            "inconsistent": self.inconsistent,
            "books": self.books,
            "pairs": self.pairs,
            "pairs_left_out": self.pairs_left_out,
            "interval": "95 %, bootstrap over books",
            "figures": _as_numbers(self.figures),
            "differences": _as_numbers(self.differences),
        }


def claim_metrics(
    answers: Mapping[str, Answers],
    labels: Sequence[int],
    *,
    books: Sequence[str],
    pairs: Sequence[str | None],
    seed: int,
) -> ClaimMetrics:
    """Measure each system's answers to labelled claims (1 consistent, 0 inconsistent), and add the majority's.

    ``pairs`` joins twins of one book; without any, what needs pairs is left out.
    """
    known = np.asarray(labels, dtype=np.int64)
    share = np.full(len(known), known.mean())
    majority = Answers(share, share >= 0.5)
    scored = {name: _scored(answer, known) for name, answer in {**answers, "majority": majority}.items()}
    twins, left_out = whole_pairs(known, pairs, books)
    measures = {name: claim_measures(each, twins) for name, each in scored.items()}
    differences = {
        f"{one}_minus_{other}": _minus(measures[one], measures[other])
        for one, other in DIFFERENCES
        if one in measures and other in measures
    }
    flat = {
        f"{name}{_BETWEEN}{figure}": function
        for name, functions in (measures | differences).items()
        for figure, function in functions.items()
    }
    found = measure(scored["majority"], flat, groups=group_codes(books), seed=seed)
    return ClaimMetrics(
        consistent=int(known.sum()),
        inconsistent=int((known == 0).sum()),
        books=len(set(books)),
        pairs=0 if twins is None else len(twins[0]),
        pairs_left_out=left_out,
        figures=_nested(found, measures),
        differences=_nested(found, differences),
    )


def _scored(answers: Answers, labels: Labels) -> Scored:
    return Scored(answers.probabilities[None], answers.decisions[None], labels)


def _minus(one: dict[str, Measure], other: dict[str, Measure]) -> dict[str, Measure]:
    def difference(name: str) -> Measure:
        return lambda scored, weights: one[name](scored, weights) - other[name](scored, weights)

    return {name: difference(name) for name in one}


def _nested(found: Mapping[str, Figure], names: Mapping[str, Mapping[str, Measure]]) -> dict[str, dict[str, Figure]]:
    return {name: {figure: found[f"{name}{_BETWEEN}{figure}"] for figure in own} for name, own in names.items()}


def _as_numbers(figures: Mapping[str, Mapping[str, Figure]]) -> dict[str, Any]:
    return {name: {key: figure.to_dict() for key, figure in own.items()} for name, own in figures.items()}
