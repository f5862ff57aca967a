"""A reading that is stopped, killed or damaged ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.reading.novel_encoder import NovelEncoder, all_sentences
from pipeline.storage.cache import ReadingCache
from tests.pipeline.reading.conftest import Calls, Story, own_tokens, same_readings

ROOT = Path(__file__).resolve().parents[3]


class StoppedError(Exception):
    """Stands for whatever ends a process in the middle of a reading."""


def files_of(cache: ReadingCache) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(cache.folder.iterdir())}


@pytest.mark.parametrize("stop", [1, 2, 7, 20, 27, 33, 38])
def test_reading_stopped_anywhere_ends_as_if_never_stopped(
    novel_encoder: NovelEncoder, story: Story, tmp_path: Path, stop: int
) -> None:
    heard = 0

    def stop_there(what: str, read: int, total: int) -> None:
        nonlocal heard
        heard += 1
        if heard == stop:
            raise StoppedError

    broken = replace(novel_encoder, cache=ReadingCache(tmp_path / "broken"), on_progress=stop_there)
    with pytest.raises(StoppedError):
        broken.read(story.novel, story.chunks, [story.anna])
    resumed = replace(broken, on_progress=novel_encoder.on_progress).read(story.novel, story.chunks, [story.anna])
    assert same_readings(resumed, novel_encoder.read(story.novel, story.chunks, [story.anna]))
    assert files_of(broken.cache) == files_of(novel_encoder.cache)


def test_resumed_reading_begins_at_its_last_saved_place(
    novel_encoder: NovelEncoder, story: Story, calls: Calls
) -> None:
    def stop_late(what: str, read: int, total: int) -> None:
        if len(calls.lengths) == 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        replace(novel_encoder, on_progress=stop_late).read(story.novel, story.chunks)
    calls.lengths.clear()
    novel_encoder.read(story.novel, story.chunks)
    whole = own_tokens(story, list(range(len(all_sentences(story.chunks)))))
    assert sum(calls.lengths) == whole - 19 * 64, (
        "the segment in which it was stopped is read again, and none before it"
    )


@pytest.mark.slow
def test_reading_killed_outright_ends_as_if_never_stopped(
    novel_encoder: NovelEncoder, story: Story, stand_in_reader: Path, shelf: Path, tmp_path: Path
) -> None:
    module, cache = "tests.pipeline.reading.slow_reading", ReadingCache(tmp_path / "killed")
    command = [sys.executable, "-m", module, str(stand_in_reader), str(shelf / "Low Water.txt"), str(cache.folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(5):
        assert process.stdout.readline().startswith("Low Water ")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert [entry.finished for entry in cache.entries()] == [False]
    resumed = replace(novel_encoder, cache=cache).read(story.novel, story.chunks, [story.anna])
    assert same_readings(resumed, novel_encoder.read(story.novel, story.chunks, [story.anna]))
    kept = {name: data for name, data in files_of(cache).items() if not name.endswith(".partial")}
    assert kept == files_of(novel_encoder.cache)


def test_damaged_place_is_read_from_the_beginning(novel_encoder: NovelEncoder, story: Story, calls: Calls) -> None:
    def stop_late(what: str, read: int, total: int) -> None:
        if len(calls.lengths) == 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        replace(novel_encoder, on_progress=stop_late).read(story.novel, story.chunks)
    (place,) = novel_encoder.cache.folder.iterdir()
    place.write_bytes(place.read_bytes()[:-1])
    calls.lengths.clear()
    novel_encoder.read(story.novel, story.chunks)
    assert sum(calls.lengths) == own_tokens(story, list(range(len(all_sentences(story.chunks)))))


def test_damaged_reading_is_read_anew(novel_encoder: NovelEncoder, story: Story, calls: Calls) -> None:
    first = novel_encoder.read(story.novel, story.chunks)
    (path,) = novel_encoder.cache.folder.iterdir()
    path.write_bytes(b"junk")
    calls.lengths.clear()
    assert same_readings(first, novel_encoder.read(story.novel, story.chunks))
    assert calls.lengths
