"""The fitted models that ``evaluate-claims`` asks: the shipped ensemble, its parts, and the baselines.

Only the ensemble enters a verdict (``claim.json``, which the judge reads too); the others say what it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.evaluation.claim_only import ClaimOnlyModel
from pipeline.evaluation.metrics import Bools
from pipeline.judging.claim_features import ClaimCase, claim_row, reader_row
from pipeline.judging.logistic import Floats, LogisticModel
from pipeline.judging.verifier import Comparison

EvidenceKind = Literal["right", "none", "wrong"]
Scene = Mapping[EvidenceKind, tuple[ClaimCase, Comparison]]
"""A claim before the right novel, before nothing, and before a wrong novel, which may be missing."""

ENSEMBLES: dict[EvidenceKind, str] = {
    "right": "ensemble",
    "none": "ensemble_no_evidence",
    "wrong": "ensemble_wrong_novel",
}
READERS: dict[EvidenceKind, str] = {"right": "reader", "none": "reader_no_evidence", "wrong": "reader_wrong_novel"}


@dataclass(frozen=True)
class Answers:
    """A system's probability of being consistent for each claim, and whether it says that it is."""

    probabilities: Floats
    decisions: Bools

    @classmethod
    def of(cls, probabilities: Sequence[float], decisions: Sequence[bool]) -> Answers:
        """Return answers that somebody else gave."""
        return cls(np.array(probabilities, np.float64), np.array(decisions, np.bool_))


@dataclass(frozen=True)
class ClaimModels:
    """The models, each with its threshold, all fitted on the same training claims.

    ``readers`` have one number, the reader's log-odds before each kind of evidence, and their own threshold each.
    """

    ensemble: LogisticModel
    lexical: LogisticModel
    readers: Mapping[EvidenceKind, LogisticModel]
    claim_only: ClaimOnlyModel

    @classmethod
    def load(cls, folder: Path) -> ClaimModels:
        """Read the models that ``runs/claim_verdict.py`` fitted; raises ModelError when one is missing or damaged."""
        return cls(
            LogisticModel.load(folder / "claim.json"),
            LogisticModel.load(folder / "claim_lexical.json"),
            {kind: LogisticModel.load(folder / f"claim_{name}.json") for kind, name in READERS.items()},
            ClaimOnlyModel.load(folder / "claim_only.json"),
        )

    def answer(self, scenes: Sequence[Scene]) -> dict[str, Answers]:
        """Return the answers of every system; those before a wrong novel are left out where a claim has none.

        Each claim is judged by itself.
        """
        found: dict[str, Answers] = {}
        kinds = [kind for kind in ENSEMBLES if all(kind in scene for scene in scenes)]
        for kind in kinds:
            found[ENSEMBLES[kind]] = _ask(self.ensemble, [claim_row(*scene[kind]) for scene in scenes])
        for kind in kinds:
            found[READERS[kind]] = _ask(self.readers[kind], [reader_row(scene[kind][1]) for scene in scenes])
        cases = [scene["right"][0] for scene in scenes]
        found["lexical"] = _ask(self.lexical, [case.lexical for case in cases])
        texts = [case.text for case in cases]
        chances = self.claim_only.probabilities(texts)
        found["claim_only"] = Answers(chances, chances >= self.claim_only.threshold)
        return found


def _ask(model: LogisticModel, rows: Sequence[Mapping[str, float]]) -> Answers:
    chances = model.probabilities(rows)
    return Answers(chances, chances >= model.threshold)
