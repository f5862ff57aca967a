"""A verdict on the rows of a table is fitted on their true labels alone, and compared with its baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import SettingError, TableError
from pipeline.evaluation.tables import JudgedRow, check_training, fit_tables, lexical_features
from pipeline.records import TableLabel
from tests.pipeline.evaluation.made_up_rows import found_by_words, made_up


def relabelled(rows: Sequence[JudgedRow], labels: Sequence[TableLabel | None]) -> list[JudgedRow]:
    return [replace(one, row=replace(one.row, label=label)) for one, label in zip(rows, labels, strict=True)]


def fitted_accuracy(rows: Sequence[JudgedRow]) -> float:
    return fit_tables(rows, folds=4, repeats=1, seed=0).validation.figures["accuracy"].value


def test_fit_learns_the_true_labels() -> None:
    assert fitted_accuracy(made_up(60)) > 0.9


def test_fit_on_flipped_labels_flips_the_model() -> None:
    rows = made_up(60)
    flipped = relabelled(rows, ["inconsistent" if one.row.label == "consistent" else "consistent" for one in rows])
    straight, turned = (fit_tables(some, folds=2, repeats=1, seed=0).model for some in (rows, flipped))
    assert np.allclose(straight.weights, -np.array(turned.weights), atol=1e-3)
    assert straight.probability(rows[1].features) > 0.5 > turned.probability(rows[1].features)


def test_fit_on_permuted_labels_is_at_chance_out_of_fold() -> None:
    rows, draw = made_up(100), np.random.default_rng(1)
    found = [
        fitted_accuracy(relabelled(rows, [rows[index].row.label for index in draw.permutation(len(rows))]))
        for _ in range(3)
    ]
    assert 0.3 < np.mean(found) < 0.65


def test_fit_compares_with_all_its_baselines() -> None:
    baselines = fit_tables(made_up(40), folds=3, repeats=1, seed=0).validation.baselines
    assert set(baselines) == {"majority", "claim_only", "lexical_only", "character_majority"}


def test_fit_keeps_rows_of_a_pair_together() -> None:
    validation = fit_tables(made_up(40, pairs=True), folds=3, repeats=1, seed=0).validation
    assert validation.groups == 20
    assert fit_tables(made_up(20), folds=2, repeats=1, seed=0).validation.groups is None


def test_fit_is_the_same_for_the_same_seed() -> None:
    one, two, other = (fit_tables(made_up(20), folds=3, repeats=1, seed=seed).validation for seed in (3, 3, 4))
    assert one.to_dict() == two.to_dict()
    assert one.per_repeat.tolist() != other.per_repeat.tolist()


@pytest.mark.parametrize(
    ("rows", "changes", "error", "message"),
    [
        (made_up(20), {"repeats": 0}, SettingError, "repeats is 0"),
        (made_up(20), {"folds": 1}, TableError, "folds"),
        (made_up(20), {"folds": 11}, TableError, "folds"),
        (made_up(2), {"folds": 2}, TableError, "folds"),
        (made_up(20)[::2], {}, TableError, "one label"),
        (relabelled(made_up(20), [None] * 20), {}, TableError, "no label"),
    ],
)
def test_training_table_that_cannot_be_fitted_is_refused_early(
    rows: list[JudgedRow], changes: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_training([one.row for one in rows], **{"folds": 5, "repeats": 2, "seed": 0, **changes})


def test_training_table_that_passes_the_check_can_be_fitted() -> None:
    rows = made_up(8)
    check_training([one.row for one in rows], folds=2, repeats=2, seed=0)
    fit_tables(rows, folds=2, repeats=2, seed=0)


def test_lexical_features_are_means_over_the_claims() -> None:
    claims = [found_by_words(1.0, 7.0, 4.0, 3.0, 2.0), found_by_words(2.0), found_by_words()]
    assert lexical_features(claims) == pytest.approx(
        {
            "lexical_first": (math.log(8) + math.log(3)) / 3,
            "lexical_three": (math.log(1 + 14 / 3) + math.log(3)) / 3,
        }
    )
