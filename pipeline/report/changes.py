"""What changed between two verdicts on backstories of one character, claim by claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.language.folding import fold
from pipeline.records import BackstoryLabel, ClaimLabel

ChangeKind = Literal["new", "gone", "label", "left out", "counts again", "probability"]

MOVED = 0.1
"""A probability that moved by no more than this has not changed."""
_PAIR_LABEL = {"supported": "support", "contradicted": "contradict"}


@dataclass(frozen=True)
class ClaimSummary:
    """The verdict on a claim: ``quotation`` is the passage that weighed most for its label, empty where none did."""

    text: str
    label: ClaimLabel
    probability: float
    quotation: str = ""
    waiver: str = ""


@dataclass(frozen=True)
class VerdictSummary:
    """What is compared of a verdict; ``probability`` is that of the backstory being consistent with the novel."""

    novel: str
    character: str
    label: BackstoryLabel
    probability: float
    claims: tuple[ClaimSummary, ...]


@dataclass(frozen=True)
class ClaimChange:
    """A claim in the former and in the later verdict, None where it is not in one of them."""

    before: ClaimSummary | None
    after: ClaimSummary | None

    @property
    def kinds(self) -> tuple[ChangeKind, ...]:
        """What changed, most important first; empty where nothing did."""
        before, after = self.before, self.after
        if before is None or after is None:
            return ("new",) if before is None else ("gone",)
        changed: dict[ChangeKind, bool] = {
            "label": before.label != after.label,
            "left out": bool(after.waiver and not before.waiver),
            "counts again": bool(before.waiver and not after.waiver),
            "probability": _moved(before.probability, after.probability),
        }
        return tuple(kind for kind, is_so in changed.items() if is_so)

    @property
    def quotation(self) -> str:
        """The passage that decides now, else the one that did."""
        return next((claim.quotation for claim in (self.after, self.before) if claim and claim.quotation), "")

    @property
    def claim(self) -> ClaimSummary:
        """The claim as it is now, or as it was before it was removed."""
        claim = self.after or self.before
        assert claim is not None, "a change is of a claim"
        return claim


@dataclass(frozen=True)
class VerdictChanges:
    """Two verdicts and the claims that changed, in the order of the later backstory, removed ones last."""

    before: VerdictSummary
    after: VerdictSummary
    claims: tuple[ClaimChange, ...]

    @property
    def verdict_changed(self) -> bool:
        """Whether the verdict on the backstory is another one, or its probability moved."""
        return self.before.label != self.after.label or _moved(self.before.probability, self.after.probability)

    @property
    def nothing(self) -> bool:
        """Whether nothing changed."""
        return not (self.claims or self.verdict_changed)


def compare_verdicts(before: VerdictSummary, after: VerdictSummary) -> VerdictChanges:
    """Return what changed; claims are the same if their words are, regardless of case, accents and white space."""
    former, later = _by_words(before.claims), _by_words(after.claims)
    pairs = [ClaimChange(former.get(words), claim) for words, claim in later.items()]
    gone = [ClaimChange(claim, None) for words, claim in former.items() if words not in later]
    return VerdictChanges(before, after, tuple(change for change in (*pairs, *gone) if change.kinds))


def summarise_answer(answer: Mapping[str, Any]) -> VerdictSummary:
    """Return the summary of a verdict as ``answer_entry`` gives it, with the passages of each claim."""
    claims = tuple(_summarise_claim(entry) for entry in answer["claims"])
    return VerdictSummary(answer["novel"], answer["character"], answer["verdict"], answer["probability"], claims)


def _summarise_claim(entry: Mapping[str, Any]) -> ClaimSummary:
    wanted = _PAIR_LABEL.get(entry["label"], "")
    deciding = [passage for passage in entry["passages"] if passage["label"] == wanted]
    strongest = max(deciding, key=lambda passage: passage["probabilities"][wanted], default={"quotation": ""})
    waiver = entry.get("waiver", "")
    return ClaimSummary(entry["text"], entry["label"], entry["probability"], strongest["quotation"], waiver)


def _by_words(claims: Sequence[ClaimSummary]) -> dict[tuple[str, int], ClaimSummary]:
    """Return the claims by their words; the same words again have the next number."""
    seen: Counter[str] = Counter()
    found = {}
    for claim in claims:
        words = " ".join(fold(claim.text).split())
        found[words, seen[words]] = claim
        seen[words] += 1
    return found


def _moved(before: float, after: float) -> bool:
    # Six decimals, as artefacts have: 0.8 - 0.7 is a little more than 0.1.
    return round(abs(after - before), 6) > MOVED
