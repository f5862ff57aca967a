"""The systems that ``evaluate-claims`` compares: the judge for each kind of evidence, and the fitted baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.evaluation.claim_benchmark import EvidenceKind, MeasuredClaim
from pipeline.evaluation.claim_only import ClaimOnlyModel
from pipeline.evaluation.metrics import Bools
from pipeline.judging.logistic import Floats, LogisticModel
from pipeline.tables.rows import row_text

SYSTEM_OF: dict[EvidenceKind, str] = {"right": "verdict", "none": "no_evidence", "wrong": "wrong_novel"}
"""The name of the judge's answers for each kind of evidence."""


@dataclass(frozen=True)
class Answers:
    """A system's probability of being consistent for each claim, and whether it decides for consistent."""

    probabilities: Floats
    decisions: Bools

    @classmethod
    def of(cls, probabilities: Sequence[float], decisions: Sequence[bool]) -> Answers:
        """Return answers from plain sequences."""
        return cls(np.array(probabilities, np.float64), np.array(decisions, np.bool_))

    @classmethod
    def from_threshold(cls, probabilities: Sequence[float] | Floats, threshold: float) -> Answers:
        """Return answers that decide for consistent from a threshold on."""
        chances = np.asarray(probabilities, np.float64)
        return cls(chances, chances >= threshold)


@dataclass(frozen=True)
class Baselines:
    """The lexical model (words of claim and passages) and the claim-only model, fitted on other claims."""

    lexical: LogisticModel
    claim_only: ClaimOnlyModel

    @classmethod
    def load(cls, folder: Path) -> Baselines:
        """Read the models that ``runs/claim_verdict.py`` fitted; raises ModelError when one is missing or damaged."""
        return cls(LogisticModel.load(folder / "claim_lexical.json"), ClaimOnlyModel.load(folder / "claim_only.json"))

    def threshold(self, name: str) -> float:
        """Return the probability from which on a baseline decides for consistent."""
        return self.lexical.threshold if name == "lexical" else self.claim_only.threshold

    def answer(self, measured: Sequence[MeasuredClaim]) -> dict[str, Answers]:
        """Return the answers of both baselines."""
        lexical = self.lexical.probabilities([claim.verdicts["right"].features for claim in measured])
        words = self.claim_only.probabilities([row_text(claim.row) for claim in measured])
        return {
            "lexical": Answers.from_threshold(lexical, self.lexical.threshold),
            "claim_only": Answers.from_threshold(words, self.claim_only.threshold),
        }


def judge_answers(measured: Sequence[MeasuredClaim], *, threshold: float) -> dict[str, Answers]:
    """Return the judge's answers for each kind of evidence that every claim has."""
    return {
        system: Answers.from_threshold([claim.verdicts[kind].probability for claim in measured], threshold)
        for kind, system in SYSTEM_OF.items()
        if all(kind in claim.verdicts for claim in measured)
    }


def all_answers(measured: Sequence[MeasuredClaim], baselines: Baselines, *, threshold: float) -> Mapping[str, Answers]:
    """Return the answers of the judge and of the baselines to the same claims."""
    return judge_answers(measured, threshold=threshold) | baselines.answer(measured)
