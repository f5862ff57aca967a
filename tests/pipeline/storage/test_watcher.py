"""A change is reported once, when the last of its files is written, however a program saves."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.storage import watcher
from pipeline.storage.watcher import Stamp, changed_paths, stamp_of, wait_for_change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two chapters."""
    folder = tmp_path / "book"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.md").write_text("Once.", encoding="utf-8")
    return folder


def _replace(folder: Path) -> None:
    scratch = folder / ".1.md.swp"
    scratch.write_text("Twice.", encoding="utf-8")
    os.replace(scratch, folder / "1.md")


def _remove_and_write(folder: Path) -> None:
    (folder / "1.md").unlink()
    time.sleep(0.1)
    (folder / "1.md").write_text("Twice.", encoding="utf-8")


def _write_several(folder: Path) -> None:
    for number in range(1, 6):
        (folder / f"{number}.md").write_text("Twice.", encoding="utf-8")
        time.sleep(0.1)


def _write_in_pieces(folder: Path) -> None:
    with (folder / "1.md").open("w", encoding="utf-8") as file:
        for piece in "Twice.":
            file.write(piece)
            file.flush()
            time.sleep(0.05)


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder)
    time.sleep(0.1)
    folder.mkdir()
    (folder / "1.md").write_text("Twice.", encoding="utf-8")


def _waited(folder: Path, act: Callable[[Path], None]) -> tuple[Stamp, Stamp]:
    """Return the state before, and what the wait returned while ``act`` was done a little later."""
    seen = stamp_of(folder.glob("*.md"))
    later = threading.Timer(0.6, act, [folder])
    later.start()
    found = wait_for_change(lambda: list(folder.glob("*.md")), seen)
    later.join()
    return seen, found


@pytest.mark.parametrize("act", [_replace, _remove_and_write, _write_several, _write_in_pieces, _make_anew])
def test_save_is_one_change_that_is_complete(act: Callable[[Path], None], folder: Path) -> None:
    seen, found = _waited(folder, act)
    assert found == stamp_of(folder.glob("*.md"))
    assert (folder / "1.md").read_text(encoding="utf-8") == "Twice."
    assert folder / "1.md" in changed_paths(seen, found)


def test_removed_file_is_a_change(folder: Path) -> None:
    seen, found = _waited(folder, lambda folder: (folder / "2.md").unlink())
    assert changed_paths(seen, found) == [folder / "2.md"]


def test_change_made_before_the_wait_is_noticed_at_once(folder: Path) -> None:
    seen = stamp_of(folder.glob("*.md"))
    _write_several(folder)
    began = time.monotonic()
    found = wait_for_change(lambda: list(folder.glob("*.md")), seen)
    assert len(changed_paths(seen, found)) == 5
    assert time.monotonic() - began < watcher._POLL_SECONDS


def test_file_that_does_not_count_is_no_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(watcher, "_wait_for_event", lambda folders: (looks.append(folders), _second(looks, folder)))
    seen = stamp_of(folder.glob("*.md"))
    wait_for_change(lambda: list(folder.glob("*.md")), seen)
    assert looks == [{folder}] * 2


def _second(looks: list[object], folder: Path) -> None:
    """Write a file that does not count at the first look, and a chapter at the second."""
    (folder / ("notes.swp" if len(looks) == 1 else "3.md")).write_text("x", encoding="utf-8")


def test_change_is_noticed_without_events(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Path, **settings: object) -> None:
        raise OSError("no more watches")

    monkeypatch.setattr(watcher, "watch", refuse)
    monkeypatch.setattr(watcher, "_POLL_SECONDS", 0.1)
    seen, found = _waited(folder, _replace)
    assert changed_paths(seen, found) == [folder / "1.md"]
