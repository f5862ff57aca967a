"""Labels and numbers in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.records import BackstoryLabel, CheckKind, ClaimLabel, FactType, PairLabel
from pipeline.report.changes import ChangeKind

VERDICT_WORDS: dict[BackstoryLabel, str] = {
    "consistent": "Consistent",
    "inconsistent": "Inconsistent",
    "uncertain": "Uncertain",
}
VERDICT_SENTENCES: dict[BackstoryLabel, str] = {
    "consistent": "The backstory agrees with the novel.",
    "inconsistent": "The backstory contradicts the novel.",
    "uncertain": "The novel does not settle the matter either way.",
}
CLAIM_WORDS: dict[ClaimLabel, str] = {
    "supported": "Supported",
    "contradicted": "Contradicted",
    "not_stated": "Not stated",
}
UNSURE = "Unsure"
"""The label on the page of a claim that counts as not stated although the judge leans to an answer."""
PAIR_WORDS: dict[PairLabel, str] = {"support": "Supports", "contradict": "Contradicts", "irrelevant": "Irrelevant"}
CHANGE_WORDS: dict[ChangeKind, str] = {
    "new": "New claim",
    "gone": "Gone",
    "label": "Another label",
    "left out": "Left out",
    "counts again": "Counts again",
    "probability": "Probability moved",
}
CHECK_WORDS: dict[CheckKind, str] = {
    "date": "Dates",
    "age": "Ages",
    "number": "Numbers",
    "kinship": "Kinship",
    "life": "Life and death",
}

FACT_WORDS: dict[FactType, str] = {
    "appearance": "appearance",
    "age_or_date": "age or date",
    "number": "number",
    "name": "name",
    "kinship": "kinship",
    "place": "place",
    "occupation": "occupation",
    "possession": "possession",
    "event": "event",
    "ability": "ability",
    "knowledge": "knowledge",
    "motive": "motive",
    "belief_or_trait": "belief or trait",
    "other": "other fact",
}

_FRACTIONS = {
    "one in ten": 1 / 10,
    "one in five": 1 / 5,
    "one in four": 1 / 4,
    "one in three": 1 / 3,
    "two in five": 2 / 5,
    "half": 1 / 2,
    "three in five": 3 / 5,
    "two in three": 2 / 3,
    "three in four": 3 / 4,
    "four in five": 4 / 5,
    "nine in ten": 9 / 10,
}
# Closer than this to 0 or 1, a whole percentage would claim certainty.
_EDGE = 0.005


def percent(share: float) -> str:
    """Return a probability as a whole percentage that never claims certainty."""
    if share < _EDGE:
        return "<1%"
    if share > 1 - _EDGE:
        return ">99%"
    return f"{share:.0%}"


def in_words(share: float) -> str:
    """Return a share as the nearest plain fraction: ``about three in four``."""
    name, _ = min(_FRACTIONS.items(), key=lambda entry: abs(entry[1] - share))
    return f"about {name}"


def place(share: float) -> str:
    """Return in words how far through the book something is."""
    return f"{share:.0%} of the way through the book"


def odds(probability: float) -> str:
    """Return what a calibrated probability means for a hundred backstories like this one."""
    return f"Of 100 backstories judged like this one, {_out_of_100(probability)} would agree with their novel."


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return ``number`` with its noun: ``1 claim``, ``2 claims``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tally(labels: Iterable[ClaimLabel], *, waived: int = 0) -> str:
    """Return how many claims got each label, the empty ones left out: ``2 supported, 1 contradicted``."""
    given = list(labels)
    shares = [(given.count(label), words.lower()) for label, words in CLAIM_WORDS.items()]
    text = ", ".join(f"{number} {words}" for number, words in shares if number)
    return f"{text}; {waived} of them marked as intentional and left out of the verdict" if waived else text


def readable(identifier: str) -> str:
    """Return a code word as plain words: ``world_rule`` becomes ``world rule``."""
    return identifier.replace("_", " ")


def _out_of_100(probability: float) -> str:
    if probability < _EDGE:
        return "fewer than 1"
    if probability > 1 - _EDGE:
        return "more than 99"
    return f"about {round(probability * 100)}"
