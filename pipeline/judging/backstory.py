"""From the verdicts on its claims to the verdict on a backstory: a fitted model, and the author's waivers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.verdict import backstory_features, backstory_rationale, label_backstory
from pipeline.records import ClaimLabel, ClaimVerdict, Verdict

ROW_FEATURES = ("word_found", "word_support_3")
"""Evidence features of claims whose mean over a backstory describes a row of a table."""
_FILES = ("claim.json", "pair.json", "backstory.json", "background.npz")
_ALL_WAIVED = "The author marked every claim as intentional, so nothing is left that could contradict the book."


@dataclass(frozen=True)
class BackstoryModel:
    """The fitted model of backstories; within ``band`` of its threshold a backstory is uncertain.

    ``sha256`` is that of all fitted models in its folder.
    """

    model: LogisticModel
    band: float
    sha256: str

    @classmethod
    def load(cls, folder: Path, *, band: float) -> BackstoryModel:
        """Read ``backstory.json``; raises ModelError when a fitted model of the folder is missing or damaged."""
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} has no {', '.join(missing)}; expected the fitted verdict models; restore them")
        digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in _FILES)).hexdigest()
        return cls(LogisticModel.load(folder / "backstory.json"), band, digest)

    def conclude(
        self, novel: str, character: str, claims: tuple[ClaimVerdict, ...], notices: tuple[str, ...]
    ) -> Verdict:
        """Return the verdict that follows from the claims without a waiver."""
        counted = [claim for claim in claims if not claim.waiver]
        if not counted:
            return Verdict(novel, character, "consistent", 1.0, _ALL_WAIVED, claims, {}, notices)
        features = describe_backstory(counted)
        probability = self.model.probability(features)
        label = label_backstory(probability, threshold=self.model.threshold, band=self.band)
        rationale = backstory_rationale(label, counted)
        return Verdict(novel, character, label, probability, rationale, claims, features, notices)


def describe_backstory(claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """Return the features of a backstory from the verdicts on its claims."""
    return describe_claims(
        [claim.probability for claim in claims], [claim.label for claim in claims], [claim.features for claim in claims]
    )


def describe_claims(
    probabilities: Sequence[float], labels: Sequence[ClaimLabel], features: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Return the features of a backstory: those of its claims' verdicts, and the means of their evidence.

    A judge that gives its claims no lexical features counts as one that found none of their words.
    """
    means = {f"mean_{name}": sum(row.get(name, 0.0) for row in features) / len(features) for name in ROW_FEATURES}
    return {**backstory_features(probabilities, labels), **means}
