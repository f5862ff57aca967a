"""The commands of an environment into which ``make wheel`` installed the wheels; skipped without one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import pytest

PLACE = os.environ.get("INSTALLED", "")
DIST = Path(__file__).resolve().parents[2] / "dist"
LARGEST_WHEEL = 100_000_000
"""Bytes that PyPI accepts in a file, by default."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PLACE, reason="INSTALLED does not name an environment: `make wheel` makes one"),
]


def run(folder: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment, found on the path, in a folder outside the clone."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    settings = {**bare, "PATH": f"{PLACE}/bin{os.pathsep}{os.environ['PATH']}", "BDH_CACHE_DIR": str(folder / "cache")}
    return subprocess.run([program, *words], cwd=folder, env=settings, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is empty at first."""
    return tmp_path_factory.mktemp("user")


def test_demo_reaches_a_verdict_and_writes_a_report(folder: Path) -> None:
    done = run(folder, "novel-check", "demo")
    assert done.returncode == 0, done.stderr
    *_, verdict, report = done.stdout.splitlines()
    assert verdict.startswith("Hester Lanyon in The Unlit Hour: inconsistent (")
    assert report == "report: outputs/report.html"
    assert "<html" in (folder / "outputs" / "report.html").read_text(encoding="utf-8")
    manifest = json.loads((folder / "outputs" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["weights"] and manifest["packages"]["bdh-narrative"]


def test_sheets_are_judged_by_their_names(folder: Path) -> None:
    (folder / "book").mkdir()
    (folder / "sheets").mkdir()
    story = next(Path(PLACE).rglob("pipeline/bundled/novels/The Unlit Hour.txt"))
    (folder / "book" / story.name).write_bytes(story.read_bytes())
    backstory = (story.parents[1] / "examples" / "backstory_inconsistent.txt").read_bytes()
    (folder / "sheets" / "Hester Lanyon.txt").write_bytes(backstory)
    done = run(folder, "novel-check", "sheets", "--novels-dir", "book")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("sheets/Hester Lanyon.txt: inconsistent (")


def test_desk_opens_with_the_story(folder: Path) -> None:
    settings = {**os.environ, "BDH_CACHE_DIR": str(folder / "cache")}
    command = [f"{PLACE}/bin/novel-check", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=settings, stdout=subprocess.PIPE, text=True) as desk:
        assert desk.stdout is not None
        try:
            assert "bundled story" in desk.stdout.readline()
            found = re.search(r"http://[\d.]+:\d+/", desk.stdout.readline())
            assert found
            with urllib.request.urlopen(found[0], timeout=60) as answer:
                assert "The Unlit Hour" in answer.read().decode("utf-8")
        finally:
            desk.send_signal(signal.SIGINT)
            desk.wait(timeout=60)


def test_library_generates_from_the_shipped_model(folder: Path) -> None:
    done = run(folder, "bdh", "generate", "--model", "models/reader", "--prompt", "The ", "--max_new_tokens", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The ")


def test_wheels_are_small_enough_for_a_registry() -> None:
    assert [path.name for path in DIST.glob("*.whl") if path.stat().st_size > LARGEST_WHEEL] == []


def test_every_wheel_but_that_of_the_code_has_weights() -> None:
    without = [path.name for path in DIST.glob("*.whl") if not _has_weights(path)]
    assert [name.split("-")[0] for name in without] == ["bdh_narrative"]


def _has_weights(wheel: Path) -> bool:
    return any(name.endswith(".safetensors") for name in zipfile.ZipFile(wheel).namelist())
