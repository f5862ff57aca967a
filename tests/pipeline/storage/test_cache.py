"""Readings on disk: complete or absent, checked for damage, named by everything that they depend on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from pipeline.errors import CacheError
from pipeline.storage.cache import ENVIRONMENT, FORMAT_VERSION, ReadingCache, default_folder, make_key

ARRAYS = {
    "hidden": np.arange(6, dtype=np.float16).reshape(2, 3),
    "nats": np.array([0.5, 1.5]),
    "done": np.array(7),
    "none": np.zeros((0, 3), np.float32),
}
ABOUT = {"novel": "Low Water", "character": "Anna Reed", "sentences": "2"}
PARTS = {"novel": "a", "sentences": "b", "character": "", "weights": "w", "dtype": "fp32", "segment": 512}


@pytest.fixture
def cache(tmp_path: Path) -> ReadingCache:
    """An empty cache."""
    return ReadingCache(tmp_path / "cache")


def only_file(cache: ReadingCache) -> Path:
    (path,) = cache.folder.iterdir()
    return path


def test_cache_returns_the_stored_reading(cache: ReadingCache) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    loaded = cache.load("k")
    assert loaded is not None and loaded.keys() == ARRAYS.keys()
    assert all(
        np.array_equal(loaded[name], array) and loaded[name].dtype == array.dtype for name, array in ARRAYS.items()
    )


def test_cache_has_nothing_under_another_key(cache: ReadingCache) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    assert cache.load("other") is None
    assert cache.load_unfinished("k") is None


def test_cache_writes_equal_readings_as_equal_bytes(tmp_path: Path) -> None:
    written = []
    for number in range(8):
        cache = ReadingCache(tmp_path / str(number))
        cache.store("k", dict(sorted(ARRAYS.items(), reverse=bool(number % 2))), about=ABOUT)
        written.append(only_file(cache).read_bytes())
    assert len(set(written)) == 1


def test_cache_writes_the_bytes_that_its_format_version_promises(cache: ReadingCache) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    written = hashlib.sha256(only_file(cache).read_bytes()).hexdigest()
    promised = "c322f59f93ea3fc0e26465a35f49d8c2bd81eecbaf9c571588d5e22ef5019a55"
    assert (FORMAT_VERSION, written) == ("2", promised), "other bytes than before: raise FORMAT_VERSION"


def test_cache_removes_the_unfinished_reading_once_it_is_finished(cache: ReadingCache) -> None:
    cache.store_unfinished("k", ARRAYS, about=ABOUT)
    assert cache.load_unfinished("k") is not None
    cache.store("k", ARRAYS, about=ABOUT)
    assert cache.load_unfinished("k") is None
    assert len(cache.entries()) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_cache_detects_any_damaged_number(cache: ReadingCache, place: float, mask: int) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    path = only_file(cache)
    data = bytearray(path.read_bytes())
    numbers = 8 + int.from_bytes(data[:8], "little")
    data[numbers + int(place * (len(data) - numbers))] ^= mask
    path.write_bytes(data)
    assert cache.load("k") is None
    assert not path.exists(), "a damaged file is removed, so that the novel is read again"


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_cache_detects_a_truncated_file(cache: ReadingCache, keep: int) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    path = only_file(cache)
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load("k") is None


def test_cache_detects_a_file_of_another_kind(cache: ReadingCache) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    save_file(ARRAYS, str(only_file(cache)), {"format": "pt"})
    assert cache.load("k") is None


def test_cache_logs_that_a_reading_was_damaged(cache: ReadingCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    only_file(cache).write_bytes(b"\xff" * 64)
    assert cache.load("k") is None
    assert "damaged" in caplog.text


@pytest.mark.parametrize("name", PARTS)
def test_key_reacts_to_every_part(name: str) -> None:
    assert make_key(PARTS) != make_key({**PARTS, name: "changed"})


def test_key_does_not_depend_on_the_order_of_its_parts() -> None:
    assert make_key(PARTS) == make_key(dict(reversed(PARTS.items())))


def test_cache_lists_its_readings(cache: ReadingCache) -> None:
    assert cache.entries() == ()
    cache.store("one", ARRAYS, about=ABOUT)
    cache.store_unfinished("two", ARRAYS, about={**ABOUT, "character": ""})
    (cache.folder / "mine.txt").write_text("not a reading", encoding="utf-8")
    entries = cache.entries()
    assert [(entry.finished, entry.about["character"]) for entry in entries] == [(True, "Anna Reed"), (False, "")]
    assert all(entry.size == entry.path.stat().st_size for entry in entries)


def test_cache_lists_a_damaged_file_too(cache: ReadingCache) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    only_file(cache).write_bytes(b"junk")
    assert [entry.about["novel"] for entry in cache.entries()] == ["(damaged)"]


def test_cache_clears_readings_scratch_files_and_nothing_else(cache: ReadingCache) -> None:
    cache.store("one", ARRAYS, about=ABOUT)
    cache.store_unfinished("two", ARRAYS, about=ABOUT)
    (cache.folder / ".three.reading.safetensors.123.partial").write_bytes(b"half")
    (cache.folder / "four.claims.json").write_text("[1]", encoding="utf-8")
    (cache.folder / "mine.txt").write_text("not a reading", encoding="utf-8")
    assert cache.clear() == 2
    assert only_file(cache).name == "mine.txt"
    assert cache.clear() == 0


def test_cache_folder_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv(ENVIRONMENT)
    assert default_folder().name == "bdh-narrative"


def test_cache_that_cannot_be_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    cache = ReadingCache(tmp_path / "file" / "cache")
    for act in (cache.prepare, lambda: cache.store("k", ARRAYS, about=ABOUT)):
        with pytest.raises(CacheError, match="--cache_dir"):
            act()


def test_cache_leaves_no_scratch_file_when_the_name_is_taken(cache: ReadingCache) -> None:
    (cache.folder / "k.reading.safetensors").mkdir(parents=True)
    with pytest.raises(CacheError):
        cache.store("k", ARRAYS, about=ABOUT)
    assert [path.name for path in cache.folder.iterdir()] == ["k.reading.safetensors"]


def test_cache_file_has_its_description_in_the_header(cache: ReadingCache) -> None:
    cache.store("k", ARRAYS, about=ABOUT)
    data = only_file(cache).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["reading"])["about"] == ABOUT
