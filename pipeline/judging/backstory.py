"""From the verdicts on its claims to the verdict on a backstory: declared rules, a fitted model, and waivers.

A backstory is inconsistent only where a claim is contradicted; the fitted model gives the probability, which is never
higher than that of the likeliest contradicted claim not being one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.verdict import backstory_features, backstory_rationale, label_backstory
from pipeline.records import ClaimVerdict, Verdict

_FILE = "backstory.json"
_ALL_WAIVED = "The author marked every claim as intentional, so nothing is left that could contradict the book."


@dataclass(frozen=True)
class BackstoryModel:
    """The fitted model of backstories; within ``band`` of its threshold a backstory is uncertain.

    ``sha256`` is that of the fitted models in its folder.
    """

    model: LogisticModel
    band: float
    sha256: str

    @classmethod
    def load(cls, folder: Path, *, band: float) -> BackstoryModel:
        """Read ``backstory.json``; raises ModelError when it is missing or damaged."""
        if not (folder / _FILE).is_file():
            raise ModelError(f"{folder} has no {_FILE}; expected the fitted model of backstories; restore it")
        files = sorted(folder.glob("*.json"))
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        return cls(LogisticModel.load(folder / _FILE), band, digest)

    def conclude(
        self, novel: str, character: str, claims: tuple[ClaimVerdict, ...], notices: tuple[str, ...]
    ) -> Verdict:
        """Return the verdict that follows from the claims without a waiver."""
        counted = [claim for claim in claims if not claim.waiver]
        if not counted:
            return Verdict(novel, character, "consistent", 1.0, _ALL_WAIVED, claims, {}, notices)
        features = describe_backstory(counted)
        contradicted = max(claim.probabilities.get("contradicted", 0.0) for claim in counted)
        probability = min(self.model.probability(features), 1 - contradicted)
        labels = [claim.label for claim in counted]
        label = label_backstory(labels, probability, threshold=self.model.threshold, band=self.band)
        rationale = backstory_rationale(label, counted)
        return Verdict(novel, character, label, probability, rationale, claims, features, notices)


def describe_backstory(claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """Return the features of a backstory from the verdicts on its claims."""
    return backstory_features([claim.probability for claim in claims], [claim.label for claim in claims])
