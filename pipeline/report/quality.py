"""How well a fitted verdict does on data it was not fitted on: the figures that lie beside it, as the page says them.

``figures.json`` of a verdict's folder maps whoever was measured (``ours`` and its baselines) to a mapping with
``figures`` (name to ``value``, ``low`` and ``high``) and, for the caption, ``pairs``, ``rows`` or ``books`` and
``interval``. Metrics that hold ``figures`` of several systems at once (system to name to figure) are taken as well.
``calibration``, where it is there, is a list of bins: ``predicted``, ``observed``, ``count``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.report import wording

FILE_NAME = "figures.json"
# Measures worth a column, in the words of a reader who has never fitted a model.
_MEASURES = {
    "accuracy": "answered rightly",
    "balanced_accuracy": "the same, balanced",
    "auc": "AUC",
    "ranking": "true twin ranked first",
    "both_right": "both twins right",
    "contradict_precision": "inconsistent, and right",
    "contradict_recall": "inconsistent, and found",
}
_OURS = frozenset({"ours", "ensemble"})
_COLUMNS = 4
_BINS = 5


@dataclass(frozen=True)
class Measured:
    """One who was measured, with a figure for each column, empty where there is none."""

    name: str
    ours: bool
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Bin:
    """Cases of like probability: the mean that was predicted, the share that was consistent, both in percent."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class Quality:
    """The figures as a table, and the calibration as bins, empty where it was not measured."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Measured, ...]
    bins: tuple[Bin, ...]


def load_quality(verdict_dir: Path) -> Quality | None:
    """Return the figures beside a fitted verdict, None where no file holds any.

    Raises:
        ModelError: the file is no JSON.
    """
    path = verdict_dir / FILE_NAME
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}); expected the figures of the verdict") from error
    return read_quality(found) if isinstance(found, dict) else None


def read_quality(found: Mapping[str, Any]) -> Quality | None:
    """Return what ``figures.json`` says, None where it holds no figures."""
    measured = {name: entry for name, entry in found.items() if isinstance(entry, dict) and entry.get("figures")}
    known = found.get("figures") or {name: entry["figures"] for name, entry in measured.items()}
    if not known:
        return None
    bins = tuple(_bin(entry) for entry in found.get("calibration", ()))
    return _quality(_caption(next(iter(measured.values()), found)), known, bins)


def table_quality(metrics: Mapping[str, Any], chances: Sequence[float], labels: Sequence[bool]) -> Quality:
    """Return the cross-validated figures of a table; ``chances`` are its rows' out-of-fold probabilities.

    ``labels`` say which of the rows are consistent.
    """
    known = {"ours": metrics.get("figures", {}), **metrics.get("baselines", {})}
    return _quality(_caption(metrics), known, calibration(chances, labels))


def calibration(chances: Sequence[float], labels: Sequence[bool], *, bins: int = _BINS) -> tuple[Bin, ...]:
    """Return up to ``bins`` groups of as many neighbouring probabilities, each with its share of consistent."""
    ranked = sorted(zip(chances, labels, strict=True))
    cuts = [round(place * len(ranked) / bins) for place in range(bins + 1)]
    groups = [ranked[start:end] for start, end in pairwise(cuts) if end > start]
    return tuple(
        Bin(
            _percent(sum(chance for chance, _ in group) / len(group)),
            _percent(sum(label for _, label in group) / len(group)),
            len(group),
        )
        for group in groups
    )


def _quality(caption: str, known: Mapping[str, Mapping[str, Any]], bins: tuple[Bin, ...]) -> Quality:
    held = [name for name in _MEASURES if any(name in figures for figures in known.values())][:_COLUMNS]
    rows = tuple(
        Measured(wording.readable(name), name in _OURS, tuple(_figure(figures.get(column)) for column in held))
        for name, figures in known.items()
    )
    return Quality(caption, tuple(_MEASURES[name] for name in held), rows, bins)


def _figure(figure: Mapping[str, float | None] | None) -> str:
    if not figure or figure.get("value") is None:
        return ""
    value, low, high = figure["value"], figure.get("low"), figure.get("high")
    interval = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
    return f"{value:.2f}{interval}"


def _caption(entry: Mapping[str, Any]) -> str:
    counts = [f"{entry[name]:,} {name}" for name in ("rows", "pairs", "books") if isinstance(entry.get(name), int)]
    folds = f"{entry['folds']} folds, {entry['repeats']} times" if "folds" in entry and "repeats" in entry else ""
    interval = f"in brackets: {entry['interval']}" if entry.get("interval") else ""
    return "; ".join(filter(None, (", ".join(counts), folds, interval)))


def _bin(entry: Mapping[str, Any]) -> Bin:
    return Bin(_percent(entry["predicted"]), _percent(entry["observed"]), int(entry["count"]))


def _percent(share: float) -> float:
    return round(100 * float(share), 1)
