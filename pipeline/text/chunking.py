"""Group sentences into overlapping chunks."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import ChunkConfig
from pipeline.records import Chunk, Novel, Span


def make_chunks(novel: Novel, sentences: Sequence[Span], config: ChunkConfig) -> tuple[Chunk, ...]:
    """Return chunks of ``n_sent_per_chunk`` sentences, of which neighbours share exactly ``overlap``.

    Every sentence is in a chunk. The last chunk may be shorter, but has at least one sentence that the previous chunk
    does not have. A chunk may cross the end of a chapter; its chapter is the one in which it starts.
    """
    step = config.n_sent_per_chunk - config.overlap
    firsts = range(0, max(len(sentences) - config.overlap, 1), step) if sentences else range(0)
    return tuple(_chunk(novel, sentences, config, index, first) for index, first in enumerate(firsts))


def _chunk(novel: Novel, sentences: Sequence[Span], config: ChunkConfig, index: int, first: int) -> Chunk:
    spans = tuple(sentences[first : first + config.n_sent_per_chunk])
    start, end = spans[0].start, spans[-1].end
    return Chunk(index, start, end, novel.chapter_at(start), first, spans)
