"""The metrics of a training run over its steps, from metrics.jsonl or from a log of its output."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bdh.errors import DataError

Numbers = npt.NDArray[np.float64]
_ALIASES = {
    "train": "loss",
    "train_loss": "loss",
    "validation": "val_loss",
    "validation_loss": "val_loss",
    "tok_s": "tokens_per_second",
    "sparsity_x": "active_x",
    "sparsity_y": "active_y",
    "rho_f": "state_norm",
    "rhof": "state_norm",
}
NAMES = (
    "loss",
    "val_loss",
    "val_bits_per_byte",
    "active_x",
    "active_y",
    "state_norm",
    "gain",
    "lr",
    "grad_norm",
    "tokens_per_second",
)
_NUMBER = r"([-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_STEP = re.compile(r"\bstep\D{0,3}(\d[\d,]*)|(\d+)/\d+ \[", re.IGNORECASE)
_PAIR = re.compile(r"\b([A-Za-z]\w*)\s*[=: ]\s*" + _NUMBER)
_BITS = re.compile(_NUMBER + r" bits a byte")


@dataclass(frozen=True)
class MetricCurve:
    """One metric over the steps of a run."""

    steps: Numbers
    values: Numbers


def read_metrics(path: Path) -> dict[str, MetricCurve]:
    """Return the curves of a run's metrics.jsonl; raises DataError for any other file."""
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        points = [(int(record["step"]), record) for record in records]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error!r}); expected the metrics.jsonl of a training run") from error
    return _collect(points, path)


def read_log(path: Path) -> dict[str, MetricCurve]:
    """Return the curves of a log: the output of a training command, redirected to a file.

    Lines with a step and a known name are read (``step 250: train 1.9, validation 2.0 ...``, or ``250/2000 [...,
    loss=1.9]`` of a progress bar), others ignored. Raises DataError when no line has both.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); give a log of a training command") from error
    return _collect(_parse_lines(re.split(r"[\r\n]+", text)), path)


def _parse_lines(lines: list[str]) -> Iterator[tuple[int, dict[str, float]]]:
    for line in lines:
        step = _STEP.search(line)
        if step is None:
            continue
        found = {name.lower(): _number(value) for name, value in _PAIR.findall(line)}
        bits = _BITS.search(line)
        if bits is not None:
            found["val_bits_per_byte"] = _number(bits.group(1))
        yield int(_number(step.group(1) or step.group(2))), found


def _collect(
    points: Iterator[tuple[int, dict[str, float]]] | list[tuple[int, dict[str, float]]], path: Path
) -> dict[str, MetricCurve]:
    """Collect points by name; of two values at one step the last is used."""
    columns: dict[str, dict[int, float]] = {}
    for step, record in points:
        for name, value in record.items():
            name = _ALIASES.get(name, name)
            if name in NAMES and isinstance(value, (int, float)):
                columns.setdefault(name, {})[step] = float(value)
    if not columns:
        raise DataError(f"{path} has no losses; expected lines like 'step 250: train 1.9, validation 2.0'")
    return {name: _curve(columns[name]) for name in NAMES if name in columns}


def _curve(points: Mapping[int, float]) -> MetricCurve:
    steps = sorted(points)
    return MetricCurve(np.array(steps, np.float64), np.array([points[step] for step in steps], np.float64))


def _number(text: str) -> float:
    return float(text.replace(",", ""))
