"""The figures of a verdict as the page says them, and the calibration of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.report.quality import calibration, load_quality, read_quality, table_quality

ROOT = Path(__file__).resolve().parents[3]


def _figure(value: float, *, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


FIGURES: dict[str, Any] = {
    "train_claims": 10,
    "ours": {
        "pairs": 1452,
        "books": 40,
        "interval": "95 %",
        "figures": {"accuracy": _figure(0.5623, low=0.54, high=0.58), "auc": _figure(0.6)},
    },
    "claim_only": {"figures": {"accuracy": _figure(0.62)}},
}


def test_figures_become_rows_with_intervals_and_gaps() -> None:
    quality = read_quality(FIGURES)
    assert quality is not None
    assert quality.caption == "1,452 pairs, 40 books; in brackets: 95 %"
    assert quality.columns == ("correct", "AUC")
    assert [(row.name, row.ours, row.figures) for row in quality.rows] == [
        ("ours", True, ("0.56 [0.54, 0.58]", "0.60")),
        ("claim only", False, ("0.62", "")),
    ]
    assert quality.bins == ()


def test_calibration_is_taken_from_the_file_where_it_is() -> None:
    quality = read_quality(FIGURES | {"calibration": [{"predicted": 0.25, "observed": 0.2, "count": 30}]})
    assert quality is not None
    assert [(part.predicted, part.observed, part.count) for part in quality.bins] == [(25.0, 20.0, 30)]


def test_metrics_of_several_systems_at_once_are_taken_too() -> None:
    systems = {"ensemble": {"accuracy": _figure(0.7)}, "lexical": {"accuracy": _figure(0.6)}}
    quality = read_quality({"books": 40, "interval": "95 %", "figures": systems})
    assert quality is not None
    assert quality.caption == "40 books; in brackets: 95 %"
    assert [(row.name, row.ours) for row in quality.rows] == [("ensemble", True), ("lexical", False)]


def test_verdict_without_figures_has_none(tmp_path: Path) -> None:
    assert load_quality(tmp_path) is None
    (tmp_path / "figures.json").write_text(json.dumps({"train_claims": 1}), encoding="utf-8")
    assert load_quality(tmp_path) is None


def test_broken_figures_are_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="expected the figures of the verdict"):
        load_quality(tmp_path)


def test_table_quality_holds_ours_and_its_baselines() -> None:
    metrics = {
        "rows": 4,
        "folds": 2,
        "repeats": 3,
        "figures": {"accuracy": _figure(0.5)},
        "baselines": {"majority": {"accuracy": _figure(0.75)}},
    }
    quality = table_quality(metrics, [0.1, 0.9], [False, True])
    assert quality.caption == "4 rows; 2 folds, 3 times"
    assert [row.name for row in quality.rows] == ["ours", "majority"]


@given(cases=st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_bins_hold_every_case_once_in_order(cases: list[tuple[float, bool]]) -> None:
    bins = calibration([chance for chance, _ in cases], [label for _, label in cases])
    assert sum(part.count for part in bins) == len(cases)
    assert [part.predicted for part in bins] == sorted(part.predicted for part in bins)
    assert all(0 <= part.observed <= 100 for part in bins)
