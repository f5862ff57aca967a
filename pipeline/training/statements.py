"""Find statements in a novel: plain sentences about named people, which their own book supports."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from pipeline.training.negatives import find_names

_SHORTEST, _LONGEST = 8, 32
_NOT_PLAIN = re.compile(r"[\"“”‘?!;:()\[\]]|--|—|(?:^|\s)'")
_VAGUE_START = re.compile(r"^(?:It|This|That|There|Then|But|And|So|Here|What|Why|How|Yes|No|Oh|Ah|Well)\b")
_PAST = re.compile(r"\b(?:was|were|had|did|went|came|took|gave|said|saw|knew|made|left|found|told|\w{3,}ed)\b")


def find_statements(sentences: Sequence[str], *, most: int, seed: int) -> list[str]:
    """Return at most ``most`` statements, drawn with ``seed``, in the order of the book.

    A statement has a name after its first word and a verb in the past tense, and no speech, question or parenthesis.
    """
    found = [" ".join(sentence.split()) for sentence in sentences if is_statement(" ".join(sentence.split()))]
    if len(found) <= most:
        return found
    return [found[place] for place in sorted(random.Random(seed).sample(range(len(found)), most))]


def is_statement(sentence: str) -> bool:
    """Return True if a sentence is a statement about a named person.

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
        and not _VAGUE_START.search(sentence)
        and bool(_PAST.search(sentence))
        and bool(find_names(sentence))
    )
