"""From probabilities to labels and rationales: declared rules on top of fitted models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipeline.errors import BackstoryError
from pipeline.judging.quotations import shorten
from pipeline.records import BackstoryLabel, ClaimLabel, ClaimVerdict, Difference, Pair, PairLabel, TableLabel

BACKSTORY_FEATURES = ("log_odds_soft_min", "share_not_stated")
"""What a verdict on backstories is fitted on."""
SHARPNESS = 2.0
"""How much the weakest claim counts: at 0 a backstory's score is the mean of its claims, at infinity the minimum."""
NO_EVIDENCE = "No passage of the book was compared with this."

# Probabilities are clipped to this distance from 0 and 1, so that no single claim decides by rounding.
_SUREST = 1e-6
_OPENINGS: dict[ClaimLabel, str] = {
    "supported": "The book supports this",
    "contradicted": "The book contradicts this",
    "not_stated": "The book does not say; closest passage",
}
_UNSETTLED = "This is not settled; closest passage"
_PAIR_LABEL_OF: dict[ClaimLabel, PairLabel] = {"supported": "support", "contradicted": "contradict"}


def label_pair(probabilities: dict[PairLabel, float]) -> PairLabel:
    """Return the most probable label; of equals irrelevant."""
    order: tuple[PairLabel, ...] = ("irrelevant", "support", "contradict")
    return max(order, key=lambda label: probabilities[label])


def weigh_pairs(pairs: Sequence[Pair]) -> tuple[ClaimLabel, float]:
    """Return the label and probability of a claim from its pairs, where there is no fitted model of claims.

    With s the highest support and c the highest contradict, the probability is (1 + s - c) / 2. The claim is not
    stated where both lie below a half or neither is higher, else its label is that of the higher.
    """
    support = max(pair.probabilities["support"] for pair in pairs)
    contradict = max(pair.probabilities["contradict"] for pair in pairs)
    probability = (1 + support - contradict) / 2
    if max(support, contradict) < 0.5 or support == contradict:
        return "not_stated", probability
    return ("supported" if support > contradict else "contradicted"), probability


def relabel(verdict: ClaimVerdict, labels: Sequence[dict[PairLabel, float]]) -> ClaimVerdict:
    """Return the verdict on a claim with other labels for its passages, by the rule of ``weigh_pairs``.

    ``labels`` are probabilities that sum to 1, one mapping a pair in the order of the pairs. The evidence, its
    quotations and the features of the claim stay.
    """
    pairs = tuple(
        replace(pair, label=label_pair(chances), probabilities=chances)
        for pair, chances in zip(verdict.pairs, labels, strict=True)
    )
    label, probability = weigh_pairs(pairs)
    rationale = claim_rationale(label, pairs)
    return replace(
        verdict,
        label=label,
        probability=probability,
        pairs=pairs,
        rationale=rationale,
        probabilities={},
        difference=None,
    )


def backstory_features(probabilities: Sequence[float], labels: Sequence[ClaimLabel]) -> dict[str, float]:
    """Return the numbers that describe a backstory, from the probability and label of each of its claims.

    ``BACKSTORY_FEATURES`` are among them; the lowest and the mean log-odds are given for inspection.

    One false claim makes a backstory inconsistent, and which one is unknown. If the claims' log-odds o were exact, the
    odds of "none is false" against "one is, each as likely as the others" would be 1 / mean(exp(-o)). The soft minimum
    is the logarithm of that at a ``SHARPNESS`` s: -log(mean(exp(-s * o))) / s. It lies between the lowest claim and
    their mean, falls with every claim that falls, and does not depend on the number of claims. The share of claims not
    stated is a second feature, whose weight is fitted.

    Raises:
        BackstoryError: there is no claim.
    """
    if not probabilities or len(probabilities) != len(labels):
        raise BackstoryError(
            f"the backstory has {len(probabilities)} judged claims and {len(labels)} labels; a verdict needs "
            f"at least one claim, and a label for each"
        )
    odds = [_log_odds(probability) for probability in probabilities]
    return {
        "log_odds_soft_min": soft_min(odds),
        "log_odds_min": min(odds),
        "log_odds_mean": math.fsum(odds) / len(odds),
        "share_not_stated": labels.count("not_stated") / len(labels),
    }


def soft_min(odds: Sequence[float], *, sharpness: float = SHARPNESS) -> float:
    """Return -log(mean(exp(-s * o))) / s over the log-odds.

    >>> soft_min([1.0, 1.0]), round(soft_min([-3.0, 3.0]), 2)
    (1.0, -2.65)
    """
    lowest = min(odds)
    mean = math.fsum(math.exp(-sharpness * (own - lowest)) for own in odds) / len(odds)
    return lowest - math.log(mean) / sharpness


def label_backstory(
    labels: Sequence[ClaimLabel], probability: float, *, threshold: float, band: float
) -> BackstoryLabel:
    """Return inconsistent where a claim is contradicted; else consistent from ``band`` above the threshold on.

    From ``ScoringConfig``: ``band = uncertain_below - 0.5``.
    """
    if "contradicted" in labels:
        return "inconsistent"
    return "consistent" if probability >= threshold + band and "supported" in labels else "uncertain"


def label_row(probability: float, *, threshold: float) -> TableLabel:
    """Return the label for a table, where none is uncertain: consistent from the threshold on."""
    return "consistent" if probability >= threshold else "inconsistent"


def claim_rationale(
    label: ClaimLabel, pairs: Sequence[Pair], difference: Difference | None = None, *, unsure: bool = False
) -> str:
    """Return one line with the label of a claim in words and the quotation of its ``deciding_pair``.

    For a claim not stated it quotes the closest passage: one that does not say, or where the judge is ``unsure``, one
    that may settle the claim. ``difference`` names the words that differ.
    """
    if not pairs:
        return NO_EVIDENCE
    line = f"{_UNSETTLED if unsure else _OPENINGS[label]} {cite(deciding_pair(label, pairs))}"
    return f"{line} {difference.contrast}" if difference else line


def deciding_pair(label: ClaimLabel, pairs: Sequence[Pair]) -> Pair:
    """Return the pair that supports the label of the claim most; of equals the best ranked.

    For a claim not stated it is the pair that is most relevant.
    """
    wanted = _PAIR_LABEL_OF.get(label)

    def strength(pair: Pair) -> tuple[float, int]:
        chance = pair.probabilities[wanted] if wanted else 1 - pair.probabilities["irrelevant"]
        return chance, -pair.evidence.rank

    return max(pairs, key=strength)


def cite(pair: Pair) -> str:
    """Return the place of a pair's quotation, and its words.

    A long quotation ends after a clause or a word, with an ellipsis outside the marks, and the offsets end with
    it. Line breaks of the book become spaces; nothing else is changed. Without chapters only the offsets are given.
    """
    shown = shorten(pair.quotation)
    start = pair.start + pair.quotation.index(shown)
    chapter = f"chapter {pair.chapter}, " if pair.chapter else ""
    more = "" if shown == pair.quotation.strip() else " …"
    return f"({chapter}characters {start}-{start + len(shown)}): “{' '.join(shown.split())}”{more}"


def backstory_rationale(label: BackstoryLabel, claims: Sequence[ClaimVerdict]) -> str:
    """Return two lines: the number of claims of each label with the weightiest claim, and that claim's rationale.

    The weightiest is the likeliest claim of a consistent backstory, the most surely contradicted one of an inconsistent
    backstory, else the least likely.
    """
    if not claims:
        raise BackstoryError("the backstory holds no judged claim; a verdict needs at least one")
    weightiest = _weightiest(label, claims)
    counts = Counter(claim.label for claim in claims)
    tally = (
        f"Of {len(claims)} claims {counts['supported']} supported, {counts['contradicted']} contradicted, "
        f"{counts['not_stated']} not stated"
    )
    return f"{tally}; weightiest: {' '.join(weightiest.claim.text.split())}\n{weightiest.rationale}"


def _weightiest(label: BackstoryLabel, claims: Sequence[ClaimVerdict]) -> ClaimVerdict:
    if label == "consistent":
        return max(claims, key=lambda claim: claim.probability)
    return min(claims, key=lambda claim: (label == "inconsistent" and claim.label != "contradicted", claim.probability))


def _log_odds(probability: float) -> float:
    chance = min(max(probability, _SUREST), 1 - _SUREST)
    return math.log(chance / (1 - chance))
