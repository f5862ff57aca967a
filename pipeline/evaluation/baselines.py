"""The systems that ``evaluate-claims`` compares: the judge given each kind of evidence, and the fitted baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.book import Book
from pipeline.evaluation.claim_benchmark import EvidenceKind, MeasuredClaim
from pipeline.evaluation.claim_only import ClaimOnlyModel
from pipeline.evaluation.expected_overlap import ExpectedOverlap
from pipeline.evaluation.lexical import lexical_features
from pipeline.evaluation.metrics import Bools
from pipeline.judging.logistic import Floats, LogisticModel
from pipeline.judging.passage import passage_of
from pipeline.records import ClaimVerdict
from pipeline.tables.rows import row_text

SYSTEM_OF: dict[EvidenceKind, str] = {"right": "verdict", "none": "no_evidence", "wrong": "wrong_novel"}
"""The name of the judge as a system, by the kind of evidence it is given."""


@dataclass(frozen=True)
class SystemOutput:
    """A system's probability of being consistent for each claim, and whether it decides for consistent, both (N,)."""

    probabilities: Floats
    decisions: Bools

    @classmethod
    def of(cls, probabilities: Sequence[float], decisions: Sequence[bool]) -> SystemOutput:
        """Return the output from plain sequences."""
        return cls(np.array(probabilities, np.float64), np.array(decisions, np.bool_))

    @classmethod
    def from_threshold(cls, probabilities: Sequence[float] | Floats, threshold: float) -> SystemOutput:
        """Return the output that decides for consistent from a threshold on."""
        chances = np.asarray(probabilities, np.float64)
        return cls(chances, chances >= threshold)


@dataclass(frozen=True)
class Baselines:
    """The lexical model (words of claim and passages) and the claim-only model, fitted on other claims."""

    lexical: LogisticModel
    claim_only: ClaimOnlyModel
    expected: ExpectedOverlap

    @classmethod
    def load(cls, folder: Path) -> Baselines:
        """Read both models from ``folder``; raises ModelError if one is missing or damaged."""
        return cls(
            LogisticModel.load(folder / "claim_lexical.json"),
            ClaimOnlyModel.load(folder / "claim_only.json"),
            ExpectedOverlap.load(folder / "background.npz"),
        )

    def words(self, book: Book, verdict: ClaimVerdict) -> dict[str, float]:
        """Return the lexical features of a claim and the passages of its verdict, as the lexical model takes them."""
        ranked = sorted(verdict.pairs, key=lambda pair: pair.evidence.rank)
        passages = [passage_of(book.novel, book.chunks[pair.evidence.chunk_index]) for pair in ranked]
        return lexical_features(
            verdict.claim.text, passages, weight=book.index.weight, stems=book.index.stems, expected=self.expected
        )

    def threshold(self, name: str) -> float:
        """Return the probability from which on a baseline decides for consistent."""
        return self.lexical.threshold if name == "lexical" else self.claim_only.threshold

    def outputs(self, measured: Sequence[MeasuredClaim]) -> dict[str, SystemOutput]:
        """Return the output of both baselines."""
        lexical = self.lexical.probabilities([claim.words for claim in measured])
        words = self.claim_only.probabilities([row_text(claim.row) for claim in measured])
        return {
            "lexical": SystemOutput.from_threshold(lexical, self.lexical.threshold),
            "claim_only": SystemOutput.from_threshold(words, self.claim_only.threshold),
        }


def judge_outputs(measured: Sequence[MeasuredClaim], *, threshold: float) -> dict[str, SystemOutput]:
    """Return the judge's output for each kind of evidence that every claim has."""
    return {
        system: SystemOutput.from_threshold([claim.verdicts[kind].probability for claim in measured], threshold)
        for kind, system in SYSTEM_OF.items()
        if all(kind in claim.verdicts for claim in measured)
    }


def all_outputs(
    measured: Sequence[MeasuredClaim], baselines: Baselines, *, threshold: float
) -> Mapping[str, SystemOutput]:
    """Return the output of the judge and of the baselines for the same claims."""
    return judge_outputs(measured, threshold=threshold) | baselines.outputs(measured)
