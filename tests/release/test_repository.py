"""The action and the commit hook in a repository of a manuscript: their own shell, with the commands of this clone."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import novel_check

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "novels" / "The Unlit Hour.txt"
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STATUS = {"consistent": 0, "uncertain": 0, "inconsistent": 1}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of a story, a sheet about one of its people, and the commands on the path."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("manuscript", "sheets", "bin", "home"):
        (folder / name).mkdir()
    (folder / "manuscript" / STORY.name).write_text(STORY.read_text(encoding="utf-8")[:9000], encoding="utf-8")
    (folder / "sheets" / "Hester Lanyon.txt").write_text("Hester Lanyon learned to read at four.", encoding="utf-8")
    command = f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m pipeline "$@"\n'
    for name, text in {"novel-check": command, "python": '#!/bin/sh\necho "python $*" >> ran\n'}.items():
        (folder / "bin" / name).write_text(text, encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def models(stand_in_reader: Path, stand_in_judge: Path) -> list[str]:
    """The flags that name the stand-ins: the steps are tested, not the weights."""
    return ["--model_dir", str(stand_in_reader), "--judge_dir", str(stand_in_judge), "--ranker", str(stand_in_judge)]


def _environment(repository: Path, **more: str) -> dict[str, str]:
    path = f"{repository / 'bin'}{os.pathsep}{os.environ['PATH']}"
    home, summary = str(repository / "home"), str(repository / "summary.md")
    own = {"PATH": path, "HOME": home, "GITHUB_STEP_SUMMARY": summary, "GITHUB_ACTION_PATH": str(ROOT)}
    return {**os.environ, **own, "BDH_CACHE_DIR": str(repository / "home"), **more}


def _step(repository: Path, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the action as a runner does, with its inputs put into its environment."""
    step = next(step for step in ACTION["runs"]["steps"] if step.get("name") == name)
    values = {key: value["default"] for key, value in ACTION["inputs"].items()} | inputs
    fill = lambda text: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: values[found[1]], text)  # noqa: E731
    settings = {key: fill(value) for key, value in step.get("env", {}).items()}
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    return subprocess.run(
        shell, cwd=repository, env=_environment(repository, **settings), capture_output=True, text=True
    )


def _verdict(path: Path) -> str:
    verdict: str = json.loads((path / "Hester Lanyon" / "backstory_consistency.json").read_text("utf-8"))["verdict"]
    return verdict


def test_no_input_is_pasted_into_a_shell() -> None:
    steps = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert len(steps) == 2 and not any("${{" in step for step in steps)


def test_action_installs_the_weights_and_the_code(repository: Path) -> None:
    assert _step(repository, "Install").returncode == 0
    ran = (repository / "ran").read_text(encoding="utf-8").splitlines()
    assert ran[-1].startswith("python -m pip install --quiet ") and len(ran) == 2
    weights = {str(path.parent) for path in ROOT.glob("models/**/pyproject.toml")}
    assert set(ran[-1].split()[5:]) == weights | {str(ROOT)}


@pytest.mark.slow
def test_action_judges_the_sheets_and_sums_up(repository: Path, models: list[str]) -> None:
    done = _step(repository, "Judge", arguments=" ".join(models))
    verdict = _verdict(repository / "novel-check")
    assert done.returncode == STATUS[verdict], done.stderr
    assert f"sheets/Hester Lanyon.txt: {verdict} (" in done.stdout
    assert f"sheets/Hester Lanyon.txt: {verdict} (" in (repository / "summary.md").read_text(encoding="utf-8")
    assert (repository / "novel-check" / "Hester Lanyon" / "report.html").is_file()
    assert not (repository / "novel-check.log").exists()


@pytest.mark.slow
def test_action_fails_for_a_sheet_of_nobody_whatever_is_asked(repository: Path) -> None:
    (repository / "others").mkdir()
    (repository / "others" / "Edmond Dantès.txt").write_text("Edmond Dantès was a sailor.", encoding="utf-8")
    done = _step(repository, "Judge", sheets="others\n\n", fail="false", arguments="--seed 1 --threads 1")
    assert done.returncode == 2
    assert "::error file=others/Edmond Dantès.txt,title=Edmond Dantès::" in done.stdout


@pytest.mark.slow
def test_hook_judges_the_sheets_before_a_commit(
    repository: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *words = [*shlex.split(HOOK["entry"]), *HOOK["args"]]
    assert program == "novel-check"
    monkeypatch.chdir(repository)
    monkeypatch.setenv("BDH_CACHE_DIR", str(repository / "home" / ".cache" / "novel-check"))
    assert novel_check([*words, *models]) == STATUS[_verdict(repository / ".novel-check")]


def test_hook_runs_for_the_manuscript_and_the_sheets_alone() -> None:
    wanted = re.compile(HOOK["files"])
    assert wanted.search("manuscript/My Novel.txt") and wanted.search("sheets/Hester.txt")
    assert not wanted.search("notes/sheets/Hester.txt") and not HOOK["pass_filenames"]
    weights = [path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("models/**/pyproject.toml")]
    assert sorted(HOOK["additional_dependencies"]) == sorted(f"./{folder}" for folder in weights)
