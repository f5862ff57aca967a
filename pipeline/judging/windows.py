"""Windows of evidence: sentences of retrieved chunks, each with the one before it, chosen for a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.book import Book
from pipeline.records import Evidence, Span

_LENGTH_OFFSET = 8
"""Words added to a sentence's length before its share of covered words is taken: short ones gain less by it."""
_LEFT_OUT = "..."
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


def join_passages(sentences: Mapping[int, str]) -> str:
    """Return sentences by their numbers as one text in the order of the book, with a mark where some are left out.

    >>> join_passages({7: "He came.", 4: "She sang.", 3: "It rained."})
    'It rained. She sang. ... He came.'
    """
    parts: list[str] = []
    for number in sorted(sentences):
        parts += [_LEFT_OUT] if parts and number - 1 not in sentences else []
        parts.append(sentences[number])
    return " ".join(parts)


def sentences_of(book: Book, evidence: Sequence[Evidence]) -> list[int]:
    """Return the numbers of the sentences of retrieved chunks, each once, in the order of the evidence."""
    return list(dict.fromkeys(number for item in evidence for number in book.chunks[item.chunk_index].numbers))


def word_coverage(book: Book, claim: str, sentences: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return how much of the claim's words, by their weight in the novel, each sentence has for its length.

    A word that only the sentence before has counts half.
    """
    wanted = sorted(set(book.index.stems(claim)))
    weights = np.array([[book.index.weight(stem)] for stem in wanted]).reshape(len(wanted), 1)
    numbers, words = np.array(sentences, np.int64), book.sentence_words
    shape = (len(wanted), len(numbers))
    own = np.array([words.holding(stem, numbers) for stem in wanted], np.bool_).reshape(shape)
    before = np.array([words.holding(stem, numbers - 1) for stem in wanted], np.bool_).reshape(shape)
    covered = _sums(weights, own) + _BEFORE_SHARE * _sums(weights, before & ~own)
    return covered / np.sqrt(_LENGTH_OFFSET + words.lengths[numbers])


def _sums(weights: npt.NDArray[np.float64], held: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the exact sums of the weights, (stems, 1), that each sentence holds, (stems, sentences)."""
    return np.array([math.fsum(column) for column in np.where(held, weights, 0.0).T.tolist()])


def standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values with mean 0 and deviation 1; all 0 where they are equal."""
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)
