"""The comparison with the published model, on sizes for a test."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from runs import official_side_by_side

TEXT = "the ferry did not run on sundays, and the ferryman did not run at all. " * 60
SIZES = ["--n_layer", "2", "--n_embd", "16", "--n_head", "2", "--mlp_internal_dim_multiplier", "4"]
STEPS = ["--iters", "12", "--log_interval", "4", "--eval_interval", "6", "--batch_size", "3", "--seq_len", "24"]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of both runs, started by themselves as on two GPUs."""
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    base = ["prog", "--data", str(tmp_path / "text.txt"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    for which in ("reference", "ours"):
        flags = [*base, *SIZES, *STEPS, "--which", which, "--dtype", "fp32", "--no_compile"]
        monkeypatch.setattr(sys, "argv", flags)
        official_side_by_side.main()
    return tmp_path / "out"


def _column(path: Path, name: str) -> list[float]:
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def test_ours_learns_what_the_published_model_learns(out: Path) -> None:
    for column, count in (("train_loss", 5), ("val_loss", 2)):
        theirs, mine = (_column(out / f"{name}.csv", column) for name in ("reference", "ours"))
        assert len(theirs) == count and mine == pytest.approx(theirs, abs=1e-3)
    losses = _column(out / "ours.csv", "train_loss")
    assert losses[-1] < losses[0] - 0.01


def test_page_has_both_and_their_difference(out: Path) -> None:
    page = (out / "side_by_side.md").read_text(encoding="utf-8")
    assert "| 12 | " in page and "best validation loss" in page
    assert float(page.split("Largest differences: training ")[1].split(",")[0]) < 1e-3
