"""Declared rules on words, without any weights: a baseline for the other judges that anyone can check.

A passage is relevant to a claim as far as two neighbouring sentences of it hold the claim's words. Where they do, there
are three cues of contradiction: one of the two is negated and the other is not, one has the opposite of a word of the
other, or the claim states a number and the sentences state numbers, but not that one. Without a cue the words are taken
for support. Every number here was set by hand before anything was measured, and none was fitted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.judging.interface import JudgeContext
from pipeline.judging.pair.by_passages import ByPassages
from pipeline.judging.pair.interface import PassageQuestion
from pipeline.language.numbers import find_quantities
from pipeline.records import PairLabel
from pipeline.retrieval.index import Lexicon

RELEVANT_FROM, RELEVANT_AT = 0.3, 0.8
"""Shares of the claim's words, by their weight, at which a passage begins to be relevant to the claim, and fully is."""
CONTRADICTION_BY_CUES = (0.15, 0.75, 0.9)
"""Share of the relevance that is contradiction: without a cue, with one, with more."""

_NEGATION = re.compile(
    r"\b(?:not|no|never|nobody|none|nothing|neither|nor|nowhere|without|cannot|refused|failed)\b|n['’]t\b",
    re.IGNORECASE,
)
_OPPOSITES = (
    "alive dead",
    "live die",
    "lived died",
    "living dead",
    "born died",
    "rich poor",
    "wealthy poor",
    "young old",
    "elder younger",
    "eldest youngest",
    "love hate",
    "loved hated",
    "friend enemy",
    "trust distrust",
    "true false",
    "guilty innocent",
    "married unmarried",
    "married divorced",
    "accept refuse",
    "accepted refused",
    "accepts refuses",
    "agree refuse",
    "agreed refused",
    "succeed fail",
    "succeeded failed",
    "win lose",
    "won lost",
    "remember forget",
    "remembered forgot",
    "brave coward",
    "kind cruel",
    "happy unhappy",
    "happy sad",
    "day night",
    "morning evening",
    "summer winter",
    "first last",
    "before after",
    "always never",
    "mother father",
    "son daughter",
    "brother sister",
    "uncle aunt",
    "husband wife",
    "man woman",
    "boy girl",
    "left right",
    "north south",
    "east west",
    "arrive leave",
    "arrived left",
    "save kill",
    "saved killed",
    "give take",
    "gave took",
    "buy sell",
    "bought sold",
    "open shut",
    "strong weak",
    "tall short",
    "early late",
    "black white",
)
_OPPOSITE_OF: dict[str, frozenset[str]] = {
    word: frozenset(other for pair in _OPPOSITES if word in pair.split() for other in pair.split() if other != word)
    for pair in _OPPOSITES
    for word in pair.split()
}
_WORD = re.compile(r"[^\W\d_]+")


def open_rules_judge(context: JudgeContext) -> ByPassages:
    """Return the judge of declared rules, which has no weights."""
    return ByPassages(RulesJudge())


@dataclass(frozen=True)
class RulesJudge:
    """The judge of declared rules."""

    contradicts: bool = True
    sha256: str | None = None
    method: str = (
        "declared rules on words, no weights: how much of a claim two neighbouring sentences of a passage hold, and "
        "negation, opposites and other numbers as signs against it"
    )

    def label_passages(
        self,
        questions: Sequence[PassageQuestion],
        *,
        lexicon: Lexicon,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> list[dict[PairLabel, float]]:
        """Return the label probabilities of each passage; see ``PassageJudge``."""
        labels = []
        for question in questions:
            labels.append(_label(question, lexicon))
            on_progress(1)
        return labels


def conflict_cues(claim: str, text: str) -> tuple[str, ...]:
    """Return the cues that a text about the claim contradicts it: negation, opposite, number.

    >>> conflict_cues("Her father was alive.", "Her father was dead.")
    ('opposite',)
    """
    cues = []
    if len(_NEGATION.findall(claim)) % 2 != len(_NEGATION.findall(text)) % 2:
        cues.append("negation")
    own, other = _words(claim), _words(text)
    if any(_OPPOSITE_OF.get(word, frozenset()) & (other - own) and word not in other for word in own):
        cues.append("opposite")
    stated = {quantity.value for quantity in find_quantities(claim)}
    found = {quantity.value for quantity in find_quantities(text)}
    if stated and found and not stated & found:
        cues.append("number")
    return tuple(cues)


def _label(question: PassageQuestion, lexicon: Lexicon) -> dict[PairLabel, float]:
    text, covered = _nearest(question, lexicon)
    relevance = min(max((covered - RELEVANT_FROM) / (RELEVANT_AT - RELEVANT_FROM), 0.0), 1.0)
    cues = len(conflict_cues(question.claim, text))
    contradict = relevance * CONTRADICTION_BY_CUES[min(cues, len(CONTRADICTION_BY_CUES) - 1)]
    return {"support": relevance - contradict, "contradict": contradict, "irrelevant": 1 - relevance}


def _nearest(question: PassageQuestion, lexicon: Lexicon) -> tuple[str, float]:
    """Return the two neighbouring sentences that hold most of the claim, and which share of its words' weight."""
    claim = frozenset(lexicon.stems(question.claim))
    total = math.fsum(lexicon.weight(stem) for stem in claim)
    if not total:
        return "", 0.0
    windows = [" ".join(two) for two in pairwise(question.sentences)] or [*question.sentences]
    covered = [
        math.fsum(lexicon.weight(stem) for stem in claim & frozenset(lexicon.stems(window))) / total
        for window in windows
    ]
    if not covered:
        return "", 0.0
    best = max(range(len(windows)), key=lambda place: (covered[place], -len(windows[place])))
    return windows[best], covered[best]


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))
