"""Readings at an address: one cache for many machines, whose files are complete or absent."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from pipeline.cli import main
from pipeline.errors import CacheError
from pipeline.storage.answers import open_answers
from pipeline.storage.cache import ENVIRONMENT, Arrays, ReadingCache
from pipeline.storage.remote import RemoteCache, open_cache
from tests.pipeline.command_line import run
from tests.pipeline.storage.test_cache import ABOUT, ARRAYS


@pytest.fixture
def address() -> str:
    """An object store of this process, empty."""
    return f"memory://{uuid.uuid4().hex}/readings"


@pytest.fixture
def files() -> Any:
    return fsspec.filesystem("memory")


def node(address: str, folder: Path) -> RemoteCache:
    """Return the cache of a machine whose local copies are in ``folder``."""
    return RemoteCache(address, folder)


def is_whole(found: Arrays | None) -> bool:
    return found is not None and all(np.array_equal(found[name], array) for name, array in ARRAYS.items())


def test_reading_of_one_machine_is_found_by_another(address: str, files: Any, tmp_path: Path) -> None:
    one, other = node(address, tmp_path / "one"), node(address, tmp_path / "other")
    one.prepare()
    one.store("k", ARRAYS, about=ABOUT)
    one.store_spans("s", {"sentences": [[0, 3], [4, 9]]}, about=ABOUT)
    assert is_whole(other.load("k"))
    assert other.load_spans("s") == {"sentences": [[0, 3], [4, 9]]}
    assert other.load("nothing") is None
    plain = ReadingCache(tmp_path / "plain")
    plain.store("k", ARRAYS, about=ABOUT)
    (whole,) = plain.folder.iterdir()
    assert files.cat_file(f"{address}/{whole.name}") == whole.read_bytes()
    files.rm(address, recursive=True)
    assert is_whole(other.load("k")), "there is a local copy"


def test_reading_begun_by_one_machine_is_finished_by_another(address: str, tmp_path: Path) -> None:
    one, other = node(address, tmp_path / "one"), node(address, tmp_path / "other")
    one.store_unfinished("k", {"done": np.array(7)}, about=ABOUT)
    begun = other.load_unfinished("k")
    assert begun is not None and int(begun["done"]) == 7
    other.store_unfinished("k", {"done": np.array(9)}, about=ABOUT)
    further = one.load_unfinished("k")
    assert further is not None and int(further["done"]) == 9, "the local copy is older"
    other.store("k", ARRAYS, about=ABOUT)
    assert [entry.finished for entry in one.entries()] == [True]


def test_file_is_complete_or_absent(address: str, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = node(address, tmp_path / "one")

    def break_off(self: Any, local: str, remote: str, **settings: Any) -> None:
        self.pipe_file(remote, Path(local).read_bytes()[:100])
        raise ConnectionResetError("the line broke")

    with monkeypatch.context() as patched, pytest.raises(CacheError, match=r"the line broke.*--cache_dir"):
        patched.setattr(type(files), "put_file", break_off)
        one.store("k", ARRAYS, about=ABOUT)
    assert files.ls(address) == []
    assert node(address, tmp_path / "other").load("k") is None


def test_damage_of_either_copy_is_detected(address: str, files: Any, tmp_path: Path) -> None:
    one, other = node(address, tmp_path / "one"), node(address, tmp_path / "other")
    one.store("k", ARRAYS, about=ABOUT)
    (near,) = one.folder.iterdir()
    near.write_bytes(near.read_bytes()[:-1])
    assert is_whole(one.load("k")), "the file is downloaded again in place of the damaged copy"
    name = f"{address}/{near.name}"
    files.pipe_file(name, files.cat_file(name)[:-1])
    assert other.load("k") is None
    other.store("k", ARRAYS, about=ABOUT)
    assert is_whole(node(address, tmp_path / "third").load("k"))


def test_places_are_folders_or_addresses(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "home"))
    for place in (str(tmp_path / "a"), tmp_path / "a", f"file://{tmp_path / 'a'}"):
        opened = open_cache(place)
        assert type(opened) is ReadingCache and opened.folder == tmp_path / "a"
    assert open_cache(None).folder == tmp_path / "home"
    remote = open_cache(address)
    assert remote.place == address and remote.folder.is_relative_to(tmp_path / "home" / "near")
    monkeypatch.setenv(ENVIRONMENT, address)
    assert open_cache(None).place == address
    with pytest.raises(CacheError, match="nosuch://"):
        open_cache("nosuch://a")


def test_command_shows_and_clears_the_files_at_an_address(address: str, files: Any, tmp_path: Path) -> None:
    open_cache(address).store("k", ARRAYS, about=ABOUT)
    open_answers(open_cache(address)).store("k", [1])
    files.pipe_file(f"{address}/broken.reading.safetensors", b"?")
    files.pipe_file(f"{address}/mine.txt", b"mine")
    shown = run(main, "cache", "show", "--cache_dir", address).out
    assert [line.split("MB")[-1].strip() for line in shown[:-1]] == ["(damaged): whole novel", "Low Water: Anna Reed"]
    assert shown[-1] == f"2 readings, 0 checkpoints and 1 answers in {address}"
    assert run(main, "cache", "path", "--cache_dir", address).out == [address]
    assert run(main, "cache", "clear", "--cache_dir", address).out == [
        f"removed 2 readings, 0 checkpoints and 1 answers from {address}"
    ]
    assert [name.rsplit("/", 1)[-1] for name in files.ls(address, detail=False)] == ["mine.txt"]
