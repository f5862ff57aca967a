"""Predictions as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import OutputError
from pipeline.records import TableLabel
from pipeline.storage.files import replacing


@dataclass(frozen=True)
class Prediction:
    """The verdict on one row; ``probability`` is that of the row being consistent with its novel."""

    id: str
    probability: float
    rationale: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.probability) and 0 <= self.probability <= 1):
            raise ValueError(f"probability of row {self.id!r} is {self.probability}; it must lie between 0 and 1")


def write_predictions(path: str | Path, predictions: Sequence[Prediction], *, threshold: float) -> None:
    """Write ``id,label,probability,rationale``, completely or not at all.

    A row is consistent when its unrounded probability reaches ``threshold``; the table shows four decimals. Line
    breaks inside a rationale become spaces, so that every row is one line.

    Raises OutputError when the file cannot be written.
    """
    _write_table(Path(path), pd.DataFrame(prediction_columns(predictions, threshold=threshold)))


def prediction_columns(predictions: Sequence[Prediction], *, threshold: float) -> dict[str, list[Any]]:
    """Return the columns that ``write_predictions`` writes."""
    return {
        "id": [p.id for p in predictions],
        "label": ["consistent" if p.probability >= threshold else "inconsistent" for p in predictions],
        "probability": [f"{p.probability:.4f}" for p in predictions],
        "rationale": [" ".join(p.rationale.split()) for p in predictions],
    }


def write_claim_predictions(
    path: Path,
    ids: Sequence[str],
    labels: Sequence[TableLabel],
    chances: Mapping[str, Sequence[float] | None],
    more: Mapping[str, Sequence[object]],
) -> None:
    """Write ``id``, ``label``, columns of probabilities with four decimals, and ``more`` columns as they are.

    A column that is None has empty cells. All is written or nothing. Raises OutputError when the file cannot be
    written.
    """
    columns: dict[str, list[Any]] = {
        name: [""] * len(ids) if column is None else [f"{chance:.4f}" for chance in column]
        for name, column in chances.items()
    }
    _write_table(path, pd.DataFrame({"id": list(ids), "label": list(labels), **columns, **more}))


@dataclass(frozen=True)
class HeldOutRow:
    """A labelled row as judged by the folds that were not fitted on it.

    ``probability`` of being consistent is the mean over the repeats and ``spread`` the standard deviation among them;
    ``decision`` follows the threshold of each fold.
    """

    id: str
    label: TableLabel
    probability: float
    decision: TableLabel
    spread: float


def write_held_out(path: Path, rows: Sequence[HeldOutRow]) -> None:
    """Write ``id,label,probability,decision,spread``, completely or not at all; raises OutputError."""
    columns = {
        "id": [row.id for row in rows],
        "label": [row.label for row in rows],
        "probability": [f"{row.probability:.4f}" for row in rows],
        "decision": [row.decision for row in rows],
        "spread": [f"{row.spread:.4f}" for row in rows],
    }
    _write_table(path, pd.DataFrame(columns))


def write_submission(path: Path, predictions: Sequence[Prediction], *, threshold: float) -> None:
    """Write ``Story ID,Prediction,Rationale``, the format of the Kharagpur Data Science Hackathon; raises OutputError.

    Prediction is 1 for consistent and 0 for contradict, by the same rule as in ``write_predictions``.
    """
    columns = {
        "Story ID": [p.id for p in predictions],
        "Prediction": [int(p.probability >= threshold) for p in predictions],
        "Rationale": [" ".join(p.rationale.split()) for p in predictions],
    }
    _write_table(path, pd.DataFrame(columns))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    text = table.to_csv(index=False, lineterminator="\n")
    try:
        with replacing(path) as scratch:
            scratch.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}); expected a writable folder; choose another out_dir"
        ) from error
