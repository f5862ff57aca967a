"""A disk that is full, a folder that refuses files, two processes that want the same: clear words, and nothing lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bdh.cli import main as bdh_main
from bdh.files import locked
from pipeline.cli import judge_main
from pipeline.config import PipelineConfig
from pipeline.errors import CacheError
from pipeline.reading.bdh_adapter import load_encoder
from pipeline.reading.novel_encoder import NovelEncoder
from pipeline.storage.cache import ReadingCache
from tests.pipeline.command_line import contents, refused, run
from tests.pipeline.little_story import BACKSTORY, TEXT
from tests.pipeline.reading.conftest import make_story, same_readings

resource = pytest.importorskip("resource", reason="limits of a process are a thing of Unix")
ROOT = Path(__file__).resolve().parents[2]


def gpu_is_full() -> None:
    """Raise what torch raises on a GPU without room."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@contextmanager
def nearly_full_disk(largest: int) -> Iterator[None]:
    """Let the system refuse to write a file beyond so many bytes, as a disk without room does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def asked(shelf: Path, stand_in_reader: Path, tmp_path: Path) -> list[object]:
    """The flags of a good run, but for its folders."""
    backstory = tmp_path / "backstory.txt"
    backstory.write_text(BACKSTORY, encoding="utf-8")
    who = ["--target_character", "Anna Reed", "--backstory_file", backstory, "--novels_dir", shelf]
    return [*who, "--model_dir", stand_in_reader, "--device", "cpu", "--dtype", "fp32", "--threads", 1]


@pytest.fixture
def novel_encoder(stand_in_reader: Path, stand_in_config: PipelineConfig, tmp_path: Path) -> NovelEncoder:
    """The stand-in with a cache of its own."""
    config = stand_in_config.reading
    return NovelEncoder(load_encoder(config, folder=stand_in_reader), ReadingCache(tmp_path / "cache"), config)


def test_full_disk_is_said_and_loses_nothing(asked: list[object], tmp_path: Path) -> None:
    places = ["--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache"]
    assert run(judge_main, *asked, "--out_dir", tmp_path / "whole", "--cache_dir", tmp_path / "other").status == 0
    seen = set()
    for largest in (300, 3_000, 9_000, 30_000):
        with nearly_full_disk(largest):
            line = refused(judge_main, *asked, *places)
        seen.add(line.split(":")[1].split("(")[0])
        assert "File too large" in line or "disk I/O error" in line, "the system's words, or SQLite's for the same"
        assert "--cache_dir" in line or "--out_dir" in line
        assert all(contents(tmp_path / "whole").get(name) == data for name, data in contents(tmp_path / "out").items())
    assert len(seen) > 1, "it failed in the cache and in the artefacts"
    assert run(judge_main, *asked, *places).status == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    with nearly_full_disk(3_000):
        assert "File too large" in refused(judge_main, *asked, *places, "--ignore_waivers")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole"), "what stood there before is whole"


def test_disk_that_is_full_is_called_full(asked: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    line = refused(judge_main, *asked, "--out_dir", tmp_path / "out")
    assert "the disk is full" in line and "free some space" in line
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize("flag", ["--out_dir", "--cache_dir"])
def test_folder_that_refuses_files_is_known_at_once(asked: list[object], tmp_path: Path, flag: str) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    places = {"--out_dir": tmp_path / "out", "--cache_dir": tmp_path / "cache", flag: tmp_path / "file" / "below"}
    line = refused(judge_main, *asked, *[word for pair in places.items() for word in pair])
    assert str(tmp_path / "file") in line and flag in line
    assert not (tmp_path / "out" / "report.html").exists()


def test_training_on_a_full_disk_keeps_its_last_place(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    sizes = ["--n_layer", 1, "--n_embd", 8, "--n_head", 2, "--mlp_internal_dim_multiplier", 2, "--device", "cpu"]
    length = ["--eval_interval", 2, "--seq_len", 16, "--batch_size", 2, "--sample_tokens", 0, "--eval_tokens", 50]
    words = ["train", "--data", tmp_path / "text.txt", *sizes, *length]
    assert run(bdh_main, *words, "--out", tmp_path / "whole", "--max_iters", 6).status == 0
    assert run(bdh_main, *words, "--out", tmp_path / "run", "--max_iters", 2).status == 0
    before = contents(tmp_path / "run" / "last")
    with nearly_full_disk(400):
        line = refused(bdh_main, *words, "--out", tmp_path / "run", "--max_iters", 6, "--resume")
    assert "File too large" in line
    assert contents(tmp_path / "run" / "last") == before
    assert run(bdh_main, *words, "--out", tmp_path / "run", "--max_iters", 6, "--resume").status == 0
    ended, whole = (contents(tmp_path / name / "last") for name in ("run", "whole"))
    assert ended["model.safetensors"] == whole["model.safetensors"]
    assert not any(name.endswith(".partial") or name.startswith(".tmp") for name in ended)


@pytest.mark.slow
def test_of_two_processes_one_reads_and_the_other_takes_what_it_read(
    novel_encoder: NovelEncoder, shelf: Path, stand_in_reader: Path, caplog: pytest.LogCaptureFixture
) -> None:
    story, cache = make_story(shelf / "Low Water.txt"), novel_encoder.cache
    module = "tests.pipeline.reading.slow_reading"
    words = [str(stand_in_reader), str(shelf / "Low Water.txt"), str(cache.folder), "0.02"]
    heard: list[str] = []
    process = subprocess.Popen([sys.executable, "-m", module, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Low Water ")
    own = replace(novel_encoder, on_progress=lambda what, read, total: heard.append(what))
    reading = own.read(story.novel, story.chunks)
    process.communicate()
    assert process.returncode == 0
    assert heard == [] and "another process is reading this" in caplog.text
    assert same_readings(
        reading, replace(own, cache=ReadingCache(cache.folder.parent / "own")).read(story.novel, story.chunks)
    )
    assert all(path.name.endswith(".reading.safetensors") for path in cache.folder.iterdir())


def test_many_readers_of_one_cache_read_each_novel_once(novel_encoder: NovelEncoder, shelf: Path) -> None:
    story, lock, read_by = make_story(shelf / "Low Water.txt"), threading.Lock(), set()

    def hear(what: str, read: int, total: int) -> None:
        with lock:
            read_by.add((what, threading.get_ident()))

    found: list[object] = []
    readers = [
        threading.Thread(
            target=lambda: found.append(replace(novel_encoder, on_progress=hear).read(story.novel, story.chunks))
        )
        for _ in range(4)
    ]
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()
    assert len(found) == 4 and len(read_by) == 1
    assert [path.suffix for path in novel_encoder.cache.folder.iterdir()] == [".safetensors"]


def test_lock_of_a_process_that_is_gone_blocks_nobody(novel_encoder: NovelEncoder, shelf: Path) -> None:
    story, cache = make_story(shelf / "Low Water.txt"), novel_encoder.cache
    novel_encoder.read(story.novel, story.chunks)
    (kept,) = cache.folder.iterdir()
    key = kept.name.split(".")[0]
    kept.unlink()
    (cache.folder / f"{key}.lock").write_text("4711")
    (cache.folder / f"{key}.reading.safetensors.4711.partial").write_bytes(b"half")
    novel_encoder.read(story.novel, story.chunks)
    assert list(cache.folder.iterdir()) == [kept]


def test_failed_reading_lets_go_of_its_lock(tmp_path: Path) -> None:
    cache = ReadingCache(tmp_path / "cache")
    cache.prepare()
    with pytest.raises(KeyError), cache.locked("key"):
        raise KeyError
    with cache.locked("key"):
        pass
    assert list(cache.folder.iterdir()) == []
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(CacheError, match="--cache_dir"), ReadingCache(tmp_path / "file" / "below").locked("key"):
        pass


@pytest.mark.parametrize("ask", [lambda: torch.empty(1 << 50), lambda: bytearray(1 << 60), gpu_is_full])
def test_lack_of_memory_is_one_line(
    ask: Callable[[], object], shelf: Path, stand_in_reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NovelEncoder, "read", lambda *_, **__: ask())
    (tmp_path / "backstory.txt").write_text(BACKSTORY, encoding="utf-8")
    asked = ["--target_character", "Anna Reed", "--backstory_file", tmp_path / "backstory.txt", "--novels_dir", shelf]
    said = refused(judge_main, *asked, "--model_dir", stand_in_reader, "--out_dir", tmp_path, "--cache_dir", tmp_path)
    assert "there is not enough memory" in said


def test_lack_of_memory_is_one_line_of_the_library_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdh.cli.parse", lambda _: torch.empty(1 << 50))
    assert "there is not enough memory" in refused(bdh_main)


def test_folder_of_a_training_takes_no_second_one(tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text(TEXT, encoding="utf-8")
    sizes = ["--n_layer", "1", "--n_embd", "8", "--n_head", "2", "--batch_size", "1", "--seq_len", "8"]
    train = ["train", "--data", text, "--out", out, "--max_iters", "1", "--device", "cpu", *sizes]
    with locked(out):
        assert "another training writes to" in refused(bdh_main, *train)
        assert "another training writes to" in refused(bdh_main, *train, "--resume")
        assert [path.name for path in out.iterdir()] == [".training.lock"]
    refused(bdh_main, *train, "--n_head", "3")
    assert not out.exists()
    assert run(bdh_main, *train).status == 0
    assert (out / "last").is_dir() and not (out / ".training.lock").exists()


def test_other_failures_of_torch_are_not_called_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bdh.cli.parse", lambda _: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError):
        bdh_main([])


def test_jax_is_left_alone(tmp_path: Path) -> None:
    """It would take most of a GPU; bm25s starts it where it is installed."""
    (tmp_path / "jax").mkdir()
    for name in ("__init__", "lax"):
        (tmp_path / "jax" / f"{name}.py").write_text("raise SystemExit('JAX was started')", encoding="utf-8")
    script = "import pipeline.retrieval.fusion, pipeline.report.passages, sys; assert 'jax' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plain = subprocess.run([sys.executable, "-c", "import bm25s"], env=environment, capture_output=True, check=False)
    assert b"JAX was started" in plain.stderr, "bm25s no longer starts JAX: pipeline/language/bm25.py may go"
