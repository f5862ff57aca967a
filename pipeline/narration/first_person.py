"""First-person words outside quotations, and the parts of a novel in which they are frequent.

A novel that is told in the first person has 20 to 110 such words in a thousand words of narration, one in the third
person fewer than 8 (127 novels, ``runs/narrators.md``); what is between has documents in it, or speech without marks.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.narration.quotations import Quotations
from pipeline.records import Novel, Span

OFTEN = 15.0
"""First-person words in a thousand words of narration from which on a part is told in the first person."""
_SOMETIMES = 3.0
"""The same in a novel that is otherwise told in the first person."""
MOSTLY = 0.5
"""The share of a novel's narration from which on the novel, and not a part of it, is told in the first person."""
_STRETCH = 20_000
_FIRST_PERSON = re.compile(
    r"(?<![\w'’.-])(?:I(?:['’](?:m|d|ll|ve))?|[Mm]e|[Mm]y|[Mm]yself|[Mm]ine|[Ww]e(?:['’](?:re|d|ll|ve))?|[Uu]s|[Oo]urs?"
    r"|[Oo]urselves)(?![\w-])"
)
_HEADING = re.compile(r"[\W_]*(?:(?:chapter|part|book|volume|letter|canto|act)\s+)?I\b\W*", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Part:
    """A chapter, or a stretch of a novel without chapters: its number (0 for a stretch), its range and its words.

    ``words`` count the narration, ``first_person`` those of them that are first-person words.
    """

    chapter: int
    span: Span
    words: int
    first_person: int

    @property
    def rate(self) -> float:
        """First-person words in a thousand words of narration."""
        return 1000 * self.first_person / max(self.words, 1)


def find_first_person(novel: Novel, quotations: Quotations) -> tuple[int, ...]:
    """Return the offsets of the first-person words outside quotations; the number of a heading is not one."""
    found = _FIRST_PERSON.finditer(novel.text, *novel.body)
    return tuple(
        match.start()
        for match in found
        if not quotations.covers(match.start()) and not _is_numeral(novel.text, match.start(), match.group())
    )


def split_parts(novel: Novel, quotations: Quotations, offsets: Sequence[int]) -> tuple[Part, ...]:
    """Return the chapters of a novel, or its stretches, with the text before the first chapter.

    Words and first-person words inside ``quotations``, which may include letters, do not count.
    """
    return tuple(
        Part(number, span, count_words(novel.text, span, quotations), len(_outside(offsets, span, quotations)))
        for number, span in _ranges(novel)
        if span.start < span.end
    )


def told_parts(parts: Sequence[Part]) -> tuple[tuple[Part, ...], float]:
    """Return the parts that are told in the first person, and their share of the narration."""
    words = sum(part.words for part in parts)
    often = [part for part in parts if part.rate >= OFTEN]
    share = sum(part.words for part in often) / max(words, 1)
    least = _SOMETIMES if share >= MOSTLY else OFTEN
    return tuple(part for part in parts if part.rate >= least), share


def count_between(offsets: Sequence[int], span: Span) -> int:
    """Return how many of the ascending ``offsets`` are in a range."""
    return bisect_left(offsets, span.end) - bisect_left(offsets, span.start)


def count_words(text: str, span: Span, quotations: Quotations) -> int:
    """Return the number of words of a range that are outside quotations."""
    count, start = 0, span.start
    for quoted in (*quotations.between(*span), Span(span.end, span.end)):
        count += len(_WORD.findall(text, start, max(quoted.start, start)))
        start = max(start, quoted.end)
    return count


def rate_between(text: str, span: Span, quotations: Quotations, offsets: Sequence[int]) -> float:
    """Return the first-person words in a thousand words of narration of a range."""
    return 1000 * count_between(offsets, span) / max(count_words(text, span, quotations), 1)


def _outside(offsets: Sequence[int], span: Span, quotations: Quotations) -> list[int]:
    inside = offsets[bisect_left(offsets, span.start) : bisect_left(offsets, span.end)]
    return [offset for offset in inside if not quotations.covers(offset)]


def _ranges(novel: Novel) -> list[tuple[int, Span]]:
    if not novel.chapters:
        return [(0, span) for span in _stretches(novel)]
    before = (0, Span(novel.body.start, novel.chapters[0].start))
    return [before, *((chapter.number, Span(chapter.start, chapter.end)) for chapter in novel.chapters)]


def _stretches(novel: Novel) -> list[Span]:
    """Return the body in stretches that end with a paragraph where one ends."""
    spans, start = [], novel.body.start
    while start < novel.body.end:
        end = novel.text.find("\n\n", start + _STRETCH, novel.body.end)
        end = novel.body.end if end < 0 else end
        spans.append(Span(start, end))
        start = end
    return spans


def _is_numeral(text: str, start: int, word: str) -> bool:
    """Return True if an "I" is the number of a chapter: its line holds nothing else but such a word."""
    if word != "I":
        return False
    line = text[text.rfind("\n", 0, start) + 1 : text.find("\n", start) + 1 or len(text)]
    return _HEADING.fullmatch(line) is not None
