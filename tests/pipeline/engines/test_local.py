"""``python -m pipeline read`` and the engine of one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import dataset_main, main
from pipeline.commands.progress import LibraryProgress
from pipeline.config import EngineConfig
from pipeline.errors import SettingError
from tests.pipeline.command_line import contents, refused, run
from tests.pipeline.engines.conftest import NOVELS


@pytest.fixture
def asked(stand_in_reader: Path, library: Path) -> list[object]:
    """The flags of a reading of the library."""
    machine = ["--model_dir", stand_in_reader, "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    return ["read", "--novels_dir", library, *machine]


@pytest.mark.slow
def test_library_is_read_once_and_a_novel_that_fails_is_listed(asked: list[object], tmp_path: Path) -> None:
    said = run(main, *asked, "--cache_dir", tmp_path)
    assert said.status == 3
    assert said.out[0].startswith(f"{NOVELS} novels read now (") and said.out[0].endswith("0 were cached already")
    (failed,) = said.out[1:]
    assert failed.startswith("failed: Blank.txt: ") and "holds no words" in failed
    kept = contents(tmp_path)
    again = run(main, *asked, "--cache_dir", tmp_path)
    assert again.out == [f"0 novels read now (0 tokens), {NOVELS} were cached already", failed]
    assert contents(tmp_path) == kept


@pytest.mark.slow
def test_interrupted_reading_goes_on(asked: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    show, seen = LibraryProgress.read, list[int]()

    def stop_in_the_third(self: LibraryProgress, name: str, read: int, total: int) -> None:
        seen.append(read)
        if name == "Novel 2" and sum(seen) > 6000:
            raise KeyboardInterrupt
        show(self, name, read, total)

    with monkeypatch.context() as patched:
        patched.setattr(LibraryProgress, "read", stop_in_the_third)
        assert run(main, *asked, "--cache_dir", tmp_path / "stopped").status == 130
    assert "2 were cached already" in run(main, *asked, "--cache_dir", tmp_path / "stopped").out[0]
    run(main, *asked, "--cache_dir", tmp_path / "whole")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_bar_counts_bytes_of_novels_that_are_done(tmp_path: Path) -> None:
    sizes = {tmp_path / "a.txt": 100, tmp_path / "b.txt": 50}
    with LibraryProgress(sizes) as bar:
        bar.read("a", 30, 60)
        assert bar._bar.n == 50
        bar.finish(tmp_path / "a.txt", failed=False)
        assert bar._bar.n == 100
        bar.finish(tmp_path / "b.txt", failed=True)
        assert (bar._bar.n, bar._bar.desc.strip(": ")) == (150, "2 of 2 novels, 1 failed")


def test_flags_of_the_engines_are_checked(asked: list[object], tmp_path: Path) -> None:
    for flags in (["--ray_address", "auto"], ["--workers", "2"], ["--engine", "dask"], ["--workers", "-1"]):
        assert "engine" in refused(main, *asked, *flags) or "workers" in refused(main, *asked, *flags)
    (tmp_path / "none").mkdir()
    assert "holds no novel" in refused(main, *asked, "--novels_dir", tmp_path / "none")
    groq = ["--engine", "ray", "--llm", "judge", "--train_csv", tmp_path, "--test_csv", tmp_path]
    assert refused(dataset_main, *groq)
    with pytest.raises(SettingError, match="one of local, ray"):
        EngineConfig("spark")
