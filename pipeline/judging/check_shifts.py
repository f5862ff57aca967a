"""What explicit checks that fired do to the verdict on a claim: one declared, bounded rule.

Each kind of check moves the log-odds of a claim by one fitted number where it agrees and by another where it
conflicts, once, however often it fires. All together move them by no more than ``LARGEST_SHIFT``. A kind that was not
measured to be right often enough has a shift of 0: it is shown and does not weigh. A conflict that weighs speaks of the
claim, so the claim may become contradicted where the reader found it not stated; that one number is right settles no
claim, so an agreement does not make a claim stated.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from pipeline.errors import ModelError
from pipeline.records import Check, CheckKind, ClaimLabel, ClaimVerdict

FILE = "shifts.json"
LARGEST_SHIFT = 2.0
"""No checks together move the log-odds of a claim by more."""
NAMES = tuple(f"{kind} {side}" for kind in get_args(CheckKind) for side in ("agrees", "conflicts"))
"""What a shift is fitted for: a kind of check, and whether it agrees or conflicts."""
_SUREST = 1e-6
_PLURALS: dict[CheckKind, str] = {
    "date": "dates",
    "age": "ages",
    "number": "numbers",
    "kinship": "kinship",
    "life": "life and death",
}


@dataclass(frozen=True)
class CheckShifts:
    """The shift of the log-odds of a claim for each of ``NAMES``, and the SHA-256 of their file."""

    shifts: Mapping[str, float]
    sha256: str = ""

    @classmethod
    def load(cls, folder: Path) -> CheckShifts:
        """Read what ``runs/checks.py`` fitted; raises ModelError when it is missing or damaged."""
        path = folder / FILE
        try:
            data = path.read_bytes()
            found = json.loads(data)["shifts"]
            shifts = {name: float(found[name]) for name in NAMES}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{path} is missing or damaged ({error}); expected a shift for each kind of check; restore the file"
            ) from error
        wrong = {name: value for name, value in shifts.items() if not _is_allowed(name, value)}
        if wrong:
            raise ModelError(
                f"{path} has {wrong}; an agreement shifts from 0 to {LARGEST_SHIFT}, a conflict from -{LARGEST_SHIFT} "
                "to 0; fit the shifts again"
            )
        return cls(shifts, hashlib.sha256(data).hexdigest())

    def of(self, checks: Sequence[Check]) -> float:
        """Return the shift of all checks together: each of ``NAMES`` once, the sum within ``LARGEST_SHIFT``."""
        total = math.fsum(self.shifts[name] for name in sorted({name_of(check) for check in checks}))
        return max(-LARGEST_SHIFT, min(LARGEST_SHIFT, total))


def name_of(check: Check) -> str:
    """Return which of ``NAMES`` a check is."""
    return f"{check.kind} {'agrees' if check.agrees else 'conflicts'}"


def apply_checks(
    verdict: ClaimVerdict, checks: Sequence[Check], shifts: CheckShifts, *, threshold: float, band: float
) -> ClaimVerdict:
    """Return the verdict on a claim with its checks: probability, label and rationale follow the rule of this file.

    ``threshold`` and ``band`` are those by which the verdict was labelled. Without checks it comes back unchanged.
    """
    if not checks:
        return verdict
    shift = shifts.of(checks)
    probability = shifted(verdict.probability, shift)
    label = _label(verdict.label, probability, shift, threshold=threshold, band=band)
    rationale = " ".join([verdict.rationale, *(say_check(check) for check in _loudest(checks))])
    return replace(verdict, label=label, probability=probability, checks=tuple(checks), rationale=rationale)


def say_check(check: Check) -> str:
    """Return one sentence that says which check fired, on which words of the claim and of the book."""
    side = "agrees" if check.agrees else "conflicts"
    chapter = f"chapter {check.chapter}, " if check.chapter else ""
    book = " ".join(check.passage.split())
    return (
        f"The check of {_PLURALS[check.kind]} {side}: the claim says “{check.claimed}”, "
        f"the book ({chapter}characters {check.start}-{check.end}): “{book}”"
    )


def _label(label: ClaimLabel, probability: float, shift: float, *, threshold: float, band: float) -> ClaimLabel:
    if not shift or (shift > 0 and label == "not_stated"):
        return label
    if abs(probability - threshold) < band:
        return "not_stated"
    if probability >= threshold:
        return "supported" if label != "not_stated" else label
    return "contradicted"


def _loudest(checks: Sequence[Check]) -> list[Check]:
    """Return the first conflict, else the first agreement."""
    return sorted(checks, key=lambda check: check.agrees)[:1]


def shifted(probability: float, shift: float) -> float:
    """Return a probability moved by ``shift`` in log-odds."""
    if not shift:
        return probability
    chance = min(max(probability, _SUREST), 1 - _SUREST)
    return 1 / (1 + math.exp(-math.log(chance / (1 - chance)) - shift))


def _is_allowed(name: str, value: float) -> bool:
    low, high = (0.0, LARGEST_SHIFT) if name.endswith("agrees") else (-LARGEST_SHIFT, 0.0)
    return low <= value <= high
