"""An edited novel is read from its first change, with the same result, byte for byte, as one that was never read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import ChunkConfig
from pipeline.errors import CacheError
from pipeline.reading import checkpoints, stream
from pipeline.reading.checkpoints import open_checkpoints
from pipeline.reading.novel_encoder import NovelEncoder, all_sentences, sentences_of
from pipeline.records import Chapter, Character, Chunk, Novel, Span
from pipeline.states import Reading
from pipeline.storage.cache import ReadingCache
from pipeline.text.chunking import make_chunks
from tests.pipeline.reading.conftest import Calls, same_readings

SEGMENT, MARK = 32, 64
WORDS = ("Anna", "Tom", "ferry", "rain", "was", "late", "again", "the", "and", "quay")
CHAPTERS = tuple(
    tuple(f"{WORDS[(3 * number + place) % 10]} {WORDS[(number + 7 * place) % 10]} {number}." for place in range(9))
    for number in range(6)
)
Chapters = tuple[tuple[str, ...], ...]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(lambda words: " ".join(words) + ".")


@pytest.fixture(scope="module", autouse=True)
def _close_marks() -> Iterator[None]:
    """Put marks into texts of a few hundred tokens, and checkpoints at as many of them as in those of a novel."""
    with patch.object(stream, "_MARK", MARK), patch.object(checkpoints, "_TOKENS_EACH", 2 * MARK):
        yield


def novel_of(chapters: Chapters, name: str = "Draft") -> tuple[Novel, list[Span]]:
    """Return the novel of some chapters, each a paragraph, and its sentences."""
    text, spans = "", list[Span]()
    for chapter in chapters:
        for sentence in chapter:
            spans.append(Span(len(text), len(text) + len(sentence)))
            text += sentence + " "
        text += "\n\n"
    return Novel(name, "d.txt", text, Span(0, len(text)), (Chapter(1, "", 0, len(text)),), "utf-8", "0" * 64), spans


def chunks_of(novel: Novel, spans: Sequence[Span]) -> tuple[Chunk, ...]:
    return make_chunks(novel, spans, ChunkConfig(3, 1))


def person(novel: Novel, chunks: Sequence[Chunk], name: str = "Anna") -> Character:
    present = tuple(chunk.index for chunk in chunks if name in novel.text[chunk.start : chunk.end])
    return Character(name, (), (), (), present)


def read(encoder: NovelEncoder, chapters: Chapters, *, name: str = "Draft") -> Reading:
    novel, spans = novel_of(chapters, name)
    chunks = chunks_of(novel, spans)
    return encoder.read(novel, chunks, [person(novel, chunks)])


def fresh(encoder: NovelEncoder, folder: Path) -> NovelEncoder:
    return replace(encoder, cache=ReadingCache(folder))


@pytest.fixture
def novel_encoder(novel_encoder: NovelEncoder) -> NovelEncoder:
    return replace(novel_encoder, config=replace(novel_encoder.config, segment=SEGMENT, save_every_seconds=60))


def edited(chapters: Chapters, data: st.DataObject) -> Chapters:
    """Return the chapters after a random edit of one of five kinds."""
    kind = data.draw(st.sampled_from(["insert", "delete", "replace", "move", "append"]))
    at = data.draw(st.integers(0, len(chapters) - 1))
    if kind == "append":
        return (*chapters, tuple(data.draw(st.lists(SENTENCES, min_size=1, max_size=9))))
    if kind == "move":
        others = chapters[:at] + chapters[at + 1 :]
        to = data.draw(st.integers(0, len(others)))
        return (*others[:to], chapters[at], *others[to:])
    place = data.draw(st.integers(0, len(chapters[at]) - 1))
    new = () if kind == "delete" and sum(map(len, chapters)) > 1 else (data.draw(SENTENCES),)
    own = chapters[at]
    own = (*own[:place], *new, *own[place + (kind != "insert") :])
    return tuple(filter(None, (*chapters[:at], own, *chapters[at + 1 :])))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), edits=st.integers(1, 3))
def test_edited_novel_is_the_same_as_one_read_from_nothing(
    novel_encoder: NovelEncoder, data: st.DataObject, edits: int
) -> None:
    with tempfile.TemporaryDirectory() as home:
        author, chapters = fresh(novel_encoder, Path(home) / "author"), CHAPTERS
        read(author, chapters)
        for number in range(edits):
            chapters = edited(chapters, data)
            stranger = fresh(novel_encoder, Path(home) / str(number))
            assert same_readings(read(author, chapters), read(stranger, chapters))
            for entry in stranger.cache.entries():
                own = author.cache.folder / entry.path.name
                assert own.read_bytes() == entry.path.read_bytes(), "the stored readings are the same, too"


def streamed(encoder: NovelEncoder, chapters: Chapters, calls: Calls) -> int:
    calls.lengths.clear()
    read(encoder, chapters)
    return sum(calls.lengths)


def test_edit_is_read_from_the_last_checkpoint(novel_encoder: NovelEncoder, calls: Calls) -> None:
    cold = streamed(novel_encoder, CHAPTERS, calls)
    late = (*CHAPTERS[:-1], (*CHAPTERS[-1][:-1], "Anna left."))
    assert streamed(novel_encoder, late, calls) < cold * 0.3
    middle = (*CHAPTERS[:3], ("Tom was late.", *CHAPTERS[3][1:]), *CHAPTERS[4:])
    assert streamed(novel_encoder, middle, calls) < cold * 0.7
    early = (("Anna came.", *CHAPTERS[0][1:]), *CHAPTERS[1:])
    assert streamed(novel_encoder, early, calls) > cold * 0.9


def test_same_place_is_edited_again_at_the_cost_of_what_follows_it(novel_encoder: NovelEncoder, calls: Calls) -> None:
    def version(word: str) -> Chapters:
        return (*CHAPTERS[:1], (*CHAPTERS[1][:5], f"Anna {word}.", *CHAPTERS[1][6:]), *CHAPTERS[2:])

    cold = streamed(novel_encoder, version("came"), calls)
    assert streamed(novel_encoder, version("left"), calls) > 0.9 * cold, "no checkpoint is as early"
    assert streamed(novel_encoder, version("rose"), calls) < 0.85 * cold


def test_appended_chapter_alone_is_read(novel_encoder: NovelEncoder, calls: Calls) -> None:
    streamed(novel_encoder, CHAPTERS, calls)
    chapter = tuple(f"Tom rowed {number}." for number in range(5))
    added = len(" ".join(chapter).encode())
    assert streamed(novel_encoder, (*CHAPTERS, chapter), calls) < added + 2 * MARK + 16


def test_character_whose_sentences_did_not_change_is_not_read_again(novel_encoder: NovelEncoder, calls: Calls) -> None:
    chapters = (("Tom came.",) * 9, ("Anna left.",) * 30)
    read(novel_encoder, chapters)
    novel, spans = novel_of((("Tom slept.", *chapters[0][1:]), chapters[1]))
    chunks = chunks_of(novel, spans)
    before = len(novel_encoder.cache.entries())
    anna = person(novel, chunks)
    texts = [novel.text[slice(*all_sentences(chunks)[number])] for number in sentences_of(chunks, anna.chunks)]
    assert "Tom slept." not in texts
    novel_encoder.read(novel, chunks, [anna])
    assert len(novel_encoder.cache.entries()) == before + 1, "the novel alone"


def test_version_under_another_name_is_read_on(novel_encoder: NovelEncoder, calls: Calls) -> None:
    cold = streamed(novel_encoder, CHAPTERS, calls)
    calls.lengths.clear()
    read(novel_encoder, (*CHAPTERS, ("Tom rowed.",)), name="Draft 2")
    assert sum(calls.lengths) < cold / 2


def test_other_weights_precision_and_segment_share_no_checkpoint(novel_encoder: NovelEncoder, calls: Calls) -> None:
    cold, late = streamed(novel_encoder, CHAPTERS, calls), (*CHAPTERS, ("Tom rowed.",))
    for other in (
        replace(novel_encoder, encoder=replace(novel_encoder.encoder, weights_sha256="1")),
        replace(novel_encoder, encoder=replace(novel_encoder.encoder, dtype="bf16")),
        replace(novel_encoder, config=replace(novel_encoder.config, segment=SEGMENT // 2)),
    ):
        assert streamed(other, late, calls) > cold


def test_few_checkpoints_are_left_however_often_a_novel_is_edited(novel_encoder: NovelEncoder) -> None:
    places = open_checkpoints(novel_encoder.cache)
    for number in range(8):
        read(novel_encoder, (*CHAPTERS[: number % 5], (f"Anna and Tom {number}.",), *CHAPTERS[number % 5 :]))
        of_novel = [prefix for prefix in places.entries() if not prefix.about["character"]]
        assert 1 <= len(of_novel) <= 5 and len(places.entries()) <= 8


@pytest.mark.parametrize("lost", ["checkpoint", "reading"])
def test_lost_or_damaged_checkpoint_costs_time_alone(
    novel_encoder: NovelEncoder, lost: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(novel_encoder, CHAPTERS)
    if lost == "reading":
        for entry in novel_encoder.cache.entries():
            entry.path.unlink()
    else:
        for prefix in open_checkpoints(novel_encoder.cache).entries():
            data = prefix.path.read_bytes()
            prefix.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    late = (*CHAPTERS, ("Tom rowed.",))
    assert same_readings(read(novel_encoder, late), read(fresh(novel_encoder, tmp_path / "other"), late))


def test_interrupted_reading_of_an_edited_novel_goes_on(
    novel_encoder: NovelEncoder, calls: Calls, tmp_path: Path
) -> None:
    read(novel_encoder, CHAPTERS)
    late = (*CHAPTERS[:3], ("Anna and Tom rowed.",), *CHAPTERS[3:])

    def interrupt(name: str, read: int, total: int) -> None:
        if sum(calls.lengths) > 10 * SEGMENT:
            raise KeyboardInterrupt

    calls.lengths.clear()
    hurried = replace(novel_encoder.config, save_every_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        read(replace(novel_encoder, config=hurried, on_progress=interrupt), late)
    calls.lengths.clear()
    again = read(novel_encoder, late)
    resumed = sum(calls.lengths)
    calls.lengths.clear()
    assert same_readings(again, read(fresh(novel_encoder, tmp_path / "other"), late))
    assert resumed < sum(calls.lengths) - 9 * SEGMENT


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser writes anywhere")
def test_folder_that_takes_no_checkpoints_is_a_warning(
    novel_encoder: NovelEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = novel_encoder.cache.folder / "checkpoints"
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    read(novel_encoder, CHAPTERS)
    assert "an edited version is read from an earlier place" in caplog.text


def test_full_disk_is_found_when_the_reading_is_stored(
    novel_encoder: NovelEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bdh.prefix_cache.save_file", refuse)
    assert read(novel_encoder, CHAPTERS).states
    assert "an edited version is read from an earlier place" in caplog.text
    monkeypatch.setattr("pipeline.storage.cache.save_file", refuse)
    with pytest.raises(CacheError, match="No space left"):
        read(novel_encoder, (*CHAPTERS, ("Tom rowed.",)))
