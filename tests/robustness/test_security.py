"""Nobody gets in: no code that runs data, no path that leaves its folder, no secret that is written down."""

from __future__ import annotations

import ast
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import dataset_main, judge_main
from pipeline.errors import NovelError
from pipeline.serve.uploads import import_novel
from pipeline.text.novels import find_novel
from tests.pipeline.command_line import contents, refused, run
from tests.pipeline.little_story import BACKSTORY

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    [*ROOT.glob("bdh/**/*.py"), *ROOT.glob("pipeline/**/*.py"), ROOT / "pipeline.py", ROOT / "run_dataset.py"]
)
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "subprocess", "pty", "commands"}
CALLS = {
    "eval",
    "exec",
    "__import__",
    "os.system",
    "os.popen",
    "os.execv",
    "os.spawnv",
    "torch.jit.load",
    "pd.read_pickle",
}
KEY = "gsk_planted_where_everybody_looks"


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    return ((ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_runs_no_data(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert {name for name in _imported(tree) if name.split(".")[0] in MODULES} == set()
    for name, call in _calls(tree):
        assert name not in CALLS, f"line {call.lineno}: {name}"
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert given.get("shell", "False") == "False" and given.get("trust_remote_code", "False") == "False"
        if name in {"torch.load", "np.load", "numpy.load"}:
            safe = given.get("weights_only") == "True" or given.get("allow_pickle") == "False"
            assert safe, f"line {call.lineno}: {name} may run what a file holds"
        if name == "torch.load":
            assert path.name == "convert.py", "foreign weights come in at one door"


def test_templates_escape_everything() -> None:
    for path in ROOT.glob("pipeline/**/*.jinja"):
        source = re.sub(r"'[^'{}]*'\s*\|\s*safe", "", path.read_text(encoding="utf-8"))  # a text of ours, word for word
        assert not re.search(r"\|\s*safe|autoescape\s+false|Markup", source), path.name


@pytest.mark.parametrize(
    "name", ["../secret.txt", "../secret", "sub/inner.txt", "./../secret.txt", "{root}/secret.txt", ".."]
)
def test_book_of_a_table_leads_to_no_file_outside_the_shelf(tmp_path: Path, name: str) -> None:
    shelf = tmp_path / "shelf"
    (shelf / "sub").mkdir(parents=True)
    for path in (tmp_path / "secret.txt", shelf / "sub" / "inner.txt", shelf / "Open.txt"):
        path.write_text("A novel of some words.", encoding="utf-8")
    with pytest.raises(NovelError, match="no novel"):
        find_novel(shelf, name.format(root=tmp_path), paths=False)
    assert find_novel(shelf, "Open.txt", paths=False) == find_novel(shelf, "open", paths=False) == shelf / "Open.txt"


def test_tables_read_no_file_outside_the_shelf(shelf: Path, stand_in_reader: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Anna Reed knew the number of the safe: 4711.", encoding="utf-8")
    rows = [f'{n},"{secret}",Anna Reed,She knew it {n}.,{n % 2}' for n in range(12)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["id,book_name,char,content,label", *rows]), encoding="utf-8")
    asked = ["--train_csv", table, "--test_csv", table, "--novels_dir", shelf, "--model_dir", stand_in_reader]
    line = refused(dataset_main, *asked, "--folds", 2, "--repeats", 1, "--out_dir", tmp_path / "out")
    assert "no novel" in line
    assert not any(b"4711" in data for data in contents(tmp_path / "out").values())


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/evil/evil.txt", "..\\..\\evil.txt", "C:\\evil.txt", "....//evil.txt"]
)
def test_upload_stays_on_the_shelf(tmp_path: Path, name: str) -> None:
    path = import_novel(b"A novel of some words.", name, tmp_path / "a" / "b" / "shelf", replace=False)
    assert path.resolve().parent == (tmp_path / "a" / "b" / "shelf").resolve()
    assert [found.name for found in tmp_path.rglob("*.txt")] == [path.name]


def test_upload_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    outside, shelf = tmp_path / "outside.txt", tmp_path / "shelf"
    outside.write_text("Not to be touched.", encoding="utf-8")
    shelf.mkdir()
    (shelf / "Novel.txt").symlink_to(outside)
    with pytest.raises(NovelError, match="exists already"):
        import_novel(b"A novel of some words.", "Novel.txt", shelf, replace=False)
    path = import_novel(b"A novel of some words.", "Novel.txt", shelf, replace=True)
    assert outside.read_text(encoding="utf-8") == "Not to be touched."
    assert not path.is_symlink() and path.read_bytes() == b"A novel of some words."


def test_planted_key_is_written_nowhere(
    shelf: Path, stand_in_reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    backstory = tmp_path / "backstory.txt"
    backstory.write_text(BACKSTORY, encoding="utf-8")
    places = ["--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache", "--novels_dir", shelf]
    asked = ["--target_character", "Anna Reed", "--backstory_file", backstory, "--model_dir", stand_in_reader]
    said = run(judge_main, *asked, *places, "--device", "cpu", "--json")
    assert said.status == 0
    assert not any(KEY in line for line in [*said.out, *said.err])
    assert [name for name, data in contents(tmp_path).items() if KEY.encode() in data] == []


def test_dependencies_are_pinned_and_audited() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith(("#", "-r"))]
        assert wanted and all(re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", line) for line in wanted)
    assert "-c constraints.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert ".ci/audit.py" in (ROOT / "Makefile").read_text(encoding="utf-8")


SOUND = {"name": "torch", "version": "2", "vulns": []}
BAD = {"name": "jinja2", "version": "3", "vulns": [{"id": "PYSEC-1", "fix_versions": ["4"]}]}
UNKNOWN = {"name": "numpy", "version": "2", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ([SOUND], 0, "0 of 1 installed packages have known"),
        ([SOUND, UNKNOWN], 0, "not audited: numpy"),
        ([SOUND, BAD], 1, "jinja2 3: PYSEC-1"),
        ([UNKNOWN], 0, "NOTHING AUDITED"),
        (None, 0, "NOTHING AUDITED"),
    ],
)
def test_audit_fails_on_what_is_known_and_says_where_nothing_was_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: list[object] | None, status: int, said: str
) -> None:
    tool = tmp_path / "pip-audit"
    if answer is not None:
        tool.write_text(f"#!/bin/sh\necho '{json.dumps({'dependencies': answer})}'\n", encoding="utf-8")
        tool.chmod(0o755)
    assert runpy.run_path(str(ROOT / ".ci" / "audit.py"))["main"](str(tool)) == status
    assert said in capsys.readouterr().out
