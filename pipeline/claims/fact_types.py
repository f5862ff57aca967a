"""What kind of fact a claim states: a linear model of its words, and rules for what that was not fitted on.

The kinds follow the error types of ConStory. ``fact_types.json`` has the weights, which ``runs/fact_types.py`` fits on
the plain claims of the train novels; it is not asked about what a character is called, or knew.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple, cast

from pipeline.language.numbers import find_ages, find_quantities
from pipeline.language.words import LETTER_WORD, words_of
from pipeline.records import FactType

_NAME = re.compile(
    r"\b(?:(?:full|real|first|last|maiden|christian|given|middle|family|true|original) name|surname|nickname\w*|alias|"
    r"(?:was|were|is|being) (?:known as|called|named|christened|baptised|baptized)|went by the name|by the name of|"
    r"name was|named (?:after|for)|under the name)\b",
    re.IGNORECASE,
)
_KNOWLEDGE = re.compile(
    r"\b(?:knew (?:that|of|about|nothing|who|where|what|how|why|when|the (?:secret|truth))|(?:did not|didn['’]t) know|"
    r"never knew|was (?:un)?aware|had no idea|unaware|ignorant of|in ignorance|(?:kept? (?:it )?(?:a )?)?secret was|"
    r"(?:learn(?:ed|t)|found out|discovered|reali[sz]ed) (?:that|who|where|what|how|why|of))\b",
    re.IGNORECASE,
)
_MOTIVE = re.compile(
    r"\b(?:because|in order to|so that|so as to|for the sake|out of|wanted|wished|hoped|intended|meant to|motive|"
    r"to (?:avoid|escape|prevent|save|find|win|get|keep|protect|please|spare|avenge|prove|earn|see whether))\b",
    re.IGNORECASE,
)


class _Weights(NamedTuple):
    """The kinds with their intercepts; of each word or pair of words the rarity (idf) and the weight of each kind."""

    kinds: tuple[str, ...]
    intercepts: tuple[float, ...]
    words: dict[str, tuple[float, ...]]


def fact_type(text: str, character: str = "") -> FactType:
    """Return what kind of fact a claim about ``character`` states."""
    return fact_type_by_rules(text) or fact_type_by_words(text, character)


def fact_type_by_rules(text: str) -> FactType | None:
    """Return "name" or "knowledge" where the claim's words state one, else None."""
    if _NAME.search(text):
        return "name"
    return "knowledge" if _KNOWLEDGE.search(text) else None


def fact_type_by_words(text: str, character: str) -> FactType:
    """Return the kind with the highest score of the linear model."""
    weights = _load()
    scores = list(weights.intercepts)
    found = [weights.words[name] for name in sorted(set(features_of(text, character))) if name in weights.words]
    norm = math.hypot(*(idf for idf, *_ in found)) or 1.0
    for idf, *own in found:
        scores = [score + idf / norm * weight for score, weight in zip(scores, own, strict=True)]
    kind = weights.kinds[max(range(len(scores)), key=scores.__getitem__)]
    return settle(kind, text)


def settle(kind: str, text: str) -> FactType:
    """Return the kind of a claim; the data has beliefs and motives as one, which a word of purpose tells apart."""
    if kind == "belief_or_motive":
        return "motive" if _MOTIVE.search(text) else "belief_or_trait"
    return cast(FactType, kind)


def features_of(text: str, character: str) -> Iterator[str]:
    """Yield the words and the pairs of words of a claim; the character, other names and numbers are one word each."""
    own = frozenset(words_of(character))
    numbers = {found.start: "#year" if found.kind == "year" else "#" for found in find_quantities(text)}
    numbers |= {age.start: "#age" for age in find_ages(text, clock=False)}
    inside = {place for found in find_quantities(text) for place in range(found.start + 1, found.end)}
    words = ["^"]
    for place, word in enumerate(re.finditer(r"[^\W_]+(?:['’-][^\W_]+)*", text)):
        plain = (words_of(word[0]) or [""])[0]
        is_name = word[0][0].isupper() and (plain in own or place > 0) and LETTER_WORD.match(word[0])
        shown = numbers.get(word.start()) or ("@" if is_name else plain)
        if word.start() not in inside and not (shown == "@" and words[-1] == "@"):
            words.append(shown)
    yield from words[1:]
    yield from (f"{first} {second}" for first, second in pairwise(words))


@cache
def _load() -> _Weights:
    data = json.loads(resources.files("pipeline.claims").joinpath("fact_types.json").read_text(encoding="utf-8"))
    words = {word: tuple(value / data["scale"] for value in own) for word, own in data["words"].items()}
    return _Weights(tuple(data["kinds"]), tuple(data["intercepts"]), words)
