"""A novel to states: every sentence once, characters by themselves, nothing twice, whatever interrupts it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ChunkConfig
from pipeline.errors import CacheError
from pipeline.reading.encoder import Encoder, plain
from pipeline.reading.novel_encoder import NovelEncoder, all_sentences, chunk_states, sentence_texts, sentences_of
from pipeline.reading.stream import SentenceReading
from pipeline.records import Chapter, Chunk, Novel, Span
from pipeline.states import Reading
from pipeline.storage.cache import ReadingCache
from pipeline.text.chunking import make_chunks
from tests.pipeline.little_story import TEXT
from tests.pipeline.reading.conftest import Calls, Story, make_story, own_tokens, same_readings


def novel_of(text: str) -> Novel:
    return Novel("n", "n.txt", text, Span(0, len(text)), (Chapter(1, "", 0, len(text)),), "utf-8", "0" * 64)


@given(count=st.integers(1, 60), size=st.integers(1, 9), data=st.data())
def test_all_sentences_are_each_once_however_chunks_overlap(count: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    spans = [Span(3 * number, 3 * number + 2) for number in range(count)]
    chunks = make_chunks(novel_of("ab " * count), spans, ChunkConfig(size, overlap))
    assert all_sentences(chunks) == spans
    assert sentences_of(chunks, range(len(chunks))) == list(range(count))


def test_sentences_of_overlapping_chunks_come_once_in_order(story: Story) -> None:
    assert sentences_of(story.chunks, [1, 0]) == list(range(7))


def test_sentence_texts_have_the_words_of_the_whole_book(story: Story) -> None:
    texts = sentence_texts(story.novel, all_sentences(story.chunks))
    assert plain("".join(texts)) == plain(TEXT)


def test_sentence_texts_split_paragraphs_by_a_blank_line() -> None:
    novel = novel_of("One.  Two\nand a half.\n \nThree.")
    spans = [Span(0, 4), Span(6, 21), Span(24, 30)]
    assert sentence_texts(novel, spans) == ["\n\nOne.", " Two and a half.", "\n\nThree."]


def test_sentence_texts_see_the_paragraph_break_between_sentences_of_a_character() -> None:
    novel = novel_of("One.\n\nTwo. Three. Four.")
    assert sentence_texts(novel, [Span(0, 4), Span(11, 17)]) == ["\n\nOne.", "\n\nThree."]


def test_reading_streams_every_sentence_once(novel_encoder: NovelEncoder, story: Story, calls: Calls) -> None:
    novel_encoder.read(story.novel, story.chunks)
    assert sum(calls.lengths) == own_tokens(story, list(range(len(all_sentences(story.chunks)))))


def test_overlap_changes_no_sentence_of_the_reading(novel_encoder: NovelEncoder, shelf: Path, calls: Calls) -> None:
    apart, overlapping = (make_story(shelf / "Low Water.txt", ChunkConfig(6, overlap)) for overlap in (0, 5))
    novel_encoder.read(apart.novel, apart.chunks)
    before = len(calls.lengths)
    novel_encoder.read(overlapping.novel, overlapping.chunks)
    assert len(calls.lengths) == before, "the same sentences are not read again for other chunks"


def test_character_reads_the_sentences_of_its_chunks_once(
    novel_encoder: NovelEncoder, story: Story, calls: Calls
) -> None:
    novel_encoder.read(story.novel, story.chunks)
    calls.lengths.clear()
    novel_encoder.read(story.novel, story.chunks, [story.anna])
    assert sum(calls.lengths) == own_tokens(story, sentences_of(story.chunks, story.anna.chunks))


def test_second_character_reads_only_its_own_sentences(novel_encoder: NovelEncoder, story: Story, calls: Calls) -> None:
    novel_encoder.read(story.novel, story.chunks, [story.anna])
    calls.lengths.clear()
    novel_encoder.read(story.novel, story.chunks, [story.anna, story.moss])
    assert sum(calls.lengths) == own_tokens(story, sentences_of(story.chunks, story.moss.chunks))


def test_reading_again_reads_nothing_and_is_the_same(
    novel_encoder: NovelEncoder, story: Story, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = novel_encoder.read(story.novel, story.chunks, [story.anna, story.moss])
    calls.lengths.clear()
    monkeypatch.setattr(Encoder, "content_vectors", lambda *_: pytest.fail("sentences were read alone again"))
    assert same_readings(first, novel_encoder.read(story.novel, story.chunks, [story.anna, story.moss]))
    assert calls.lengths == []


@pytest.fixture
def older(novel_encoder: NovelEncoder, story: Story, calls: Calls) -> Reading:
    """A reading whose stored file is one of an earlier version, without the novel's own vector."""
    first = novel_encoder.read(story.novel, story.chunks)
    key = _key_of_novel(novel_encoder)
    stored = novel_encoder.cache.load(key)
    assert stored is not None
    novel_encoder.cache.store(key, {name: stored[name] for name in SentenceReading.__dataclass_fields__}, about={})
    calls.lengths.clear()
    return first


def _key_of_novel(novel_encoder: NovelEncoder) -> str:
    (entry,) = novel_encoder.cache.entries()
    return entry.path.name.split(".")[0]


def test_reading_of_an_earlier_version_is_completed_and_not_read_again(
    novel_encoder: NovelEncoder, story: Story, calls: Calls, older: Reading
) -> None:
    assert same_readings(older, novel_encoder.read(story.novel, story.chunks))
    completed = novel_encoder.cache.load(_key_of_novel(novel_encoder))
    assert calls.lengths == [] and completed is not None
    assert completed.keys() > set(SentenceReading.__dataclass_fields__)


def test_reading_of_an_earlier_version_serves_where_the_cache_takes_no_files(
    novel_encoder: NovelEncoder, story: Story, calls: Calls, older: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CacheError("the folder refuses files")

    monkeypatch.setattr(ReadingCache, "store", refuse)
    assert same_readings(older, novel_encoder.read(story.novel, story.chunks))
    assert calls.lengths == []


def test_character_state_changes_only_where_the_character_is(novel_encoder: NovelEncoder, story: Story) -> None:
    states = novel_encoder.read(story.novel, story.chunks, [story.anna]).characters["Anna Reed"]
    assert [state.chunk_index for state in states if state.present] == list(story.anna.chunks)
    assert 0 < len(story.anna.chunks) < len(story.chunks)
    for before, after in pairwise(states):
        assert np.array_equal(before.vector, after.vector) != after.present


def test_character_state_is_zero_until_the_character_comes(novel_encoder: NovelEncoder, story: Story) -> None:
    late = replace(story.moss, chunks=story.moss.chunks[-1:])
    states = novel_encoder.read(story.novel, story.chunks, [late]).characters["Dr Moss"]
    assert not any(state.vector.any() for state in states[: late.chunks[0]])
    assert states[late.chunks[0]].vector.any()


def test_character_memory_is_carried_over_what_lies_between(novel_encoder: NovelEncoder, story: Story) -> None:
    all_of_it = novel_encoder.read(story.novel, story.chunks, [story.anna]).characters["Anna Reed"]
    last = replace(story.anna, name="Anna at the end", chunks=story.anna.chunks[-1:])
    only_there = novel_encoder.read(story.novel, story.chunks, [last]).characters[last.name]
    assert not np.allclose(all_of_it[-1].vector, only_there[-1].vector, atol=0.01)


def test_chunk_states_follow_from_their_sentences() -> None:
    chunks = (
        Chunk(0, 0, 0, 1, 0, (Span(0, 1), Span(1, 2))),
        Chunk(1, 0, 0, 1, 1, (Span(1, 2), Span(2, 3))),
        Chunk(2, 0, 0, 1, 2, (Span(2, 3), Span(3, 4))),
    )
    reading = SentenceReading(
        hidden=np.array([[1, 0], [3, 0], [0, 2], [0, -5]], np.float16),
        tokens=np.array([1, 3, 2, 2]),
        bytes=np.array([4, 4, 8, 2]),
        nats=np.array([2.0, 6.0, 8.0, 1.0]) * math.log(2),
        activity=np.array([0.1, 0.3, 0.5, 0.7]),
        norm=np.array([1.0, 2.0, 3.0, 4.0]),
    )
    states = chunk_states(chunks, reading)
    assert [state.surprisal for state in states] == pytest.approx([1.0, 1.0, 0.5])
    assert [state.state_norm for state in states] == [2.0, 3.0, 4.0]
    assert [state.activity for state in states] == pytest.approx([0.2, 0.5, 0.7])
    assert [state.drift for state in states] == pytest.approx([0.0, 1.0, 2.0])
    assert [state.global_vector.tolist() for state in states] == [[2.5, 0.0], [0.0, 2.0], [0.0, -5.0]]
    assert states[1].content_vector == pytest.approx([9 / 5, 4 / 5])


def test_any_segment_gives_the_same_states(
    encoder: Encoder, story: Story, tmp_path: Path, novel_encoder: NovelEncoder
) -> None:
    usual = novel_encoder.read(story.novel, story.chunks, [story.anna])
    for segment in (5, 17, 100_000):
        other = NovelEncoder(
            encoder, ReadingCache(tmp_path / str(segment)), replace(novel_encoder.config, segment=segment)
        )
        found = other.read(story.novel, story.chunks, [story.anna])
        for one, two in zip(usual.states, found.states, strict=True):
            assert one.global_vector == pytest.approx(two.global_vector, abs=3e-3)
            assert one.surprisal == pytest.approx(two.surprisal, abs=1e-3)
        for own, again in zip(usual.characters["Anna Reed"], found.characters["Anna Reed"], strict=True):
            assert own.vector == pytest.approx(again.vector, abs=3e-3)


def keys(novel_encoder: NovelEncoder, story: Story) -> set[str]:
    """Read the novel and Anna Reed, and return the names under which that is stored."""
    cache = ReadingCache(novel_encoder.cache.folder / "apart" / str(id(story)))
    cache.clear()
    replace(novel_encoder, cache=cache).read(story.novel, story.chunks, [story.anna])
    return {entry.path.name for entry in cache.entries()}


def test_cache_key_reacts_to_all_that_a_reading_depends_on(
    novel_encoder: NovelEncoder, story: Story, shelf: Path
) -> None:
    usual = keys(novel_encoder, story)
    assert len(usual) == 2, "the novel and the character are stored separately"
    own, spans = set(sentences_of(story.chunks, story.anna.chunks)), all_sentences(story.chunks)
    end = next(span.end for number, span in enumerate(spans) if number not in own)
    changed = story.novel.text[: end - 2] + "x" + story.novel.text[end - 1 :]
    other_text = replace(story, novel=replace(story.novel, text=changed))
    other_file = replace(story, novel=replace(story.novel, sha256="1" * 64))
    other_name = replace(story, anna=replace(story.anna, name="Anna"))
    other_chunks = make_story(shelf / "Low Water.txt", ChunkConfig(3, 0))
    assert len(usual & keys(novel_encoder, other_text)) == 1, "no sentence of the character has changed"
    assert usual == keys(novel_encoder, other_file), "the sentences are the same"
    assert len(usual & keys(novel_encoder, other_name)) == 1
    assert len(usual & keys(novel_encoder, other_chunks)) == 1, (
        "other chunks: the same book, other sentences of the character"
    )
    for encoder in (replace(novel_encoder.encoder, weights_sha256="1"), replace(novel_encoder.encoder, dtype="bf16")):
        assert usual.isdisjoint(keys(replace(novel_encoder, encoder=encoder), story))
    assert usual.isdisjoint(keys(replace(novel_encoder, config=replace(novel_encoder.config, segment=65)), story))


def test_claim_vectors_lie_around_the_middle_of_the_book(novel_encoder: NovelEncoder, story: Story) -> None:
    reading = novel_encoder.read(story.novel, story.chunks)
    sentences = [story.novel.text[slice(*span)] for span in all_sentences(story.chunks)]
    vectors = novel_encoder.claim_vectors(reading, sentences)
    centre = np.mean([state.content_vector for state in reading.states], axis=0)
    assert vectors.shape == (len(sentences), novel_encoder.encoder.width)
    assert vectors.mean(axis=0) == pytest.approx(centre, abs=1e-4)


def test_unwritable_cache_is_known_before_anything_is_read(
    novel_encoder: NovelEncoder, story: Story, tmp_path: Path, calls: Calls
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(CacheError):
        replace(novel_encoder, cache=ReadingCache(tmp_path / "file")).read(story.novel, story.chunks)
    assert calls.lengths == []


def test_reading_reports_its_progress_by_name(novel_encoder: NovelEncoder, story: Story) -> None:
    counts: dict[str, int] = {}
    totals: dict[str, int] = {}

    def record(what: str, read: int, total: int) -> None:
        counts[what] = counts.get(what, 0) + read
        totals[what] = total

    replace(novel_encoder, on_progress=record).read(story.novel, story.chunks, [story.anna])
    assert counts == totals
    assert list(counts) == ["Low Water", "Anna Reed"]
