"""A novel as it is read, on which sentences and names are found, and the way back to the text as it is printed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from pipeline.language.repairs import apply_repairs
from pipeline.records import Chapter, Novel, Repair, Span


@dataclass(frozen=True)
class RepairedNovel:
    """A novel whose text is the one that is read; spans are moved from one text to the other.

    ``repairs`` are those that change the length, with ``starts`` and ``ends`` in the text that is read; ``shifts[n]``
    is how much longer the printed text is up to the repair ``n``.
    """

    novel: Novel
    repairs: tuple[Repair, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    shifts: tuple[int, ...]

    def printed(self, span: Span) -> Span:
        """Return where a range of the text that is read is in the printed text."""
        first = bisect_right(self.ends, span.start)
        last = bisect_left(self.starts, span.end)
        return Span(span.start + self.shifts[first], span.end + self.shifts[last])

    def read(self, span: Span) -> Span:
        """Return where a range of the printed text is in the text that is read."""
        first, last = (bisect_right(self.repairs, place, key=lambda repair: repair.end) for place in span)
        return Span(span.start - self.shifts[first], span.end - self.shifts[last])


@lru_cache(maxsize=2)
def repair_novel(novel: Novel) -> RepairedNovel:
    """Return the novel as it is read."""
    repairs = tuple(repair for repair in novel.repairs if len(repair.text) != repair.end - repair.start)
    shifts = tuple(accumulate((repair.end - repair.start - len(repair.text) for repair in repairs), initial=0))
    starts = tuple(repair.start - shift for repair, shift in zip(repairs, shifts, strict=False))
    ends = tuple(start + len(repair.text) for repair, start in zip(repairs, starts, strict=True))
    read = RepairedNovel(novel, repairs, starts, ends, shifts)
    chapters = tuple(_chapter(read, chapter) for chapter in novel.chapters)
    text = apply_repairs(novel.text, novel.repairs)
    return replace(read, novel=replace(novel, text=text, body=read.read(novel.body), chapters=chapters, repairs=()))


def _chapter(read: RepairedNovel, chapter: Chapter) -> Chapter:
    """Return a chapter in the text that is read, with its printed heading as it is read there."""
    heading = " ".join(read.novel.repaired(*read.novel.heading_of(chapter)).split())
    start, end = read.read(Span(chapter.start, chapter.end))
    return replace(chapter, title=heading or chapter.title, start=start, end=end)


def spans_as_read(repaired: RepairedNovel, spans: Iterable[Span]) -> list[Span]:
    """Return where ranges of the printed text are in the text that is read."""
    return [repaired.read(span) for span in spans]
