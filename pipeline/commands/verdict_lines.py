"""A verdict, and what changed in it, as the lines that commands print."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.records import ClaimVerdict, Verdict
from pipeline.report.changes import ClaimChange, ClaimSummary, VerdictChanges
from pipeline.waivers import describe_loose

_INDENT = " " * 15


def claim_lines(judged: ClaimVerdict) -> Iterator[str]:
    """Yield the lines on one claim: label, probability, text, reason, and its waiver."""
    yield f"  {judged.label:<12} {judged.probability:.2f}  {judged.claim.text}"
    yield f"{_INDENT}{judged.rationale}"
    if judged.waiver:
        yield f"{_INDENT}marked as intentional, and left out of the verdict: {judged.waiver}"
    yield from loose_lines(judged)


def loose_lines(judged: ClaimVerdict) -> Iterator[str]:
    """Yield a line on a waiver of the claim that no longer fits."""
    if judged.loose_waiver:
        loose = judged.loose_waiver
        yield f"{_INDENT}marked as intentional ({loose.waiver}), to look at: {describe_loose(loose)}"


def conclusion(verdict: Verdict) -> str:
    """Return the line on the backstory."""
    chance = f"probability of consistent {verdict.probability:.2f}"
    return f"{verdict.character} in {verdict.novel}: {verdict.label} ({chance})"


def change_lines(changes: VerdictChanges) -> Iterator[str]:
    """Yield the lines on what changed, claim by claim."""
    if changes.nothing:
        yield "nothing changed since the last verdict"
        return
    yield "what changed since the last verdict:"
    if changes.verdict_changed:
        before, after = changes.before, changes.after
        yield f"  {'verdict':<12} {_moved(before.label, before.probability, after.label, after.probability)}"
    for change in changes.claims:
        yield from _claim_change_lines(change)


def _claim_change_lines(change: ClaimChange) -> Iterator[str]:
    before, after = change.before, change.after
    first, *more = change.kinds
    yield f"  {first:<12} {_states(before, after)}  {change.claim.text}"
    if first in {"new", "label"} and change.quotation:
        lost = "" if after and after.quotation else "until now: "
        yield f"{_INDENT}{lost}“{' '.join(change.quotation.split())}”"
    if "left out" in change.kinds and after:
        yield f"{_INDENT}left out of the verdict: {after.waiver}"
    if "counts again" in more:
        yield f"{_INDENT}counts again"


def _states(before: ClaimSummary | None, after: ClaimSummary | None) -> str:
    if before and after:
        return _moved(before.label, before.probability, after.label, after.probability)
    claim = before or after
    assert claim is not None, "a change is of a claim"
    return f"{claim.label} {claim.probability:.2f}"


def _moved(before: str, former: float, after: str, later: float) -> str:
    return f"{before} {former:.2f} -> {after} {later:.2f}"
