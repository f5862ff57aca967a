"""Statements that a novel makes itself: plain sentences about named people, to be checked against their own book."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from pipeline.training.negatives import find_names

_SHORTEST, _LONGEST = 8, 32
_NOT_PLAIN = re.compile(r"[\"“”‘?!;:()\[\]]|--|—|(?:^|\s)'")
_NAMELESS_START = re.compile(r"^(?:It|This|That|There|Then|But|And|So|Here|What|Why|How|Yes|No|Oh|Ah|Well)\b")
_PAST = re.compile(r"\b(?:was|were|had|did|went|came|took|gave|said|saw|knew|made|left|found|told|\w{3,}ed)\b")


def find_statements(sentences: Sequence[str], *, most: int, seed: int) -> list[str]:
    """Return at most ``most`` sentences, drawn with ``seed`` and in the order of the book, that state something.

    A statement names somebody after its first word, is told in the past, and holds no speech, question or aside.
    """
    found = [" ".join(sentence.split()) for sentence in sentences if is_statement(" ".join(sentence.split()))]
    if len(found) <= most:
        return found
    return [found[place] for place in sorted(random.Random(seed).sample(range(len(found)), most))]


def is_statement(sentence: str) -> bool:
    """Say whether a sentence states something about somebody.

    >>> is_statement("In the spring old Mr. Dimsdale had sold the mill to a stranger.")
    True
    >>> is_statement("Who sold the mill to Dimsdale in the spring of that year?")
    False
    """
    words = sentence.split()
    return (
        _SHORTEST <= len(words) <= _LONGEST
        and sentence.endswith(".")
        and sentence[0].isupper()
        and not _NOT_PLAIN.search(sentence)
        and not _NAMELESS_START.search(sentence)
        and bool(_PAST.search(sentence))
        and bool(find_names(sentence))
    )
