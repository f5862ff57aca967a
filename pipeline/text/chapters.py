"""Turn the headings of a novel into chapters, without the table of contents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.records import Chapter, Span
from pipeline.text.headings import Heading, find_headings, is_title

_DENSE = 200
_CONTENTS_LINES = 3
_TEXT_AFTER_CONTENTS = 2000
_LONGEST = 250
_PRINTED = r"[^\S\n]*\S[^\n]*"
_UNTIL_BLANK = r"(?=\n[^\S\n]*\n|\s*\Z)"
_RUN_ON = re.compile(rf"\n(?P<lines>{_PRINTED}(?:\n{_PRINTED})?){_UNTIL_BLANK}")
_NEXT_LINE = re.compile(rf"\n(?P<lines>{_PRINTED})")
_NEXT_PARAGRAPH = re.compile(rf"\n(?:[^\S\n]*\n)+(?P<lines>{_PRINTED}(?:\n{_PRINTED}){{0,2}}){_UNTIL_BLANK}")
_FULL_LINE = 40


def find_chapters(text: str, body: Span) -> tuple[Chapter, ...]:
    """Return the chapters of ``body``, numbered from 1 in reading order; they tile it from the first heading.

    Books, parts and volumes are chapters only if the novel has no smaller units.
    """
    headings = _without_repetitions(text, _without_contents(text, find_headings(text, body), body), body)
    chosen = _with_ends(_chapter_level(headings), body)
    return tuple(
        Chapter(number, _title(text, heading, end), heading.start, end)
        for number, (heading, end) in enumerate(chosen, start=1)
    )


def _chapter_level(headings: Sequence[Heading]) -> list[Heading]:
    """Choose the headings that count as chapters: "Chapter ...", else a run of numbers, else books and parts."""
    by_kind = {
        kind: [heading for heading in headings if heading.kind == kind] for kind in ("chapter", "numeral", "book")
    }
    named = [heading for heading in headings if heading.kind == "named"]
    chapters, numerals, books = by_kind["chapter"], by_kind["numeral"], by_kind["book"]
    if len(chapters) >= _CONTENTS_LINES or (chapters and not numerals):
        return sorted(chapters + named)
    if numerals:
        return sorted(chapters + numerals + named)
    return sorted(books + named)


def _without_contents(text: str, headings: Sequence[Heading], body: Span) -> list[Heading]:
    """Drop blocks of adjacent headings that are repeated later, or that one long text follows."""
    chosen: list[Heading] = []
    last = {(heading.kind, heading.number): index for index, heading in enumerate(headings)}
    for first, block in _blocks(text, headings):
        repeated = sum(last[heading.kind, heading.number] >= first + len(block) for heading in block)
        kinds = [heading.kind for heading in block]
        listed = max(map(kinds.count, kinds)) >= _CONTENTS_LINES
        if len(block) < _CONTENTS_LINES or (
            2 * repeated < len(block) and not (listed and _has_long_text(text, headings, first, block, body))
        ):
            chosen += block
    return chosen


def _has_long_text(text: str, headings: Sequence[Heading], first: int, block: Sequence[Heading], body: Span) -> bool:
    after = first + len(block)
    end = headings[after].start if after < len(headings) else body.end
    return len(text[block[-1].end : end].strip()) > _TEXT_AFTER_CONTENTS


def _blocks(text: str, headings: Sequence[Heading]) -> Iterator[tuple[int, list[Heading]]]:
    """Split the headings where there is text between two of them, or the numbers restart."""
    block: list[Heading] = []
    for index, heading in enumerate(headings):
        if block and (_text_between(text, block[-1], heading) >= _DENSE or _restarts(block, heading)):
            yield index - len(block), block
            block = []
        block.append(heading)
    if block:
        yield len(headings) - len(block), block


def _restarts(block: Sequence[Heading], heading: Heading) -> bool:
    if block[-1].kind == "book" and heading.kind != "book":
        return False
    numbers = (other.number for other in reversed(block) if other.kind == heading.kind and other.number is not None)
    before = next(numbers, None)
    return before is not None and heading.number is not None and heading.number <= before


def _text_between(text: str, first: Heading, second: Heading) -> int:
    return len(text[first.end : second.start].strip())


def _without_repetitions(text: str, headings: Sequence[Heading], body: Span) -> list[Heading]:
    """Return the headings without those that repeat a kind and number and have no text, as half-titles do."""
    filled = [(heading, len(text[heading.end : end].strip()) >= _DENSE) for heading, end in _with_ends(headings, body)]
    full = {(heading.kind, heading.number) for heading, enough in filled if enough}
    return [
        heading
        for heading, enough in filled
        if enough or heading.kind == "book" or (heading.kind, heading.number) not in full
    ]


def _with_ends(headings: Sequence[Heading], body: Span) -> list[tuple[Heading, int]]:
    """Pair each heading with the place where the next one starts."""
    starts = [heading.start for heading in headings]
    return list(zip(headings, [*starts[1:], body.end], strict=False))


def _title(text: str, heading: Heading, end: int) -> str:
    """Return the heading as printed, on one line, with the title on the next line if its own has none."""
    stop = _wrapped_end(text, heading, end) if heading.titled else _following_title_end(text, heading, end)
    return " ".join(text[heading.start : stop].split())


def _wrapped_end(text: str, heading: Heading, end: int) -> int:
    """Return the end of a title, which may continue on two more lines if its first line is full."""
    match = _RUN_ON.match(text, heading.end, end)
    full = heading.end - heading.start >= _FULL_LINE
    return match.end("lines") if match and full and match.end() - heading.start <= _LONGEST else heading.end


def _following_title_end(text: str, heading: Heading, end: int) -> int:
    for pattern in (_NEXT_LINE, _NEXT_PARAGRAPH):
        match = pattern.match(text, heading.end, end)
        if match is not None and is_title(match["lines"].strip()):
            return match.end("lines")
    return heading.end
