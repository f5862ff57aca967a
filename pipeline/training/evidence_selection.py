"""Choose the sentences of its passages that a claim is verified against: few, and together covering all its words.

This is a greedy cover with diminishing returns. Each next sentence is the one whose words of the claim weigh most; a
word that was found once counts half as much the second time, a quarter the third. The score of a sentence is divided
by the square root of its length, so that the limit of words is well used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

EVIDENCE_WORDS = 200
"""The most words of evidence that a claim is verified against."""
_AGAIN = 0.5
_LENGTH_OFFSET = 12


@dataclass(frozen=True)
class Candidate:
    """A sentence that may be chosen: its number in the novel, its distinct stems, its length in words."""

    number: int
    stems: frozenset[str]
    words: int


def choose_sentences(
    claim_stems: Iterable[str],
    candidates: Sequence[Candidate],
    *,
    weight: Callable[[str], float],
    words: int = EVIDENCE_WORDS,
) -> tuple[int, ...]:
    """Return the numbers of the chosen sentences in the order of choice; of equals the earlier candidate.

    ``weight`` of a stem is its inverse document frequency in the novel. A sentence that shares no stem with the claim
    is never chosen; the first one is, however long it is.

    >>> lamp = Candidate(0, frozenset({"lamp", "sea"}), 4)
    >>> choose_sentences(["lamp"], [lamp, Candidate(1, frozenset({"cat"}), 3)], weight=lambda stem: 1.0)
    (0,)
    """
    worth = {stem: weight(stem) for stem in claim_stems}
    shared = {item.number: item.stems & worth.keys() for item in candidates}
    left = [item for item in candidates if shared[item.number]]
    chosen: list[int] = []
    room = words
    while left:
        best = max(left, key=lambda item: _value(shared[item.number], worth, item.words))
        if chosen and best.words > room:
            left.remove(best)
            continue
        chosen.append(best.number)
        room -= best.words
        for stem in shared[best.number]:
            worth[stem] *= _AGAIN
        left = [item for item in left if item.number != best.number and item.words <= room]
    return tuple(chosen)


def _value(stems: frozenset[str], worth: dict[str, float], words: int) -> float:
    return sum(worth[stem] for stem in sorted(stems)) / math.sqrt(_LENGTH_OFFSET + words)
