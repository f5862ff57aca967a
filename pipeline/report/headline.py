"""What the first screen of a report answers: what is wrong, where the book says otherwise, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.report import wording
from pipeline.report.claims_view import ClaimView
from pipeline.report.quality import Quality

# Of several contradicted claims these are shown with their passages; the others are linked.
_SHOWN = 2


@dataclass(frozen=True)
class Headline:
    """The contradicted claims, surest first: those shown in full, and the others.

    Without one, ``closest`` is the claim that comes nearest to a contradiction, and ``agreed`` a supported one.
    ``sureness`` are the sentences on how far to believe it.
    """

    findings: tuple[ClaimView, ...]
    further: tuple[ClaimView, ...]
    closest: ClaimView | None
    agreed: ClaimView | None
    sureness: tuple[str, ...]


def headline(claims: Sequence[ClaimView], quality: Quality | None) -> Headline:
    """Return what the first screen says of the claims that count."""
    counted = sorted((claim for claim in claims if not claim.waiver), key=lambda claim: claim.probability)
    against = tuple(claim for claim in counted if claim.label == "contradicted")
    near = next((claim for claim in counted if claim.doubtful and claim.unsure), None)
    agreed = next((claim for claim in reversed(counted) if claim.label == "supported"), None)
    return Headline(
        findings=against[:_SHOWN],
        further=against[_SHOWN:],
        closest=None if against else near,
        agreed=None if against else agreed,
        sureness=tuple(_sureness(against, agreed, quality)),
    )


def _sureness(against: Sequence[ClaimView], agreed: ClaimView | None, quality: Quality | None) -> Iterator[str]:
    measured = quality.measured if quality else {}
    test = f" in a test on {quality.measured_on}" if quality and quality.measured_on else ""
    right, found = measured.get("contradicted_precision"), measured.get("contradicted_recall")
    agreeing = measured.get("supported_precision")
    if against and right is not None:
        yield (
            f"Of claims called contradicted, {wording.in_words(right)} really are ({wording.percent(right)}{test}); "
            "read the passage before you change anything."
        )
    elif not against and found is not None:
        yield (
            f"Of claims that a book contradicts, {wording.in_words(found)} are found ({wording.percent(found)}{test}), "
            "so a mistake can remain."
        )
        if agreed and agreeing is not None:
            yield f"Of claims called supported, {wording.in_words(agreeing)} really are ({wording.percent(agreeing)})."
    else:
        yield "How often this judge is right was not measured."
