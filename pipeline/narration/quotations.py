"""Find quoted speech, so that narration can be distinguished from it.

A quotation ends with its paragraph at the latest: one that goes on in the next paragraph opens again there. A novel
that prints speech in single marks is recognised by its paragraphs, because an apostrophe is the same sign; so is one
that opens speech with a dash.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.records import Span

_PARAGRAPH = re.compile(r"[^\n](?:[^\n]|\n(?![^\S\n]*(?:\n|\Z)))*")
_LINE = re.compile(r"[^\n]+")
_LONG_PARAGRAPH = 2_000
"""Characters of the mean paragraph from which on blank lines are not what separates paragraphs."""
_OPENS_DOUBLE = re.compile(r"[\s_*]*[\"“«„]")
_OPENS_SINGLE = re.compile(r"[\s_*]*(?:[‘`]|'(?!(?:tis|twas|em|twere|til|twill|bout|cause|neath)\b))", re.IGNORECASE)
_OPENS_DASH = re.compile(r"\s*(?:--|[—–―])\s?(?=[^\W\d_])")
_DOUBLE = re.compile(r"[“«„][^”»“«„]*[”»]?|\"[^\"]*\"?")
_OPENING = re.compile(r"(?:(?<=[\s(\[—–―_*-])|\A)[‘'`](?=[\w\"“‘'_—–-])")
_CLOSING = re.compile(r"(?<=[.,!?;:…—–_*-])['’](?!\w)|(?<=[\"”])['’]")
_CLOSING_A_WORD = re.compile(r"(?<=\w)['’](?![\w])")


@dataclass(frozen=True)
class Quotations:
    """The quotations of a text in order, with their marks."""

    spans: tuple[Span, ...]

    def covers(self, offset: int) -> bool:
        """Return True if the character at ``offset`` is quoted."""
        return self.at(offset) is not None

    def at(self, offset: int) -> Span | None:
        """Return the quotation that holds ``offset``, or None."""
        before = bisect_right(self.spans, offset, key=lambda span: span.start)
        return self.spans[before - 1] if before and offset < self.spans[before - 1].end else None

    def with_spans(self, spans: Iterable[Span]) -> Quotations:
        """Return these and further ranges, such as letters, that are not narration either."""
        merged: list[Span] = []
        for span in sorted((*self.spans, *spans)):
            if merged and span.start < merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(span.end, merged[-1].end))
            else:
                merged.append(span)
        return Quotations(tuple(merged))

    def between(self, start: int, end: int) -> Sequence[Span]:
        """Return the quotations that overlap a range."""
        first = bisect_right(self.spans, start, key=lambda span: span.end)
        last = bisect_right(self.spans, end - 1, key=lambda span: span.start)
        return self.spans[first:last]


@lru_cache(maxsize=2)
def find_quotations(text: str, body: Span) -> Quotations:
    """Return the quoted speech of the body."""
    paragraphs = _paragraphs(text, body)
    single, dash = _style(text, paragraphs)
    spans = (span for paragraph in paragraphs for span in _quoted(text, paragraph, single=single, dash=dash))
    return Quotations(tuple(spans))


def _paragraphs(text: str, body: Span) -> list[Span]:
    """Return the paragraphs; a text almost without blank lines has one on each line."""
    blocks = [Span(*match.span()) for match in _PARAGRAPH.finditer(text, *body)]
    if blocks and sum(block.end - block.start for block in blocks) < _LONG_PARAGRAPH * len(blocks):
        return blocks
    return [Span(*match.span()) for match in _LINE.finditer(text, *body)]


def _style(text: str, paragraphs: Sequence[Span]) -> tuple[bool, bool]:
    """Return whether speech is printed in single marks, and whether a dash opens it."""
    double = sum(bool(_OPENS_DOUBLE.match(text, *span)) for span in paragraphs)
    single = sum(bool(_OPENS_SINGLE.match(text, *span)) for span in paragraphs)
    dash = sum(bool(_OPENS_DASH.match(text, *span)) for span in paragraphs)
    return single > double, dash > double + single


def _quoted(text: str, paragraph: Span, *, single: bool, dash: bool) -> Iterator[Span]:
    """Yield the quotations of one paragraph."""
    if dash and _OPENS_DASH.match(text, *paragraph):
        yield paragraph
    elif single:
        yield from _in_single_marks(text, paragraph)
    else:
        yield from (Span(*match.span()) for match in _DOUBLE.finditer(text, *paragraph))


def _in_single_marks(text: str, paragraph: Span) -> Iterator[Span]:
    """Yield the quotations in single marks; the mark after a letter closes one only if no surer one follows."""
    place = paragraph.start
    while opening := _OPENING.search(text, place, paragraph.end):
        following = _OPENING.search(text, opening.end(), paragraph.end)
        limit = following.start() if following else paragraph.end
        closing = _CLOSING.search(text, opening.end(), limit) or _CLOSING_A_WORD.search(text, opening.end(), limit)
        place = closing.end() if closing else limit
        yield Span(opening.start(), place)
