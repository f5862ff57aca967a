"""The command itself: it prints its address, answers there, and refuses wrong flags in one line."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from flask import Flask

from pipeline.cli import main
from pipeline.serve import server
from tests.pipeline.command_line import refused

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def words(stand_in_reader: Path, shelf: Path, tmp_path: Path) -> list[str]:
    """The flags of a good start, on any free port."""
    novels = tmp_path / "novels"
    shutil.copytree(shelf, novels)
    machine = ["--model_dir", str(stand_in_reader), "--device", "cpu", "--threads", "1"]
    places = ["--novels_dir", str(novels), "--out_dir", str(tmp_path / "out"), "--cache_dir", str(tmp_path / "cache")]
    return ["serve", "--port", "0", *machine, *places]


def _restore_interrupts() -> None:
    """Undo that a shell makes background processes ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_desk_prints_its_address_answers_and_stops_when_interrupted(words: list[str]) -> None:
    command = [sys.executable, "-m", "pipeline", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=_restore_interrupts, **pipes) as desk:
        assert desk.stdout is not None
        line = desk.stdout.readline()
        found = re.fullmatch(r"the desk is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C stops it\)\n", line)
        assert found, line
        with urllib.request.urlopen(found[1], timeout=30) as answer:
            assert "Low Water" in answer.read().decode("utf-8")
        desk.send_signal(signal.SIGINT)
        rest, errors = desk.communicate(timeout=30)
    assert desk.returncode == 0 and rest.startswith("stopped; ") and "Traceback" not in errors


@pytest.mark.parametrize("host, shown", [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
def test_address_that_is_printed_is_one_for_a_browser(host: str, shown: str) -> None:
    listening = server._listen(Flask("desk"), host, 0)
    try:
        assert re.fullmatch(rf"{re.escape(shown)}:\d+", server._shown(listening))
    finally:
        listening.close()


def test_port_that_is_taken_is_explained(words: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "choose another --host or --port" in refused(main, *words, "--port", port)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--host", "example.org"], "host is 'example.org'; expected localhost or a numeric address"),
        (["--port", "70000"], "port is 70000; it must lie between 1 and 65535"),
        (["--max_upload_mb", "0"], "max_upload_mb is 0; it must lie between 1 and 1000"),
        (["--model_dir", "nowhere"], "nowhere"),
    ],
)
def test_bad_flag_is_explained(words: list[str], flags: list[str], said: str) -> None:
    assert said in refused(main, *words, *flags)


def test_settings_of_the_desk_may_stand_in_a_file(words: list[str], tmp_path: Path) -> None:
    settings = tmp_path / "desk.toml"
    settings.write_text("max_upload_mb = 0\n", encoding="utf-8")
    assert "max_upload_mb is 0" in refused(main, *words, "--config", settings)
    settings.write_text("folds = 3\n", encoding="utf-8")
    assert "sets folds; expected names of flags" in refused(main, *words, "--config", settings)


def test_default_folder_of_novels_is_made_with_the_bundled_story(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = words.index("--novels_dir")
    flags = [*words[:place], *words[place + 2 :], "--port", "70000"]
    (tmp_path / "novels").rename(tmp_path / "mine")
    refused(main, *flags)
    story = tmp_path / "novels" / "The Unlit Hour.txt"
    assert story.read_bytes() == (ROOT / "novels" / story.name).read_bytes()
    story.unlink()
    refused(main, *flags)
    assert not story.exists(), "a folder that is there stays as the user left it"
