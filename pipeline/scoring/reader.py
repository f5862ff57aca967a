"""The trained claim reader: what it says of a claim once it has read some evidence, and without any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.records import ClaimLabel


@dataclass(frozen=True)
class Comparison:
    """What a reader says of one claim before one piece of evidence.

    ``probabilities`` of supported, contradicted and not_stated sum to 1. ``log_odds`` are those of supported against
    contradicted. ``evidence`` is what the evidence alone adds: 0 where there is none, about 0 on average before another
    novel. ``features`` are the numbers that the fitted verdict may use; all are 0 where there is no evidence.
    """

    probabilities: dict[ClaimLabel, float]
    log_odds: float
    evidence: float
    features: dict[str, float]


@dataclass(frozen=True)
class ReaderQuestion:
    """A claim, and the verbatim sentences it is read against, in the order of the book; none is no evidence."""

    claim: str
    sentences: tuple[str, ...]


class ClaimComparer(Protocol):
    """Anything that compares claims with evidence; the shipped reader is one, tests have simpler ones."""

    def compare(
        self, questions: Sequence[ReaderQuestion], *, on_progress: Callable[[int], object] = ...
    ) -> list[Comparison]:
        """Return a comparison for each question, in order; ``on_progress`` hears how many were just done."""
