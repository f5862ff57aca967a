"""A multinomial model survives its file, gives hand-checkable probabilities, and refuses broken files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.judging.multinomial import MultinomialModel, consistent_probability

MODEL = MultinomialModel(
    names=("odds", "settled"),
    means=(1.0, 0.0),
    scales=(2.0, 1.0),
    weights=((1.0, 0.0), (-1.0, 0.0), (0.0, -1.0)),
    intercepts=(0.0, 0.0, 0.5),
    thresholds=(0.5, 0.4),
    prior=(0.4, 0.4, 0.2),
)
NUMBERS = st.floats(-1e6, 1e6)


def test_probabilities_follow_the_formula() -> None:
    odds = np.array([1.0, -1.0, 0.5 - 2.0])
    expected = np.exp(odds) / np.exp(odds).sum()
    assert MODEL.probabilities([{"settled": 2.0, "odds": 3.0, "unused": 9.0}])[0] == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), max_size=4))
def test_probabilities_sum_to_one_for_any_finite_row(rows: list[tuple[float, float]]) -> None:
    found = MODEL.probabilities([{"odds": one, "settled": other} for one, other in rows])
    assert found.shape == (len(rows), 3)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    assert bool((found >= 0).all())


def test_model_without_features_gives_its_intercepts() -> None:
    model = replace(MODEL, names=(), means=(), scales=(), weights=((), (), ()), intercepts=(0.0, 0.0, math.log(2)))
    assert model.probabilities([{"odds": 5.0}])[0] == pytest.approx([0.25, 0.25, 0.5])


@pytest.mark.parametrize("row", [{"odds": 1.0}, {"odds": 1.0, "settled": math.nan}])
def test_row_without_a_feature_is_refused(row: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="row 0 has no finite value of settled"):
        MODEL.probabilities([row])


@pytest.mark.parametrize(
    ("chances", "label"),
    [
        ((0.5, 0.2, 0.3), "supported"),
        ((0.49, 0.2, 0.31), "not_stated"),
        ((0.3, 0.4, 0.3), "contradicted"),
        ((0.2, 0.39, 0.41), "not_stated"),
        ((0.45, 0.4, 0.15), "not_stated"),
        ((0.5, 0.5, 0.0), "contradicted"),
        ((0.55, 0.42, 0.03), "supported"),
    ],
)
def test_label_needs_the_higher_probability_and_its_threshold(chances: tuple[float, ...], label: str) -> None:
    assert MODEL.label(chances) == label


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: sum(pair) <= 1))
def test_probability_of_a_claim_is_that_of_being_true_were_it_settled(chances: tuple[float, float]) -> None:
    supported, contradicted = chances
    rest = 1 - supported - contradicted
    found = consistent_probability([supported, contradicted, rest])
    assert found + consistent_probability([contradicted, supported, rest]) == pytest.approx(1)
    assert 0 < found < 1
    assert found == pytest.approx(0.5) or (found > 0.5) == (supported > contradicted)
    assert consistent_probability([supported / 2, contradicted / 2, 0.5]) == pytest.approx(0.5, abs=abs(found - 0.5))


def test_model_comes_back_from_its_file(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "joint.json")
    assert MultinomialModel.load(tmp_path / "joint.json") == MODEL
    assert [path.name for path in tmp_path.iterdir()] == ["joint.json"]


@given(
    columns=st.lists(st.tuples(NUMBERS, st.floats(1e-6, 1e6), NUMBERS, NUMBERS, NUMBERS), max_size=4),
    rest=st.tuples(NUMBERS, NUMBERS, NUMBERS),
    thresholds=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_model_comes_back_from_its_file_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    columns: list[tuple[float, ...]],
    rest: tuple[float, float, float],
    thresholds: tuple[float, float],
) -> None:
    means, scales, *weights = zip(*columns, strict=True) if columns else ((),) * 5
    names = tuple(f"feature_{number}" for number in range(len(columns)))
    model = MultinomialModel(names, means, scales, tuple(weights), rest, thresholds, (0.5, 0.25, 0.25))
    path = tmp_path_factory.getbasetemp() / "any.json"
    model.save(path)
    assert MultinomialModel.load(path) == model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [[1.0, 0.0], [0.0, 1.0]]}, "numbers for others"),
        ({"weights": [[1.0], [0.0], [0.0]]}, "numbers for others"),
        ({"means": [1.0]}, "numbers for others"),
        ({"prior": [0.5, 0.5]}, "numbers for others"),
        ({"intercepts": [0.0, 0.0]}, "numbers for others"),
        ({"scales": [0.0, 1.0]}, "scale is not positive"),
        ({"scales": [-1.0, 1.0]}, "scale is not positive"),
        ({"intercepts": [0.0, 0.0, math.nan]}, "not finite"),
        ({"thresholds": [math.inf, 0.5]}, "not finite"),
        ({"means": [10**400, 0.0]}, "not a fitted model"),
        ({"thresholds": [0.5]}, "not a fitted model"),
        ({"means": ["x", "y"]}, "not a fitted model"),
        ({"weights": None}, "not a fitted model"),
        ({"version": 2}, "format multinomial, version 2"),
        ({"format": "logistic"}, "format logistic, version 1"),
    ],
)
def test_file_with_a_damaged_field_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "joint.json"
    MODEL.save(path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ModelError, match=message) as caught:
        MultinomialModel.load(path)
    assert "joint.json" in str(caught.value) and "fit it again with fit-judge" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", "{", "{}", "null", "\ufeff{}"])
def test_file_that_is_not_a_model_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "joint.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"joint\.json is not a fitted model of claims"):
        MultinomialModel.load(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"joint\.json is not a fitted model of claims .*No such file"):
        MultinomialModel.load(tmp_path / "joint.json")


def test_model_that_is_not_finite_is_not_made() -> None:
    with pytest.raises(ModelError, match="not finite"):
        replace(MODEL, prior=(math.nan, 0.5, 0.5))
