"""What the pages show of a novel, for any of its characters: its text, its chapters and the curves of its reading.

A table of many rows makes it once for each novel; it contains neither the vectors of the reading nor the word index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.language.folding import fold
from pipeline.records import Character, Chunk, Novel, Span
from pipeline.report.figures import Curve, Tick, chapter_ticks, chunks_a_point, memory_curves, reading_curves
from pipeline.states import Reading


@dataclass(frozen=True)
class BookView:
    """A novel as pages show it; ``memories`` maps a tracked character to the curve of its own state."""

    novel: Novel
    chunks: Mapping[int, Chunk]
    cast: tuple[Character, ...]
    ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    memories: Mapping[str, Curve]
    chunks_a_point: int

    def person(self, name: str) -> Character | None:
        """Return the person called ``name``, regardless of case and accents; display names come before aliases."""
        wanted = fold(name)
        named = (person for person in self.cast if fold(person.name) == wanted)
        aliased = (person for person in self.cast if wanted in map(fold, person.aliases))
        return next(named, None) or next(aliased, None)

    def heading(self, chapter: int, start: int) -> str:
        """Return a chapter's printed heading with its number in reading order, and the paragraph at ``start``."""
        return f"{self._chapter(chapter)}, paragraph {self.novel.paragraph_at(start)}"

    def _chapter(self, chapter: int) -> str:
        if chapter == 0:
            return "Before the first chapter"
        titles = {known.number: " ".join(known.title.split()) for known in self.novel.chapters}
        plain = f"chapter {chapter} of {len(titles)}"
        return f"{titles[chapter]} ({plain})" if titles.get(chapter) else plain.capitalize()

    def around(self, chunk_index: int, *, wide: bool) -> Span:
        """Return the range of a chunk, when ``wide`` with the chunks next to it."""
        reach = 1 if wide else 0
        near = [self.chunks.get(index) for index in range(chunk_index - reach, chunk_index + reach + 1)]
        found = [chunk for chunk in near if chunk is not None]
        return Span(found[0].start, found[-1].end)


def book_view(novel: Novel, chunks: Sequence[Chunk], cast: Sequence[Character], reading: Reading) -> BookView:
    """Return what the pages show of a novel."""
    return BookView(
        novel=novel,
        chunks={chunk.index: chunk for chunk in chunks},
        cast=tuple(cast),
        ticks=chapter_ticks(novel),
        curves=reading_curves(novel, chunks, reading),
        memories=memory_curves(novel, chunks, reading),
        chunks_a_point=chunks_a_point(reading),
    )
