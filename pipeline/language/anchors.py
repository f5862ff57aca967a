"""Find a quotation again in a text that was edited since: word for word, or nearly."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import pairwise
from typing import NamedTuple

from pipeline.language.folding import fold
from pipeline.language.words import WORD, across_lines
from pipeline.records import Span

_MARKS = str.maketrans("’‘\u02bc“”„«»–—", '\'\'\'"""""--')
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|\n[^\S\n]*\n\s*")
_CONTEXT_WORDS = 12
_CONTEXT_REACH = 240
_NEAR = 0.65
_SURROUNDED = 0.6
_FEW_WORDS = 5
_PLACES = 5
_MORE_SENTENCES = 2
_SAME_CONTEXT = 0.2


class Context(NamedTuple):
    """The words directly before and after a quotation; empty where they are not known."""

    before: str = ""
    after: str = ""

    def is_like(self, other: Context) -> bool:
        """Return True if one of the two sides has mostly the same words."""
        sides = zip(self, other, strict=True)
        return any(own and likeness(own.split(), found.split()) >= _SURROUNDED for own, found in sides)


def context_of(text: str, place: Span) -> Context:
    """Return the dozen words on either side of a place."""
    before = text[max(place.start - _CONTEXT_REACH, 0) : place.start].split()
    after = text[place.end : place.end + _CONTEXT_REACH].split()
    return Context(" ".join(before[-_CONTEXT_WORDS:]), " ".join(after[:_CONTEXT_WORDS]))


def find_verbatim(text: str, quotation: str) -> list[Span]:
    """Return every place of a quotation; line breaks and the form of quotation marks and dashes make no difference.

    >>> find_verbatim("He said: “Row,\\nAnna.”", '"Row, Anna."')
    [Span(start=9, end=21)]
    """
    words = quotation.translate(_MARKS).split()
    if not words:
        return []
    return [Span(*match.span()) for match in across_lines(words).finditer(text.translate(_MARKS))]


def is_distinctive(quotation: str) -> bool:
    """Return True if a quotation has enough words to be recognised in other surroundings."""
    return len(_words(quotation)) >= _FEW_WORDS


def find_near(text: str, quotation: str, context: Context) -> Span | None:
    """Return the sentences of a text that are most like a quotation, None where none is like it.

    Places in the same surroundings come first; a quotation of few words is found in these alone.
    """
    wanted = _words(quotation)

    def score(place: Span) -> float:
        found = likeness(wanted, _words(text[slice(*place)]))
        surrounded = found >= _NEAR and context.is_like(context_of(text, place))
        known = found >= _NEAR and (surrounded or len(wanted) >= _FEW_WORDS)
        return found + _SAME_CONTEXT * surrounded if known else 0.0

    best = max(_candidates(text, wanted, len(_sentences(quotation, 0)) + _MORE_SENTENCES), key=score, default=None)
    return best if best and score(best) else None


def likeness(words: Sequence[str], others: Sequence[str]) -> float:
    """Return the share of words that two sequences have in common in the same order, from 0 to 1."""
    return SequenceMatcher(None, words, others, autojunk=False).ratio()


def _candidates(text: str, wanted: Sequence[str], longest: int) -> Iterator[Span]:
    """Yield the runs of up to ``longest`` sentences around the places with most of the words, rare words first."""
    places, starts = _places(text, set(wanted))
    width = len(wanted) or 1
    votes: defaultdict[int, float] = defaultdict(float)
    for number, word in enumerate(wanted):
        for place in places[word]:
            votes[(place - number) // width] += 1 / len(places[word])
    for block in nlargest(_PLACES, votes, key=lambda block: votes[block]):
        first, last = max((block - 1) * width, 0), (block + 3) * width
        region = Span(starts[first], starts[last] if last < len(starts) else len(text))
        sentences = _sentences(text[slice(*region)], region.start)
        for number, sentence in enumerate(sentences):
            yield from (Span(sentence.start, end) for _, end in sentences[number : number + longest])


def _places(text: str, wanted: set[str]) -> tuple[dict[str, list[int]], list[int]]:
    """Return the numbers of the words of a text at which each wanted word is, and the offsets of all words."""
    places: dict[str, list[int]] = {word: [] for word in wanted}
    starts = []
    for number, match in enumerate(WORD.finditer(text)):
        starts.append(match.start())
        word = fold(match[0])
        if word in places:
            places[word].append(number)
    return places, starts


def _sentences(text: str, offset: int) -> list[Span]:
    """Return the sentences of a short text, roughly: one that is cut at an abbreviation is found as a run of two."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    bounds = sorted({0, *ends, len(text)})
    return [Span(offset + start, offset + start + len(text[start:end].rstrip())) for start, end in pairwise(bounds)]


def _words(text: str) -> list[str]:
    return [fold(word) for word in WORD.findall(text)]
