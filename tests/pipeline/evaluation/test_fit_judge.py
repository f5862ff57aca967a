"""Models fitted on labelled claims: what the features show is learnt, by book, and only where it can be."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.errors import ModelError, TableError
from pipeline.evaluation.fit_judge import PRECISION, FittedRow, _threshold, fit_backstories, fit_claims
from pipeline.judging.verdict import BACKSTORY_FEATURES, backstory_features
from pipeline.records import CLAIM_LABELS, ClaimLabel

PREFIXES = ("bdh_", "cross_")


@cache
def made_up(count: int = 360, *, books: int = 6, noise: float = 1.0, seed: int = 0) -> tuple[FittedRow, ...]:
    """Return claims whose first two features show their labels, with one feature of chance and one left out."""
    draw = np.random.default_rng(seed)
    centres: dict[ClaimLabel, tuple[float, float]] = {
        "supported": (2.0, 2.0),
        "contradicted": (-2.0, 2.0),
        "not_stated": (0.0, -2.0),
    }
    rows = []
    for number in range(count):
        label = CLAIM_LABELS[number % 3]
        odds, settled = draw.normal(centres[label], noise)
        features = {
            "cross_odds": float(odds),
            "bdh_settled": float(settled),
            "bdh_chance": float(draw.normal()),
            "label": float(number % 3),
        }
        rows.append(FittedRow(features, label, f"book {number // 3 % books}"))
    return tuple(rows)


def codes(rows: tuple[FittedRow, ...]) -> list[int]:
    return [CLAIM_LABELS.index(row.label) for row in rows]


def test_model_learns_the_labels_of_other_books() -> None:
    rows = made_up()
    model, out_of_fold = fit_claims(rows, prefixes=PREFIXES)
    assert model.names == ("bdh_chance", "bdh_settled", "cross_odds"), "no feature without a prefix"
    assert out_of_fold.shape == (360, 3) and out_of_fold.sum(axis=1) == pytest.approx(np.ones(360))
    assert (out_of_fold.argmax(axis=1) == codes(rows)).mean() > 0.9
    fresh = made_up(seed=1)
    found = model.probabilities([row.features for row in fresh])
    assert (found.argmax(axis=1) == codes(fresh)).mean() > 0.9
    assert model.prior == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_weights_point_to_the_labels() -> None:
    model, _ = fit_claims(made_up(), prefixes=PREFIXES)
    chance, settled, odds = (model.names.index(name) for name in ("bdh_chance", "bdh_settled", "cross_odds"))
    supported, contradicted, left_open = model.weights
    assert supported[odds] > 0.3 and contradicted[odds] < -0.3 and left_open[settled] < -0.3
    assert all(abs(row[chance]) < 0.2 for row in model.weights)


def test_prefix_chooses_the_features() -> None:
    model, out_of_fold = fit_claims(made_up(), prefixes=("bdh_",))
    assert model.names == ("bdh_chance", "bdh_settled")
    assert (out_of_fold.argmax(axis=1) == codes(made_up())).mean() < 0.8, "one feature does not settle the side"


def test_features_of_chance_are_worth_nothing_out_of_fold() -> None:
    draw = np.random.default_rng(3)
    rows = tuple(replace(row, features={"bdh_a": float(draw.normal())}) for row in made_up())
    _, out_of_fold = fit_claims(rows, prefixes=PREFIXES)
    assert (out_of_fold.argmax(axis=1) == codes(rows)).mean() < 0.45


def test_books_are_not_split_between_folds() -> None:
    rows = []
    for row in made_up(90, books=3):
        first = row.book == "book 0"
        rows.append(FittedRow({"bdh_first": float(first)}, "supported" if first else row.label, row.book))
    model, out_of_fold = fit_claims(rows, prefixes=PREFIXES)
    first = np.array([row.book == "book 0" for row in rows])
    assert model.probabilities([{"bdh_first": 1.0}])[0, 0] > 0.6
    assert out_of_fold[first, 0].max() < 0.5, "no book is judged by what its own claims show"


def test_thresholds_are_the_lowest_that_reach_the_precision_out_of_fold() -> None:
    rows = made_up(noise=1.5)
    model, out_of_fold = fit_claims(rows, prefixes=PREFIXES)
    truth = np.array(codes(rows))
    for label, (threshold, wanted) in enumerate(zip(model.thresholds, PRECISION, strict=True)):
        chances = out_of_fold[:, label]
        called = chances >= threshold
        assert called.sum() >= 20 and (truth[called] == label).mean() >= wanted
        for lower in sorted(chances[chances < threshold]):
            assert (truth[chances >= lower] == label).mean() < wanted


@pytest.mark.parametrize(
    ("right", "wanted", "threshold"),
    [
        ([1] * 20 + [0] * 10, 0.8, 0.76),
        ([1] * 30, 0.8, 0.71),
        ([0] * 30, 0.8, 0.81),
        ([0] * 5 + [1] * 25, 0.9, 0.71),
        ([1, 1, 0], 0.9, 0.98),
    ],
)
def test_threshold_of_given_probabilities(right: list[int], wanted: float, threshold: float) -> None:
    chances = np.array([1.0 - number / 100 for number in range(len(right))])
    assert _threshold(chances, np.array(right, dtype=bool), wanted) == pytest.approx(threshold)


def test_fit_is_the_same_each_time() -> None:
    one, two = (fit_claims(made_up(), prefixes=PREFIXES) for _ in range(2))
    assert one[0] == two[0] and np.array_equal(one[1], two[1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "0 claims about 0 books have 0 features"),
        (made_up(30, books=1), "30 claims about 1 books have 3 features"),
        (tuple(replace(row, features={"x": 1.0}) for row in made_up(30)), "30 claims about 6 books have 0 features"),
        (tuple(row for row in made_up(60) if row.label != "not_stated"), "no claim of some label"),
        (
            tuple(row for row in made_up(60) if row.label != "not_stated" or row.book == "book 0"),
            "no claim of some label",
        ),
    ],
)
def test_claims_that_cannot_be_fitted_are_refused(rows: tuple[FittedRow, ...], message: str) -> None:
    with pytest.raises(TableError, match=message):
        fit_claims(rows, prefixes=PREFIXES)


@pytest.mark.parametrize("features", [{"bdh_settled": 1.0}, {"bdh_settled": math.nan}])
def test_claim_without_a_feature_is_refused(features: dict[str, float]) -> None:
    rows = (*made_up(60), replace(made_up(60)[0], features=features))
    with pytest.raises(ModelError, match="row 60 has no finite value of bdh_chance"):
        fit_claims(rows, prefixes=PREFIXES)


def test_backstories_with_a_false_claim_are_less_probable() -> None:
    rows = made_up()
    model, out_of_fold = fit_claims(rows, prefixes=PREFIXES)
    fitted = fit_backstories(rows, out_of_fold, model, seed=0)
    assert fitted.names == BACKSTORY_FEATURES
    good = fitted.probability(backstory_features([0.95, 0.9], ["supported", "supported"]))
    bad = fitted.probability(backstory_features([0.95, 0.9, 0.05], ["supported", "supported", "contradicted"]))
    assert good > 0.8 and bad < 0.2
    assert fit_backstories(rows, out_of_fold, model, seed=0) == fitted
    assert fit_backstories(rows, out_of_fold, model, seed=1) != fitted


def test_backstories_need_a_book_with_a_true_and_a_false_claim() -> None:
    rows = made_up()
    model, out_of_fold = fit_claims(rows, prefixes=PREFIXES)
    apart = tuple(replace(row, book=f"{row.book} {row.label}") for row in rows)
    with pytest.raises(TableError, match="no book has a supported and a contradicted claim"):
        fit_backstories(apart, out_of_fold, model, seed=0)
