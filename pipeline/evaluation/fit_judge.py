"""Fit the judge's model of claims on labelled plain claims about novels that its verifiers have not seen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from pipeline.errors import TableError
from pipeline.judging.logistic import LogisticModel, feature_matrix
from pipeline.judging.multinomial import MultinomialModel, consistent_probability
from pipeline.judging.verdict import BACKSTORY_FEATURES, backstory_features
from pipeline.records import CLAIM_LABELS, ClaimLabel

Floats = npt.NDArray[np.float64]

PRECISION = (0.86, 0.92)
"""What supported and contradicted are to reach out of fold; about .88 and .80 are left of it on the dev novels."""
STRENGTH = 0.1
"""The inverse of the regularisation, chosen by the log loss out of fold."""
_FOLDS = 6
_BACKSTORIES = 4000
_FEWEST = 20
"""Claims that a threshold has to leave, so that its precision is measured on more than a handful."""


@dataclass(frozen=True)
class FittedRow:
    """A claim's features with its label and book."""

    features: dict[str, float]
    label: ClaimLabel
    book: str


def fit_claims(rows: Sequence[FittedRow], *, prefixes: tuple[str, ...]) -> tuple[MultinomialModel, Floats]:
    """Return the model on features that begin with ``prefixes``, and its probabilities out of fold, (rows, 3).

    Thresholds are the lowest at which the precision out of fold, by book, reaches ``PRECISION``. Raises TableError
    where the rows cannot be fitted.
    """
    names = tuple(sorted(name for name in rows[0].features if name.startswith(prefixes))) if rows else ()
    books = np.array([row.book for row in rows])
    if not names or len(set(books)) < 2:
        raise TableError(f"{len(rows)} claims about {len(set(books))} books have {len(names)} features; give others")
    features = feature_matrix([row.features for row in rows], names)
    labels = np.array([CLAIM_LABELS.index(row.label) for row in rows])
    out_of_fold = np.zeros((len(rows), len(CLAIM_LABELS)))
    for train, test in GroupKFold(min(_FOLDS, len(set(books)))).split(features, labels, books):
        if len(set(labels[train])) < len(CLAIM_LABELS):
            raise TableError("a fold has no claim of some label; give more books with claims of all three labels")
        scaler, model = _fit(features[train], labels[train])
        out_of_fold[test] = model.predict_proba(scaler.transform(features[test]))
    scaler, model = _fit(features, labels)
    thresholds = tuple(
        _threshold(out_of_fold[:, label], labels == label, wanted) for label, wanted in enumerate(PRECISION)
    )
    return MultinomialModel(
        names,
        tuple(map(float, scaler.mean_)),
        tuple(map(float, scaler.scale_)),
        tuple(tuple(map(float, row)) for row in model.coef_),
        tuple(map(float, model.intercept_)),
        (thresholds[0], thresholds[1]),
        tuple(float(np.mean(labels == label)) for label in range(len(CLAIM_LABELS))),
    ), out_of_fold


def fit_backstories(rows: Sequence[FittedRow], chances: Floats, model: MultinomialModel, *, seed: int) -> LogisticModel:
    """Return the model of backstories, fitted on backstories composed of the claims of one book each.

    Half of them have one false claim among true ones and some that the book leaves open. ``chances`` are the
    probabilities of the claims' labels out of fold. Raises TableError where no book has true and false claims.
    """
    rng = random.Random(seed)
    by_book: dict[str, dict[str, list[int]]] = {}
    for place, row in enumerate(rows):
        by_book.setdefault(row.book, {label: [] for label in CLAIM_LABELS})[row.label].append(place)
    books = [own for own in by_book.values() if own["supported"] and own["contradicted"]]
    if not books:
        raise TableError("no book has a supported and a contradicted claim; give other claims")
    features, labels = [], []
    for number in range(_BACKSTORIES):
        book = rng.choice(books)
        chosen = [rng.choice(book["supported"]) for _ in range(rng.randint(1, 7))]
        chosen = [
            rng.choice(book["not_stated"]) if book["not_stated"] and rng.random() < 0.2 else one for one in chosen
        ]
        if number % 2:
            chosen.append(rng.choice(book["contradicted"]))
        features.append(
            backstory_features(
                [consistent_probability(chances[place].tolist()) for place in chosen],
                [model.label(chances[place].tolist()) for place in chosen],
            )
        )
        labels.append(1 - number % 2)
    columns = np.array([[row[name] for name in BACKSTORY_FEATURES] for row in features])
    scaler = StandardScaler().fit(columns)
    fitted = LogisticRegression().fit(scaler.transform(columns), labels)
    return LogisticModel(
        BACKSTORY_FEATURES,
        tuple(map(float, scaler.mean_)),
        tuple(map(float, scaler.scale_)),
        tuple(map(float, fitted.coef_[0])),
        float(fitted.intercept_[0]),
    )


def _fit(features: Floats, labels: npt.NDArray[Any]) -> tuple[StandardScaler, LogisticRegression]:
    scaler = StandardScaler().fit(features)
    counts = np.bincount(labels, minlength=len(CLAIM_LABELS)).clip(1)
    balanced = {label: float((len(labels) / len(counts) / count) ** 0.5) for label, count in enumerate(counts)}
    model = LogisticRegression(C=STRENGTH, max_iter=5000, class_weight=balanced)
    return scaler, model.fit(scaler.transform(features), labels)


def _threshold(chances: Floats, right: npt.NDArray[np.bool_], wanted: float) -> float:
    """Return the lowest probability from which on the precision is ``wanted`` or more; the highest found otherwise."""
    fewest = min(_FEWEST, len(chances))
    order = np.argsort(-chances, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((precision >= wanted) & (np.arange(1, len(order) + 1) >= fewest))
    place = int(enough[-1]) if len(enough) else int(precision[fewest - 1 :].argmax()) + fewest - 1
    return float(chances[order[place]])
