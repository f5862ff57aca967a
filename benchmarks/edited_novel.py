"""An edited novel compared with one that was never read, and what the checkpoints take on disk.

A synthetic novel of 370 KB is opened and read with its main character by the shipped encoder, into an empty cache. From
a copy of that cache the same is done after one edit. Times are seconds of the processor, so that other work on the
machine counts little; loading the models is in neither.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.measurement import Measurement
from benchmarks.synthetic_novel import cast, write_novel
from pipeline.reading.checkpoints import open_checkpoints
from pipeline.run import Pipeline

TESTS = ("tests/pipeline/reading/test_checkpoints.py", "tests/bdh/test_prefix_cache.py")
ALONE = True
"""Reads a novel of 370 KB twice from its beginning: run only if it is named."""
SIZE = 370_000
_CHAPTER = 12_000


def _word_at(share: float) -> Callable[[str], str]:
    """Return an edit that replaces the first word of the paragraph at this share of a text."""

    def edit(text: str) -> str:
        start = text.index("\n\n", int(share * len(text))) + 2
        end = text.index(" ", start)
        return text[:start] + "Nobody" + text[end:]

    return edit


def _append(text: str) -> str:
    """Return the text with its first paragraphs once more, as another chapter."""
    return f"{text.rstrip()}\n\nChapter 99. The end\n\n{text[:_CHAPTER].split(chr(10), 2)[2].rstrip()}\n"


EDITS = {"a word at 90%": _word_at(0.9), "a word at 50%": _word_at(0.5), "a chapter appended": _append}


def measure() -> Iterator[Measurement]:
    """Yield the seconds of the cold reading, the share of each edit, and the bytes on disk."""
    with tempfile.TemporaryDirectory(prefix="edited") as name:
        home = Path(name)
        path = write_novel(home / "Draft.txt", size=SIZE, people=12)
        text = path.read_text(encoding="utf-8")
        pipeline = Pipeline(cache_dir=home / "cache")
        _ = pipeline.encoder, pipeline.models.books.tagger
        cold, tokens = _read(pipeline, path)
        yield Measurement("read from nothing", cold, "s", f"of processor time, {len(text) / 1000:,.0f} KB")
        yield Measurement("read from nothing", tokens, "tokens", "the novel and its main character")
        stored = open_checkpoints(pipeline.models.cache).entries()
        size = sum(file.stat().st_size for file in (home / "cache").rglob("*") if file.is_file())
        yield Measurement("cache of the novel", size / 1e6, "MB", f"with {len(stored)} checkpoints")
        for number, (what, edit) in enumerate(EDITS.items()):
            shutil.copytree(home / "cache", home / str(number))
            path.write_text(edit(text), encoding="utf-8")
            own = replace(pipeline, cache_dir=home / str(number))
            vars(own.models).update(encoder=pipeline.encoder)
            _ = own.models.books.tagger
            seconds, read = _read(own, path)
            yield Measurement(f"{what}: compared with read from nothing", 100 * seconds / cold, "%", "processor time")
            yield Measurement(f"{what}: compared with read from nothing", 100 * read / tokens, "%", "tokens read")


def _read(pipeline: Pipeline, path: Path) -> tuple[float, int]:
    """Open and read a novel with its main character; return the seconds of the processor and the tokens read."""
    counted, segment = [0], pipeline.config.reading.segment

    def count(name: str, read: int, total: int) -> None:
        counted.append(read if read <= segment else 0)  # a stream that goes on reports at once what was read before

    began = time.process_time()
    own = pipeline.fork(on_progress=count)
    book = own.open_book(path)
    own.read(book, [own.find_character(book, cast(1)[0])])
    return time.process_time() - began, sum(counted)
