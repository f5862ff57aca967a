"""A small book of given sentences, and evidence in it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from pipeline.book import Book
from pipeline.config import ChunkConfig
from pipeline.judging.windows import LabelledWindow, LogLabels, window_of, window_text
from pipeline.records import Chapter, Claim, Evidence, Novel, Span
from pipeline.retrieval.index import LexicalIndex
from pipeline.text.chunking import make_chunks

CHAPTERS = (
    ("Anna Reed kept the ferry.", "She sold the mill\nin the spring.", "It rained until Friday."),
    ("Dr Moss came from the city.", "Nobody knew why.", "He slept badly."),
)


def make_book(chapters: Sequence[Sequence[str]] = CHAPTERS, *, per_chunk: int = 2, overlap: int = 0) -> Book:
    """Return a book with these sentences, a line each, below the headings of their chapters."""
    text, sentences, starts = "", list[Span](), list[int]()
    for number, chapter in enumerate(chapters, start=1):
        starts.append(len(text))
        text += f"Chapter {number}\n"
        for sentence in chapter:
            sentences.append(Span(len(text), len(text) + len(sentence)))
            text += sentence + "\n"
    ends = [*starts[1:], len(text)]
    placed = [
        Chapter(number + 1, f"Chapter {number + 1}", *span)
        for number, span in enumerate(zip(starts, ends, strict=True))
    ]
    digest = sha256(text.encode()).hexdigest()
    novel = Novel("Book", "Book.txt", text, Span(0, len(text)), tuple(placed), "utf-8", digest)
    chunks = make_chunks(novel, sentences, ChunkConfig(per_chunk, overlap))
    return Book(novel, tuple(sentences), chunks, (), LexicalIndex([text[chunk.start : chunk.end] for chunk in chunks]))


def claim_of(text: str, number: int = 1) -> Claim:
    """Return a claim with the id ``c`` and its number."""
    return Claim(f"c{number}", "Anna Reed", "event", "unspecified", "unspecified", text)


def evidence_in(claim: Claim, *chunks: int) -> tuple[Evidence, ...]:
    """Return the chunks as the evidence of a claim, best first."""
    return tuple(
        Evidence(claim.id, chunk, rank, 1.0, 1.0, rank, 0.5, True) for rank, chunk in enumerate(chunks, start=1)
    )


def logs(supported: float, contradicted: float) -> LogLabels:
    """Return the logarithms of two probabilities and of the rest."""
    one, other, rest = np.log([supported, contradicted, 1 - supported - contradicted]).tolist()
    return one, other, rest


def labelled(book: Book, sentence: int, supported: float, contradicted: float) -> LabelledWindow:
    """Return the window of a sentence with the probabilities of two labels."""
    window = window_of(book, sentence)
    return LabelledWindow(window, window_text(book, window), logs(supported, contradicted))
