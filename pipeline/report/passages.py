"""Text cut into segments that the page can mark: what is quoted, and the words that decided or are shared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import Stemmer

from pipeline.language.bm25 import STOPWORDS_EN_PLUS
from pipeline.records import Span

# Underscores are Project Gutenberg's italics, not letters.
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_COMMON = frozenset(STOPWORDS_EN_PLUS)
_NOTHING = Span(0, 0)


@dataclass(frozen=True)
class Segment:
    """A run of text that is marked alike: inside the quotation or around it, a marked word or not."""

    text: str
    quoted: bool
    marked: bool


Paragraph = tuple[Segment, ...]


def stems_of(text: str) -> frozenset[str]:
    """Return the stems of the words of ``text`` that carry meaning."""
    return frozenset(stem for word in _WORD.findall(text) if (stem := _stem(word)))


def fold(text: str) -> str:
    """Return ``text`` without case and accents, its apostrophes straight."""
    bare = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def shared_words(text: str, stems: frozenset[str]) -> tuple[Span, ...]:
    """Return the range of each word of ``text`` with a stem in ``stems``."""
    return tuple(Span(*match.span()) for match in _WORD.finditer(text) if _stem(match.group()) in stems)


def paragraphs(text: str, marked: Collection[Span] = (), *, quoted: Span = _NOTHING) -> tuple[Paragraph, ...]:
    """Cut ``text`` into paragraphs of segments, marking the ranges ``marked`` and the range ``quoted``.

    All ranges count from the start of ``text``. The segments joined are the text without its paragraph breaks.
    """
    return tuple(_segments(text, span, marked, quoted) for span in _paragraph_spans(text))


def _segments(text: str, span: Span, marked: Collection[Span], quoted: Span) -> Paragraph:
    inside = [mark for mark in marked if mark.start < span.end and mark.end > span.start]
    edges = {edge for mark in (*inside, quoted) for edge in mark}
    cuts = sorted({*span, *(edge for edge in edges if span.start < edge < span.end)})
    return tuple(
        Segment(
            text[start:end],
            quoted=quoted.start <= start < quoted.end,
            marked=any(mark.start <= start < mark.end for mark in inside),
        )
        for start, end in pairwise(cuts)
    )


def _paragraph_spans(text: str) -> Iterator[Span]:
    start = 0
    for gap in _BREAK.finditer(text):
        if gap.start() > start:
            yield Span(start, gap.start())
        start = gap.end()
    if start < len(text):
        yield Span(start, len(text))


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def _stem(word: str) -> str:
    """Return the stem of ``word`` without case and accents, or nothing for a word too common to mean anything."""
    plain = fold(word)
    return "" if plain in _COMMON else str(_stemmer().stemWord(plain))
