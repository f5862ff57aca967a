"""Windows of evidence: sentences of retrieved chunks, each with the one before it, chosen for a claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.book import Book
from pipeline.records import Evidence, Span

_LENGTH_OFFSET = 8
"""Words added to a sentence's length before its share of covered words is taken: short ones gain less by it."""
_BEFORE_SHARE = 0.5
"""What a word of the claim counts that only the sentence before has."""


@dataclass(frozen=True, slots=True)
class Window:
    """A sentence with the one before it, by the number of the sentence in the novel and the range of both."""

    sentence: int
    span: Span


LogLabels = tuple[float, float, float]
"""Log-probabilities of supported, contradicted, not stated."""


@dataclass(frozen=True, slots=True)
class LabelledWindow:
    """A window with its text and the log-probabilities of the claim's labels given it."""

    window: Window
    text: str
    labels: LogLabels

    @property
    def relevance(self) -> float:
        """The probability that the window settles the claim."""
        return 1 - float(np.exp(self.labels[2]))


def window_of(book: Book, sentence: int) -> Window:
    """Return the window of a sentence; at the start of a chapter it is the sentence alone."""
    start, end = book.sentences[sentence]
    if sentence:
        before = book.sentences[sentence - 1]
        if book.novel.chapter_at(before.start) == book.novel.chapter_at(start):
            start = before.start
    return Window(sentence, Span(start, end))


def window_text(book: Book, window: Window) -> str:
    """Return the words of a window on one line."""
    return " ".join(book.novel.repaired(*window.span).split())


def sentences_of(book: Book, evidence: Sequence[Evidence]) -> list[int]:
    """Return the numbers of the sentences of retrieved chunks, each once, in the order of the evidence."""
    return list(dict.fromkeys(number for item in evidence for number in book.chunks[item.chunk_index].numbers))


def word_coverage(book: Book, claim: str, sentences: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return how much of the claim's words, by their weight in the novel, each sentence has for its length.

    A word that only the sentence before has counts half.
    """
    wanted = frozenset(book.index.stems(claim))
    weights = {stem: book.index.weight(stem) for stem in wanted}
    held: dict[int, frozenset[str]] = {}

    def stems(number: int) -> frozenset[str]:
        if number not in held:
            start, end = book.sentences[number]
            held[number] = wanted & frozenset(book.index.stems(book.novel.text[start:end]))
        return held[number]

    found = np.zeros(len(sentences))
    for place, number in enumerate(sentences):
        start, end = book.sentences[number]
        own = stems(number)
        before = stems(number - 1) - own if number else frozenset()
        covered = math.fsum(weights[stem] for stem in own) + _BEFORE_SHARE * math.fsum(weights[stem] for stem in before)
        found[place] = covered / math.sqrt(_LENGTH_OFFSET + len(book.novel.text[start:end].split()))
    return found


def standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values with mean 0 and deviation 1; all 0 where they are equal."""
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)
