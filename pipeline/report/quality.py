"""How well a fitted verdict does on other data: the figures stored with it, as the page shows them.

``figures.json`` in a verdict's folder maps each system that was measured (``ours`` and its baselines) to a mapping with
``figures`` (name to ``value``, ``low`` and ``high``) and, for the caption, ``set`` (what was measured on, in words),
``pairs``, ``rows`` or ``books`` and ``interval``. Metrics with the ``figures`` of several systems (system to name to
figure) are accepted too. ``calibration``, if present, is a list of bins: ``predicted``, ``observed``, ``count``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError
from pipeline.report import wording

FILE_NAME = "figures.json"
# The measures with a column, in plain words.
_MEASURES = {
    "accuracy": "correct",
    "balanced_accuracy": "correct, both kinds weighed equally",
    "auc": "AUC",
    "ranking": "true claim of a pair ranked first",
    "both_right": "both claims of a pair correct",
    "contradicted_precision": "really contradicted when called so",
    "contradicted_recall": "contradicted ones found",
    "contradict_precision": "correct when called inconsistent",
    "contradict_recall": "inconsistent ones found",
}
_OURS = frozenset({"ours", "ensemble"})
_COLUMNS = 4
_BINS = 5


@dataclass(frozen=True)
class MeasuredSystem:
    """A system that was measured, with a figure for each column, empty where there is none."""

    name: str
    ours: bool
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Bin:
    """Cases of similar probability: the mean prediction and the share that was consistent, both in percent."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class Quality:
    """The figures as a table, and the calibration as bins, empty where it was not measured.

    ``measured`` has the figures of the verdict itself by name, and ``measured_on`` says in words what with.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[MeasuredSystem, ...]
    bins: tuple[Bin, ...]
    measured: Mapping[str, float] = field(default_factory=dict)
    measured_on: str = ""


def load_quality(verdict_dir: Path) -> Quality | None:
    """Return the figures stored with a fitted verdict, None if there are none.

    Raises:
        ModelError: the file is not JSON.
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
    """Return the content of ``figures.json``, None if it has no figures."""
    measured = {name: entry for name, entry in found.items() if isinstance(entry, dict) and entry.get("figures")}
    known = found.get("figures") or {name: entry["figures"] for name, entry in measured.items()}
    if not known:
        return None
    bins = tuple(_bin(entry) for entry in found.get("calibration", ()))
    described = next(iter(measured.values()), found)
    return replace(_quality(_caption(described), known, bins), measured_on=described.get("set", ""))


def table_quality(metrics: Mapping[str, Any], chances: Sequence[float], labels: Sequence[bool]) -> Quality:
    """Return the cross-validated figures of a table; ``chances`` are its rows' out-of-fold probabilities.

    ``labels`` say which of the rows are consistent.
    """
    known = {"ours": metrics.get("figures", {}), **metrics.get("baselines", {})}
    return _quality(_caption(metrics), known, calibration(chances, labels))


def calibration(chances: Sequence[float], labels: Sequence[bool], *, bins: int = _BINS) -> tuple[Bin, ...]:
    """Return up to ``bins`` groups of equally many neighbouring probabilities, with their shares of consistent."""
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
    columns = [name for name in _MEASURES if any(name in figures for figures in known.values())][:_COLUMNS]
    rows = tuple(
        MeasuredSystem(wording.readable(name), name in _OURS, tuple(_figure(figures.get(column)) for column in columns))
        for name, figures in known.items()
    )
    own = next((figures for name, figures in known.items() if name in _OURS), {})
    measured = {name: figure["value"] for name, figure in own.items() if figure and figure.get("value") is not None}
    return Quality(caption, tuple(_MEASURES[name] for name in columns), rows, bins, measured)


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
    return "; ".join(filter(None, (entry.get("set", ""), ", ".join(counts), folds, interval)))


def _bin(entry: Mapping[str, Any]) -> Bin:
    return Bin(_percent(entry["predicted"]), _percent(entry["observed"]), int(entry["count"]))


def _percent(share: float) -> float:
    return round(100 * float(share), 1)
