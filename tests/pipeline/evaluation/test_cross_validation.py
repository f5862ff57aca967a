"""Cross-validation finds a signal, finds nothing in noise, and does not leak between folds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pipeline.errors import TableError
from pipeline.evaluation.cross_validation import CrossValidation, FoldSettings, LabelledRows, cross_validate
from pipeline.evaluation.metrics import Figure

LABELS = [1] * 50 + [0] * 30


def rows_of(values: np.ndarray, names: tuple[str, ...] | None = None) -> list[dict[str, float]]:
    names = names or tuple(f"feature_{index}" for index in range(values.shape[1]))
    return [dict(zip(names, map(float, row), strict=True)) for row in values]


def noise(seed: int, *, columns: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(LABELS), columns))


def check(
    features: list[dict[str, float]], labels: list[int] = LABELS, *, repeats: int = 2, seed: int = 0, **inputs: Any
) -> CrossValidation:
    return cross_validate(LabelledRows(features, labels, **inputs), FoldSettings(seed, repeats=repeats))


def contains(figure: Figure, value: float) -> bool:
    return figure.low <= value <= figure.high


@pytest.fixture(scope="module")
def signal() -> CrossValidation:
    values = noise(0)
    values[:, 0] += 3 * np.array(LABELS)
    words = np.random.default_rng(0).integers(0, 50, size=(len(LABELS), 12))
    texts = [" ".join(f"word{word}" for word in row) for row in words]
    rows = rows_of(values, ("reader", "words", "more_words", "names"))
    return check(rows, texts=texts, lexical=[{name: row[name] for name in row if name != "reader"} for row in rows])


def test_cross_validation_finds_a_signal(signal: CrossValidation) -> None:
    assert signal.figures["auc"].value > 0.95
    assert signal.figures["accuracy"].low > signal.baselines["majority"]["accuracy"].value
    assert signal.mcnemar.p_value < 0.01


def test_cross_validation_measures_the_baselines_in_the_same_folds(signal: CrossValidation) -> None:
    majority = signal.baselines["majority"]
    assert set(signal.baselines) == {"majority", "lexical_only", "claim_only"}
    assert majority["accuracy"].value == pytest.approx(50 / 80)
    assert majority["auc"] == Figure(0.5, 0.5, 0.5)
    assert contains(signal.baselines["lexical_only"]["auc"], 0.5)
    assert contains(signal.baselines["claim_only"]["auc"], 0.5)


def test_cross_validation_gives_every_row_a_probability_in_every_repeat(signal: CrossValidation) -> None:
    assert signal.per_repeat.shape == (2, 80)
    assert ((signal.per_repeat > 0) & (signal.per_repeat < 1)).all()
    np.testing.assert_allclose(signal.probabilities, signal.per_repeat.mean(axis=0))
    assert signal.figures["accuracy"].value == pytest.approx(np.mean(signal.accuracy_per_repeat))


def test_cross_validation_goes_to_json_with_the_size_of_the_set(signal: CrossValidation) -> None:
    payload = json.loads(json.dumps(signal.to_dict(), allow_nan=False))
    assert (payload["rows"], payload["consistent"], payload["inconsistent"], payload["groups"]) == (80, 50, 30, None)
    assert set(payload["figures"]["auc"]) == {"value", "low", "high"}
    assert set(payload["mcnemar_against_majority"]) == {"only_first", "only_second", "p_value"}


@pytest.mark.parametrize("seed", range(3))
def test_cross_validation_finds_nothing_in_noise(seed: int) -> None:
    result = check(rows_of(noise(seed)))
    assert contains(result.figures["auc"], 0.5)
    assert contains(result.figures["accuracy"], result.baselines["majority"]["accuracy"].value)


def test_a_label_leaked_into_the_features_shows_and_is_chance_under_shuffled_labels() -> None:
    values = noise(1)
    values[:, 2] = LABELS
    shuffled = np.random.default_rng(2).permutation(LABELS).tolist()
    assert check(rows_of(values)).figures["auc"].value > 0.999
    assert contains(check(rows_of(values), shuffled).figures["auc"], 0.5)


def test_a_feature_unique_to_each_row_predicts_nothing() -> None:
    assert check(rows_of(np.eye(len(LABELS))), repeats=1).figures["auc"].value < 0.6


def test_rows_of_a_group_are_never_split_between_folds() -> None:
    groups = np.arange(80) // 8
    labels = (groups % 2).tolist()
    marks = rows_of(np.eye(10)[groups])
    assert check(marks, labels, repeats=1).figures["accuracy"].value == 1.0
    grouped = check(marks, labels, repeats=1, groups=groups.tolist())
    assert grouped.figures["auc"].value < 0.6
    assert grouped.to_dict()["groups"] == 10


def test_claim_only_baseline_finds_claim_only_bias() -> None:
    texts = [
        ("was truly there" if label else "was supposedly there") + f" word{row}" for row, label in enumerate(LABELS)
    ]
    result = check(rows_of(noise(3)), texts=texts, repeats=1)
    assert result.baselines["claim_only"]["auc"].value > 0.95
    assert contains(result.figures["auc"], 0.5)


def test_baseline_whose_input_is_not_given_is_left_out() -> None:
    assert set(check(rows_of(noise(5), ("word_found", "gain", "x", "y")), repeats=1).baselines) == {"majority"}


def test_lexical_only_can_be_given_its_own_rows() -> None:
    own = rows_of(noise(4, columns=1) + 3 * np.array(LABELS)[:, None])
    result = check(rows_of(noise(5)), lexical=own, repeats=1)
    assert result.baselines["lexical_only"]["auc"].value > 0.95


def test_cross_validation_is_the_same_under_the_same_seed_and_another_under_another() -> None:
    features = rows_of(noise(6))
    assert check(features, seed=1).to_dict() == check(features, seed=1).to_dict()
    assert (check(features, seed=1).per_repeat != check(features, seed=2).per_repeat).any()


def test_cross_validation_has_other_folds_in_each_repeat() -> None:
    result = check(rows_of(noise(7)))
    assert (result.per_repeat[0] != result.per_repeat[1]).any()


@pytest.mark.parametrize("column", ["groups", "texts", "lexical"])
def test_cross_validation_names_a_column_of_another_length(column: str) -> None:
    with pytest.raises(TableError, match=f"{column} has 1 entries for 80 rows"):
        check(rows_of(noise(0)), LABELS, **{column: ["one"]})


def test_cross_validation_names_a_text_without_words() -> None:
    with pytest.raises(TableError, match="text of row 1 has no word"):
        check(rows_of(noise(0)), texts=["word", "..."] + ["word"] * 78)


def test_cross_validation_refuses_no_rows() -> None:
    with pytest.raises(TableError, match="0 labels"):
        check([], [])
