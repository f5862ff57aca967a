"""Figures of predictions on claims or backstories that come as twins, one true and one false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.errors import TableError
from pipeline.evaluation.fitting import Indices, Labels, checked_labels, group_codes
from pipeline.evaluation.metrics import (
    MEASURES,
    Figure,
    Measure,
    Scored,
    check_lengths,
    figures_dict,
    measure,
    weighted_mean,
)


@dataclass(frozen=True, eq=False)
class PairMetrics:
    """Figures of claims that come as twins, a true and a false one, with intervals over books.

    ``figures``: ``accuracy`` and ``auc`` of single claims, ``both_right`` the share of pairs with both twins decided
    right, ``ranking`` the share of pairs whose true twin has the higher probability (ties counted half).
    """

    pairs: int
    books: int
    figures: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON, with the size of the set."""
        interval = "95 %, bootstrap over books"
        return {"pairs": self.pairs, "books": self.books, "interval": interval, "figures": figures_dict(self.figures)}


def pair_metrics(
    probabilities: Sequence[float],
    labels: Sequence[int],
    pairs: Sequence[Hashable],
    *,
    books: Sequence[Hashable],
    threshold: float = 0.5,
    seed: int,
) -> PairMetrics:
    """Measure predictions on twins; rows of one of ``pairs`` are one true (1) and one false (0) claim of one book.

    Nothing is fitted here: the predictions are to come from a model that saw neither these labels nor these pairs.

    Raises:
        TableError: columns of different lengths, or a pair that is not one true and one false claim of one book.
    """
    known = checked_labels(labels, len(probabilities))
    check_lengths(len(probabilities), pairs=pairs, books=books)
    chances = np.asarray(probabilities, dtype=np.float64)
    twins, scored = find_twins(known, pairs, books), Scored(chances[None], chances[None] >= threshold, known)
    found = measure(scored, claim_measures(scored, twins), groups=group_codes(books), seed=seed)
    return PairMetrics(len(twins[0]), len(set(books)), found)


def claim_measures(own: Scored, twins: tuple[Indices, Indices] | None) -> dict[str, Measure]:
    """Return the measures of ``PairMetrics`` of these predictions; without ``twins``, true and false, the first two."""
    singles: dict[str, Measure] = {
        "accuracy": lambda _, weights: MEASURES["accuracy"](own, weights),
        "auc": lambda _, weights: MEASURES["auc"](own, weights),
    }
    if twins is None:
        return singles
    chances, decisions, (true, false) = own.probabilities[0], own.decisions[0], twins
    both_right = decisions[true] & ~decisions[false]
    ranking = (chances[true] > chances[false]) + (chances[true] == chances[false]) / 2
    return singles | {
        "both_right": lambda _, weights: weighted_mean(both_right, weights[:, true]),
        "ranking": lambda _, weights: weighted_mean(ranking, weights[:, true]),
    }


def find_twins(labels: Labels, pairs: Sequence[Hashable], books: Sequence[Hashable]) -> tuple[Indices, Indices]:
    """Return the rows of the true and the false twin of each pair; raises TableError for what is no pair of twins."""
    members: dict[Hashable, list[int]] = {}
    for row, pair in enumerate(pairs):
        members.setdefault(pair, []).append(row)
    for pair, rows in members.items():
        if sorted(labels[rows].tolist()) != [0, 1] or len({books[row] for row in rows}) != 1:
            raise TableError(
                f"pair {pair!r} has the labels {labels[rows].tolist()}; expected one 1 and one 0 of one book"
            )
    twins = np.array(list(members.values()))
    is_true = labels[twins] == 1
    return twins[is_true], twins[~is_true]


def whole_pairs(
    labels: Labels, pairs: Sequence[str | None], books: Sequence[str]
) -> tuple[tuple[Indices, Indices] | None, int]:
    """Return the rows of true and false twins, None without any, and how many pairs are none of twins."""
    keys = [None if pair is None else (book, pair) for pair, book in zip(pairs, books, strict=True)]
    members = Counter(key for key in keys if key is not None)
    true = Counter(key for key, label in zip(keys, labels, strict=True) if key is not None and label == 1)
    whole = [place for place, key in enumerate(keys) if key is not None and (members[key], true[key]) == (2, 1)]
    left_out = len(members) - len(whole) // 2
    if not whole:
        return None, left_out
    rows = np.array(whole)
    twins = find_twins(labels[rows], [keys[place] for place in whole], [books[place] for place in whole])
    return (rows[twins[0]], rows[twins[1]]), left_out
