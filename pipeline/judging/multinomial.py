"""A fitted multinomial model as plain numbers: the probabilities of a claim's three labels from its features."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import ModelError
from pipeline.judging.logistic import feature_matrix
from pipeline.records import CLAIM_LABELS, ClaimLabel
from pipeline.storage.files import replacing

_LEAST_STATED = 0.02
"""Added to the probabilities of both answers, so that a claim about which nothing is known has an even chance."""
FORMAT, VERSION = "multinomial", 1


@dataclass(frozen=True)
class MultinomialModel:
    """Log-odds of each label: ``intercepts + weights @ ((features - means) / scales)``.

    A claim is called supported or contradicted only where that probability is at least ``thresholds``. ``prior`` are
    the probabilities of a claim without evidence.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    thresholds: tuple[float, float]
    prior: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = (self.means, self.scales, *self.weights)
        shapes = len(self.weights) == len(self.intercepts) == len(self.prior) == len(CLAIM_LABELS)
        if not shapes or any(len(column) != len(self.names) for column in columns):
            raise ModelError(
                f"the fitted model of claims has {len(self.names)} features, {len(self.weights)} labels, and numbers "
                "for others; fit it again with fit-judge"
            )
        numbers = [*self.intercepts, *self.thresholds, *self.prior, *(one for column in columns for one in column)]
        if not all(map(math.isfinite, numbers)) or min(self.scales, default=1.0) <= 0:
            raise ModelError(
                "a number of the fitted model of claims is not finite or a scale is not positive; fit it again with "
                "fit-judge"
            )

    def probabilities(self, rows: Sequence[Mapping[str, float]]) -> npt.NDArray[np.float64]:
        """Return the probabilities of ``CLAIM_LABELS`` for each row of features, (rows, 3)."""
        scaled = (feature_matrix(rows, self.names) - np.array(self.means)) / np.array(self.scales)
        odds = np.array(self.intercepts) + scaled @ np.array(self.weights).T
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)

    def label(self, chances: Sequence[float]) -> ClaimLabel:
        """Return the label that probabilities of ``CLAIM_LABELS`` allow."""
        supported, contradicted = chances[0], chances[1]
        if contradicted >= self.thresholds[1] and contradicted >= supported:
            return "contradicted"
        return "supported" if supported >= self.thresholds[0] and supported > contradicted else "not_stated"

    def save(self, path: Path) -> None:
        """Write the model to ``path``, whole or not at all."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1, allow_nan=False) + "\n"
        with replacing(path) as scratch:
            scratch.write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> MultinomialModel:
        """Read the model that ``save`` wrote; raises ModelError when it is missing or damaged."""
        try:
            payload: Any = json.loads(path.read_text(encoding="utf-8"))
            if (payload["format"], payload["version"]) != (FORMAT, VERSION):
                raise ValueError(f"format {payload['format']}, version {payload['version']}")
            return cls(
                tuple(payload["names"]),
                tuple(payload["means"]),
                tuple(payload["scales"]),
                tuple(tuple(row) for row in payload["weights"]),
                tuple(payload["intercepts"]),
                (payload["thresholds"][0], payload["thresholds"][1]),
                tuple(payload["prior"]),
            )
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise ModelError(
                f"{path} is not a fitted model of claims ({error}); fit it again with fit-judge"
            ) from error


def consistent_probability(chances: Sequence[float]) -> float:
    """Return the probability of a claim being true, were it settled, from the probabilities of ``CLAIM_LABELS``.

    >>> round(consistent_probability([0.0, 0.0, 1.0]), 2), round(consistent_probability([0.7, 0.1, 0.2]), 2)
    (0.5, 0.86)
    """
    supported, contradicted = chances[0] + _LEAST_STATED, chances[1] + _LEAST_STATED
    return supported / (supported + contradicted)
