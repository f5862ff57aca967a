"""A fitted logistic model as plain numbers: scored with numpy, stored as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import ModelError, OutputError
from pipeline.storage.files import replacing

Floats = npt.NDArray[np.float64]
Row = Mapping[str, float]

FORMAT = "logistic"
VERSION = 1

# Beyond these odds a probability is rounding, and one claim would outweigh any number of others.
_LARGEST_LOG_ODDS = 30.0


@dataclass(frozen=True)
class LogisticModel:
    """The probability that something is consistent, from a row of named features.

    ``log_odds = intercept + sum(weights * (features - means) / scales)``. ``threshold`` is the least
    probability of the label consistent.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    threshold: float = 0.5

    def __post_init__(self) -> None:
        columns = (self.means, self.scales, self.weights)
        if not self.names or len(set(self.names)) < len(self.names):
            raise ModelError(f"the features are {list(self.names)}; a model needs at least one, each once")
        if any(len(column) != len(self.names) for column in columns):
            raise ModelError(
                f"the model has {len(self.names)} features, {len(self.means)} means, {len(self.scales)} scales and "
                f"{len(self.weights)} weights; the four numbers must agree: fit the model again"
            )
        if not all(math.isfinite(number) for column in columns for number in column) or min(self.scales) <= 0:
            raise ModelError("a mean, scale or weight is not finite or a scale is not positive; fit the model again")
        if not math.isfinite(self.intercept) or not 0 <= self.threshold <= 1:
            raise ModelError(
                f"the intercept is {self.intercept} and the threshold {self.threshold}; expected a finite number and a "
                f"probability: fit the model again"
            )

    def log_odds(self, rows: Sequence[Row]) -> Floats:
        """Return the log-odds of being consistent for each row, within ±30."""
        scaled = (feature_matrix(rows, self.names) - np.array(self.means)) / np.array(self.scales)
        odds: Floats = self.intercept + scaled @ np.array(self.weights)
        return odds.clip(-_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS)

    def probabilities(self, rows: Sequence[Row]) -> Floats:
        """Return the probability of being consistent for each row."""
        odds = np.exp(self.log_odds(rows))
        return np.asarray(odds / (1 + odds), dtype=np.float64)

    def probability(self, row: Row) -> float:
        """Return the probability of being consistent for one row."""
        return float(self.probabilities([row])[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the model as it is written to JSON, with the name and version of the format."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> LogisticModel:
        """Return the model that ``to_dict`` wrote.

        Raises:
            ModelError: another format or version, a missing field, or numbers that do not make a model.
        """
        found = (payload.get("format"), payload.get("version"))
        if found != (FORMAT, VERSION):
            raise ModelError(f"the model is of format {found}; expected {(FORMAT, VERSION)}: fit the model again")
        try:
            return cls(
                names=tuple(map(str, payload["names"])),
                means=tuple(map(float, payload["means"])),
                scales=tuple(map(float, payload["scales"])),
                weights=tuple(map(float, payload["weights"])),
                intercept=float(payload["intercept"]),
                threshold=float(payload["threshold"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the model's fields are broken ({error!r}); fit the model again") from error

    def save(self, path: Path) -> None:
        """Write the model to ``path``, whole or not at all."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        try:
            with replacing(path) as scratch:
                scratch.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(f"cannot write the model to {path} ({error.strerror}); choose another folder") from error

    @classmethod
    def load(cls, path: Path) -> LogisticModel:
        """Read the model that ``save`` wrote; raises ModelError when it is missing or damaged."""
        try:
            payload = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"no model can be read at {path} ({error.strerror}); fit it or give its folder") from error
        except ValueError as error:
            raise ModelError(f"{path} is not a model in JSON ({error}); fit the model again") from error
        if not isinstance(payload, dict):
            raise ModelError(f"{path} holds a {type(payload).__name__}; expected the fields of a model: fit it again")
        return cls.from_dict(payload)


def feature_matrix(rows: Sequence[Row], names: Sequence[str]) -> Floats:
    """Return the features ``names`` of ``rows`` as (rows, features).

    Raises:
        ModelError: a feature is missing in a row, or a value is not finite.
    """
    for number, row in enumerate(rows):
        bad = [name for name in names if not math.isfinite(row.get(name, math.nan))]
        if bad:
            raise ModelError(
                f"row {number} has no finite value of {', '.join(bad)}; the model needs {', '.join(names)}"
            )
    return np.array([[row[name] for name in names] for row in rows], dtype=np.float64).reshape(len(rows), len(names))
