"""Text cut into runs for the page: what is quoted, and which words are marked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pipeline.language.stems import stems
from pipeline.language.words import WORD
from pipeline.records import Span

_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_NOTHING = Span(0, 0)


@dataclass(frozen=True)
class MarkedText:
    """A run of text: inside the quotation or around it, a marked word or not."""

    text: str
    quoted: bool
    marked: bool


Paragraph = tuple[MarkedText, ...]


def shared_words(text: str, other: str) -> tuple[Span, ...]:
    """Return the range of each word of ``text`` that ``other`` has too, by their stems; stop words are left out."""
    shared = frozenset(stems(other))
    return tuple(Span(*word.span()) for word in WORD.finditer(text) if not shared.isdisjoint(stems(word[0])))


def paragraphs(text: str, marked: Collection[Span] = (), *, quoted: Span = _NOTHING) -> tuple[Paragraph, ...]:
    """Cut ``text`` into paragraphs, with the ranges ``marked`` and the range ``quoted`` marked.

    All ranges count from the start of ``text``. All runs joined are the text without its paragraph breaks.
    """
    return tuple(_segments(text, span, marked, quoted) for span in _paragraph_spans(text))


def excerpt(quotation: str, decisive: Span | None, *, longest: int = 260) -> Span:
    """Return the range of a quotation to show where there is little room: all of it, or the words around ``decisive``.

    A cut is between two words. Without ``decisive`` it is the beginning.
    """
    if len(quotation) <= longest:
        return Span(0, len(quotation))
    middle = (decisive.start + decisive.end) // 2 if decisive else 0
    start = min(max(middle - longest // 2, 0), len(quotation) - longest)
    words = [word.span() for word in re.finditer(r"\S+", quotation)]
    inside = [(first, last) for first, last in words if first >= start and last <= start + longest]
    return Span(inside[0][0], inside[-1][1]) if inside else Span(start, start + longest)


def _segments(text: str, span: Span, marked: Collection[Span], quoted: Span) -> Paragraph:
    inside = [mark for mark in marked if mark.start < span.end and mark.end > span.start]
    edges = {edge for mark in (*inside, quoted) for edge in mark}
    cuts = sorted({*span, *(edge for edge in edges if span.start < edge < span.end)})
    return tuple(
        MarkedText(
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
