"""A one-sentence summary of every chunk: one of its own sentences, chosen by the rarity of its words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.records import Chunk, Span

SUMMARY_METHOD = (
    "the chunk's own sentence whose first 200 characters hold the highest sum of rare-word weights; "
    "a word weighs log(sentences of the novel / sentences that hold it)"
)
_LONGEST = 200
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def summarise(text: str, chunks: Sequence[Chunk]) -> dict[int, str]:
    """Return for each chunk index its most informative sentence, on one line of at most 200 characters."""
    openings = {number: shorten(text[slice(*span)]) for number, span in _sentences(chunks).items()}
    worth = _worth(openings)
    return {chunk.index: openings.get(_best(chunk, worth), "") for chunk in chunks}


def shorten(sentence: str) -> str:
    """Return ``sentence`` on one line, cut after a word and marked with an ellipsis when over 200 characters."""
    line = " ".join(sentence.split())
    if len(line) <= _LONGEST:
        return line
    head, _, cut_word = line[:_LONGEST].rpartition(" ")
    return (head or cut_word[: _LONGEST - 1]) + "…"


def _sentences(chunks: Sequence[Chunk]) -> dict[int, Span]:
    """Number every sentence over the novel, so that one shared by two chunks counts once."""
    return {chunk.first_sentence + place: span for chunk in chunks for place, span in enumerate(chunk.sentences)}


def _words(sentence: str) -> frozenset[str]:
    return frozenset(_WORD.findall(sentence.casefold()))


def _worth(openings: Mapping[int, str]) -> dict[int, float]:
    """Return the sum of weights of each opening; words are found twice, because storing them may take a gigabyte."""
    counts = Counter(word for opening in openings.values() for word in _words(opening))
    weight = {word: math.log(len(openings) / count) for word, count in counts.items()}
    # fsum, because a set has no order and an ordinary sum depends on it in the last bit.
    return {number: math.fsum(weight[word] for word in _words(opening)) for number, opening in openings.items()}


def _best(chunk: Chunk, worth: Mapping[int, float]) -> int:
    return max(chunk.numbers, key=lambda number: worth[number], default=-1)
