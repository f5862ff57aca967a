"""Measure the fitted judge on features of labelled plain claims: ``plain_labels.py FEATURES MODEL``.

The features come from ``python -m pipeline fit-judge --claims data/plain_claims/dev --novels NOVELS --out_dir OUT``;
the models that it fits there are of no use. Intervals are 95 %, by bootstrap over novels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from pipeline.judging.logistic import Floats
from pipeline.judging.multinomial import MultinomialModel, consistent_probability
from pipeline.records import CLAIM_LABELS

RESAMPLES = 1000


def main(features: str, model: str) -> None:
    """Print each figure with its interval."""
    rows = [json.loads(line) for line in Path(features).read_text(encoding="utf-8").splitlines()]
    fitted = MultinomialModel.load(Path(model))
    chances = fitted.probabilities([row["features"] for row in rows])
    truth = np.array([CLAIM_LABELS.index(row["label"]) for row in rows])
    said = np.array([CLAIM_LABELS.index(fitted.label(own)) for own in chances.tolist()])
    pairs = np.array([row["id"].rsplit("-", 1)[0] for row in rows])
    books = np.array([row["book"] for row in rows])
    names = sorted(set(books.tolist()))
    places = {name: np.flatnonzero(books == name) for name in names}
    counts = dict(zip(CLAIM_LABELS, np.bincount(truth).tolist(), strict=True))
    print(f"{len(rows)} claims about {len(names)} novels: {counts}")
    rng = np.random.default_rng(0)
    drawn = [rng.choice(len(names), len(names)) for _ in range(RESAMPLES)]
    for name, measure in _measures(chances, truth, said, pairs).items():
        values = [measure(np.concatenate([places[names[number]] for number in own])) for own in drawn]
        low, high = np.nanpercentile(values, [2.5, 97.5])
        print(f"{name:<36}{measure(np.arange(len(rows))):.3f} [{low:.3f}, {high:.3f}]")


def _measures(
    chances: Floats, truth: np.ndarray, said: np.ndarray, pairs: np.ndarray
) -> dict[str, Callable[[np.ndarray], float]]:
    consistent = np.array([consistent_probability(own) for own in chances.tolist()])
    likeliest = chances.argmax(axis=1)

    def order(chosen: np.ndarray) -> float:
        kept = chosen[truth[chosen] < 2]
        return float(roc_auc_score(truth[kept] == 0, consistent[kept]))

    def twins(chosen: np.ndarray) -> float:
        first = {pairs[place]: consistent[place] for place in chosen if truth[place] == 0}
        return float(np.mean([first[pairs[p]] > consistent[p] for p in chosen if truth[p] == 1 and pairs[p] in first]))

    def balanced(labels: np.ndarray) -> Callable[[np.ndarray], float]:
        return lambda chosen: float(np.mean([(labels[chosen][truth[chosen] == one] == one).mean() for one in range(3)]))

    measures = {
        "AUC of true against false": order,
        "true twin first": twins,
        "balanced accuracy, likeliest label": balanced(likeliest),
        "balanced accuracy, labels as said": balanced(said),
    }
    for number, label in enumerate(CLAIM_LABELS[:2]):
        measures[f"{label}: precision"] = lambda c, n=number: float((truth[c][said[c] == n] == n).mean())
        measures[f"{label}: recall"] = lambda c, n=number: float((said[c][truth[c] == n] == n).mean())
    return measures


if __name__ == "__main__":
    main(*sys.argv[1:])
