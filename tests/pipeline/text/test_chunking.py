"""Chunks cover the sentences, overlap exactly, and have the chapter in which they start."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ChunkConfig
from pipeline.records import Chapter, Chunk, Novel, Span
from pipeline.text.chunking import make_chunks

CONFIGS = st.integers(1, 8).flatmap(lambda n: st.builds(ChunkConfig, st.just(n), st.integers(0, n - 1)))


def _chunks(count: int, config: ChunkConfig) -> tuple[Novel, tuple[Span, ...], tuple[Chunk, ...]]:
    """Chunk ``count`` sentences of ten characters, with a chapter every fifty."""
    text = "Aaa bbb.\n\n" * count
    sentences = tuple(Span(start, start + 8) for start in range(0, len(text), 10))
    starts = range(30, len(text), 50)
    chapters = tuple(Chapter(number, "", start, start + 50) for number, start in enumerate(starts, start=1))
    novel = Novel("x", "x.txt", text, Span(0, len(text)), chapters, "utf-8", "0")
    return novel, sentences, make_chunks(novel, sentences, config)


@given(count=st.integers(0, 60), config=CONFIGS)
def test_chunks_hold_every_sentence(count: int, config: ChunkConfig) -> None:
    _, sentences, chunks = _chunks(count, config)
    assert {span for chunk in chunks for span in chunk.sentences} == set(sentences)


@given(count=st.integers(0, 60), config=CONFIGS)
def test_chunks_share_exactly_the_overlap_with_their_neighbour(count: int, config: ChunkConfig) -> None:
    _, _, chunks = _chunks(count, config)
    for chunk, following in pairwise(chunks):
        assert len(set(chunk.sentences) & set(following.sentences)) == config.overlap
        assert len(chunk.sentences) == config.n_sent_per_chunk


@given(count=st.integers(1, 60), config=CONFIGS)
def test_last_chunk_is_never_inside_the_one_before(count: int, config: ChunkConfig) -> None:
    _, _, chunks = _chunks(count, config)
    assert all(set(following.sentences) - set(chunk.sentences) for chunk, following in pairwise(chunks))


@given(count=st.integers(0, 60), config=CONFIGS)
def test_chunks_point_at_their_text_and_count_their_sentences(count: int, config: ChunkConfig) -> None:
    novel, sentences, chunks = _chunks(count, config)
    for index, chunk in enumerate(chunks):
        assert chunk.index == index
        assert (chunk.start, chunk.end) == (chunk.sentences[0].start, chunk.sentences[-1].end)
        assert chunk.sentences == sentences[chunk.first_sentence : chunk.first_sentence + len(chunk.sentences)]
        assert chunk.chapter == novel.chapter_at(chunk.start)


def test_chunks_run_over_the_end_of_a_chapter() -> None:
    _, _, chunks = _chunks(6, ChunkConfig(4, 1))
    assert [(chunk.chapter, chunk.first_sentence, len(chunk.sentences)) for chunk in chunks] == [(0, 0, 4), (1, 3, 3)]


def test_few_sentences_make_one_chunk() -> None:
    _, sentences, chunks = _chunks(2, ChunkConfig())
    assert [chunk.sentences for chunk in chunks] == [sentences]
