"""References of a part of a sentence to another part: a pronoun, "the man", "that moment"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pipeline.claims.subject import Protagonist
from pipeline.language.punctuation import is_balanced
from pipeline.language.word_lists import PRONOUNS, word_set

_VAGUE = word_set("man woman girl lady stranger latter former same other others document animal two three")
WOMEN = word_set("mother sister wife daughter aunt niece widow woman girl lady queen princess nun grandmother")
MEN = word_set("father brother husband son uncle nephew man boy king prince priest monk grandfather captain")


def is_closed(text: str) -> bool:
    """Return True if a part of a sentence opens no quotation, bracket or pair of dashes that it does not close."""
    return is_balanced(text) and text.count("—") != 1


def has_unresolved_pronoun(words: Sequence[str], person: Protagonist) -> bool:
    """Return True if a third-person pronoun, not the person's own, has no antecedent in ``words``."""
    for family in PRONOUNS.values():
        if set(family) & set(person.pronouns):
            continue
        known = WOMEN if "she" in family else MEN if "he" in family else frozenset[str]()
        for place, word in enumerate(words):
            plural = word in {"them", "their"}
            if word in family and not plural and known.isdisjoint(words[:place]):
                return True
    return False


def has_dangling_reference(words: Sequence[str], person: Protagonist) -> bool:
    """Return True if an early "them", "their" or "it", or "the man" or "that moment", refers to something earlier."""
    if "they" not in person.pronouns and any(word in {"them", "their", "it", "its"} for word in words[:6]):
        return True
    pairs = list(pairwise(words))
    back = {"that", "this", "those", "these"}
    if any(first == "the" and second in _VAGUE for first, second in pairs[:6]):
        return True
    return any(
        first in back and second in {"moment", "day", "year", "time", "night", "point"} for first, second in pairs
    )
