"""The words in which a claim and a passage differ: where a model marks them, and whether they correspond.

Words correspond if they are of one kind (numbers, names, other words), none of the passage's is in the claim, and a
word next to them is the same on both sides ("at Radnor", "ten years"). Numbers and names that the model is sure of
correspond without such a neighbour: the book may say "aged ten" for "ten years old".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding

from pipeline.language.numbers import find_quantities
from pipeline.language.word_lists import CLAUSE_OPENERS, OBJECTS, POSSESSIVES, PREPOSITIONS, SUBORDINATORS, word_set
from pipeline.language.words import words_of
from pipeline.records import Span

CLAIM_SIDE, EVIDENCE_SIDE = 0, 1
"""Outputs of the head of words: claim words that the evidence contradicts, and evidence words in their place."""
_LEAST, _SURE = -1.5, 0.0
"""Log-odds from which on words of the evidence are looked at, and from which on the model is sure of them."""
_MOST = 8
"""Words of the evidence that are looked at."""
_NEAR, _STEM = 3, 5
"""How far a common neighbour may be, in words, and the letters in which it must agree."""
_EDGE = '.,;:!?"“”()'
_JOINED = re.compile(r"[^\W_]|['’]|(?<![-–—])-(?!-)")
"""A character of a word: no dash, which divides two words even without spaces."""
_SENTENCE_START = re.compile(r"(?:\A|[.!?:“‘\"—])\s*\Z")
_FUNCTION_WORDS = (
    PREPOSITIONS | OBJECTS | POSSESSIVES | SUBORDINATORS | CLAUSE_OPENERS
    | word_set("am is are was were has have had will would shall should can could may might must do does did")
    | word_set("and or but nor so not no he she i it they you we me my your our him us")
)  # fmt: skip

Kind = Literal["number", "name", "words", "first"]


@dataclass(frozen=True)
class WordDifference:
    """The words of a claim that a passage contradicts, and those of the passage in their place, on one line each.

    ``found`` is empty where the passage has no words that correspond.
    """

    claimed: str
    found: str


class _Marked(NamedTuple):
    """Words of a text that the model marks: their range and the highest log-odds of their tokens."""

    text: str
    span: Span
    odds: float

    @property
    def words(self) -> str:
        return " ".join(self.text[self.span.start : self.span.end].split()).strip(_EDGE)


def find_difference(
    encoded: Encoding, odds: npt.NDArray[np.float32], *, claim: str, evidence: str
) -> WordDifference | None:
    """Return the words that differ, given the log-odds (T, 2) of a pair's tokens; None without any in the claim."""
    claimed = next(_marked(encoded, odds[:, CLAIM_SIDE], sequence=1, text=claim), None)
    if claimed is None or not claimed.words:
        return None
    likely = [
        words for words in _marked(encoded, odds[:, EVIDENCE_SIDE], sequence=0, text=evidence) if words.odds >= _LEAST
    ][:_MOST]
    alike = [words for words in likely if words.words and _is_alike(claimed, words)]
    near = [words for words in alike if _has_common_neighbour(claimed, words)]
    sure = [words for words in alike if words.odds >= _SURE and _kind(words) != "words"]
    found = next(iter((*near, *sure)), None)
    return WordDifference(claimed.words, found.words if found else "")


def _marked(encoded: Encoding, odds: npt.NDArray[np.float32], *, sequence: int, text: str) -> Iterator[_Marked]:
    """Yield the whole words around the likeliest tokens, as far as their neighbours are likely too, likeliest first."""
    tokens = [place for place, own in enumerate(encoded.sequence_ids) if own == sequence]
    left = set(tokens)
    for best in sorted(tokens, key=lambda place: -float(odds[place])):
        if best not in left or float(odds[best]) < -30:
            continue
        first = last = best
        bound = min(float(odds[best]), 0.0)
        while first - 1 in left and float(odds[first - 1]) >= bound:
            first -= 1
        while last + 1 in left and float(odds[last + 1]) >= bound:
            last += 1
        left -= set(range(first, last + 1))
        span = _whole_words(text, encoded.offsets[first][0], encoded.offsets[last][1])
        yield _Marked(text, span, float(odds[best]))


def _whole_words(text: str, start: int, end: int) -> Span:
    while start > 0 and _is_inside(text, start - 1):
        start -= 1
    while end < len(text) and _is_inside(text, end):
        end += 1
    return Span(start, end)


def _is_inside(text: str, place: int) -> bool:
    return _JOINED.match(text, place) is not None


def _is_alike(claimed: _Marked, found: _Marked) -> bool:
    kinds = {_kind(claimed), _kind(found)}
    same = len(kinds) == 1 or ("first" in kinds and "number" not in kinds)
    return same and set(words_of(found.words)).isdisjoint(words_of(claimed.text))


def _kind(marked: _Marked) -> Kind:
    """Return the kind of words; "first" of a sentence, where names and other words look alike."""
    words = marked.words
    if find_quantities(words) or words.lower() in {"one", "first", "second"}:
        return "number"
    if any(word[0].isupper() for word in words.split()[1:]):
        return "name"
    if not words[:1].isupper():
        return "words"
    return "first" if _SENTENCE_START.search(marked.text[: marked.span.start]) else "name"


def _has_common_neighbour(claimed: _Marked, found: _Marked) -> bool:
    return not _neighbours(claimed).isdisjoint(_neighbours(found))


def _neighbours(marked: _Marked) -> set[str]:
    before, after = words_of(marked.text[: marked.span.start]), words_of(marked.text[marked.span.end :])
    return {word[:_STEM] for word in (*before[-_NEAR:], *after[:_NEAR]) if word not in _FUNCTION_WORDS}
