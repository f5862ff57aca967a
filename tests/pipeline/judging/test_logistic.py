"""A logistic model survives its file, scores by hand-checkable numbers, and refuses broken ones."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError, OutputError
from pipeline.judging.logistic import LogisticModel, feature_matrix

MODEL = LogisticModel(
    names=("words", "reader"), means=(0.5, 1.0), scales=(0.25, 2.0), weights=(1.0, -2.0), intercept=0.5, threshold=0.6
)


def test_logistic_model_scores_by_its_formula() -> None:
    expected = 0.5 + 1.0 * (1.0 - 0.5) / 0.25 - 2.0 * (2.0 - 1.0) / 2.0
    row = {"reader": 2.0, "words": 1.0, "unused": 9.0}
    assert MODEL.log_odds([row])[0] == pytest.approx(expected)
    assert MODEL.probability(row) == pytest.approx(1 / (1 + math.exp(-expected)))


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_logistic_model_gives_a_probability_for_any_finite_row(words: float, reader: float) -> None:
    assert 0 < MODEL.probability({"words": words, "reader": reader}) < 1


def test_logistic_model_scores_no_rows() -> None:
    assert MODEL.probabilities([]).shape == (0,)


def test_logistic_model_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "verdict" / "claim.json"
    MODEL.save(path)
    assert LogisticModel.load(path) == MODEL
    assert [entry.name for entry in path.parent.iterdir()] == ["claim.json"]


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=5),
    st.floats(-1e6, 1e6),
    st.floats(0, 1),
)
def test_logistic_model_comes_back_from_json_exactly(
    columns: list[tuple[float, float, float]], intercept: float, threshold: float
) -> None:
    means, scales, weights = zip(*columns, strict=True)
    names = tuple(f"feature_{index}" for index in range(len(columns)))
    model = LogisticModel(names, means, scales, weights, intercept, threshold)
    assert LogisticModel.from_dict(json.loads(json.dumps(model.to_dict()))) == model


def test_logistic_model_refuses_another_version() -> None:
    with pytest.raises(ModelError, match=r"expected \('logistic', 1\)"):
        LogisticModel.from_dict({**MODEL.to_dict(), "version": 2})


@pytest.mark.parametrize("change", [{"weights": None}, {"means": ["x", "y"]}, {"scales": [1.0]}, {"names": []}])
def test_logistic_model_refuses_broken_fields(change: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"fit the model again|at least one"):
        LogisticModel.from_dict({**MODEL.to_dict(), **change})


@pytest.mark.parametrize(
    "change",
    [{"weights": (math.nan, 1.0)}, {"scales": (0.0, 1.0)}, {"intercept": math.inf}, {"threshold": 1.5}],
)
def test_logistic_model_refuses_numbers_that_are_not_finite(change: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        replace(MODEL, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_logistic_model_refuses_a_file_that_is_not_a_model(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claim.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"claim\.json"):
        LogisticModel.load(path)


def test_logistic_model_names_the_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model can be read at .*claim\.json"):
        LogisticModel.load(tmp_path / "claim.json")


def test_logistic_model_names_the_folder_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot write the model"):
        MODEL.save(tmp_path / "file" / "claim.json")


@pytest.mark.parametrize("row", [{"words": 1.0}, {"words": 1.0, "reader": math.nan}])
def test_feature_matrix_names_what_is_missing_in_a_row(row: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="row 0 has no finite value of reader"):
        feature_matrix([row], ("words", "reader"))


def test_feature_matrix_keeps_the_order_of_the_names() -> None:
    matrix = feature_matrix([{"b": 2.0, "a": 1.0}], ("a", "b"))
    np.testing.assert_array_equal(matrix, [[1.0, 2.0]])
