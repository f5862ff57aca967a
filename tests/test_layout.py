"""The house keeps its promises: thin scripts, pinned requirements, documents that name what exists, nothing unsafe."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bdh", "pipeline", "benchmarks")
PINS = ("requirements.txt", "requirements-dev.txt")
REASONS = ROOT / "docs" / "decisions" / "0001-dependencies.md"
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!+]*")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PLACE = re.compile(r"\]\(((?![a-z]+:)[^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|Users|tmp)/\w")
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}
LARGEST_FILE = 50_000_000
LARGEST_TEXT = 2_000_000


def _requirements(name: str) -> list[str]:
    lines = (line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~ ]", requirement, maxsplit=1)[0]


def _sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _documents() -> list[Path]:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")]
    return sorted({*pages, *(ROOT / "models").rglob("README.md")})


def _committed() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _mapped_folders() -> set[str]:
    """Return the folders that the map in README.md names; those of an indented line are in the folder above."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("## Map", 1)[1].split("```", 2)[1]
    folders, above = set(), ""
    for line in filter(None, block.splitlines()):
        names = re.split(r" {2,}", line.strip())[0].split()
        if line.startswith(" "):
            names = [above + name for name in names]
        else:
            above = names[0]
        folders.update(names)
    return folders


def _present_folders() -> set[str]:
    """Return the committed folders at the root, and those inside the two packages."""
    paths = [path.relative_to(ROOT).parts[:-1] for path in _committed()]
    inside = {f"{parts[0]}/{parts[1]}/" for parts in paths if len(parts) > 1 and parts[0] in ("bdh", "pipeline")}
    return inside | {f"{parts[0]}/" for parts in paths if parts and not parts[0].startswith(".")}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _calls(tree: ast.AST) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Yield the spelling of every called function, with its keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {item.arg: item.value for item in node.keywords if item.arg}


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _unsafe(path: Path) -> Iterator[str]:
    """Yield what in a file could run what it reads; the converter may read tensors, and name pickle's error."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    converts = path.name == "convert.py"
    unsafe = UNSAFE_MODULES - {"pickle"} if converts else UNSAFE_MODULES
    yield from (name for name in _imported(tree) if name.split(".")[0] in unsafe)
    for name, keywords in _calls(tree):
        if name in {"eval", "exec", "os.system"} or name.startswith("pickle.") or _is_true(keywords.get("shell")):
            yield name
        if name == "torch.load" and not (converts and _is_true(keywords.get("weights_only"))):
            yield name


@pytest.mark.parametrize("script", ["pipeline.py", "run_dataset.py"])
def test_script_defines_no_function_or_class(script: str) -> None:
    path = ROOT / script
    if not path.is_file():
        pytest.skip(f"{script} is not there yet")
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, defined)]


def test_pipeline_package_wins_over_the_script_of_its_name() -> None:
    import pipeline

    assert list(pipeline.__path__) == [str(ROOT / "pipeline")]


def test_room_init_holds_only_a_docstring() -> None:
    rooms = [path for package in PACKAGES for path in (ROOT / package).glob("*/**/__init__.py")]
    assert rooms
    for path in rooms:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        assert len(tree.body) == 1, f"{path} holds more than a docstring"


@pytest.mark.parametrize("name", PINS)
def test_requirements_are_pinned_exactly(name: str) -> None:
    assert [line for line in _requirements(name) if not PINNED.fullmatch(line)] == []


def test_what_the_requirements_need_in_turn_is_pinned_too() -> None:
    """What a build of torch brings for a GPU is pinned by that build."""
    lines = [line.split(";")[0].strip() for line in _requirements("constraints.txt")]
    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    pinned = {canonicalize_name(_name(line)) for line in lines}
    wanted, met = [canonicalize_name(_name(line)) for name in PINS for line in _requirements(name)], {"torch"}
    while wanted:
        name = wanted.pop()
        if name not in met and not name.startswith(("nvidia-", "cuda-", "triton")):
            met.add(name)
            needs = (Requirement(line) for line in importlib.metadata.requires(name) or ())
            wanted += [canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate()]
    assert len(met) > len(lines) / 2
    assert met - {"torch"} <= pinned, "a requirement is new or changed: make constraints.txt again, as it says"


def test_decision_record_gives_a_reason_for_each_requirement_and_no_other() -> None:
    rows = re.findall(r"^\| ([A-Za-z0-9._-]+) \| (.+?) \| (.+?) \|$", REASONS.read_text(encoding="utf-8"), re.MULTILINE)
    reasons = {name for name, why, against in rows if name != "package" and len(why) > 20 and len(against) > 10}
    assert reasons == {
        _name(line) for file in ("requirements.txt", "requirements-dev.txt") for line in _requirements(file)
    }


def test_project_file_names_the_pinned_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = (project["dependencies"], project["optional-dependencies"]["dev"])
    own = {f"{project['name']}-{part}" for part in ("models", "judge", "verifier")}
    for bounded, pins in zip(bounds, PINS, strict=True):
        assert [_name(line) for line in bounded if _name(line) not in own] == [
            _name(line) for line in _requirements(pins)
        ]


def test_optional_libraries_are_declared_in_the_extra_of_a_command() -> None:
    """The dependency check lets these out of the core; ``dev`` alone would not install them for a user."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = settings["project"]["optional-dependencies"]
    declared = {canonicalize_name(_name(line)) for extra in extras.keys() - {"dev"} for line in extras[extra]}
    optional = settings["tool"]["deptry"]["per_rule_ignores"]["DEP004"]
    assert {canonicalize_name(name) for name in optional} == declared


def test_readme_map_names_every_folder_and_no_other() -> None:
    assert _mapped_folders() == _present_folders()


def test_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_document_links_lead_to_files() -> None:
    broken = []
    for document in _documents():
        targets = LINK.findall(document.read_text(encoding="utf-8"))
        local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
        broken += [f"{document.name} -> {target}" for target in local if not (document.parent / target).exists()]
    assert broken == []


def test_links_to_a_place_in_a_document_lead_there() -> None:
    broken = []
    for document in _documents():
        for target, place in PLACE.findall(document.read_text(encoding="utf-8")):
            page = (document.parent / target if target else document).read_text(encoding="utf-8")
            titles = {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in HEADING.findall(page)}
            if place not in titles and f'<a id="{place}">' not in page:
                broken.append(f"{document.name} -> {target}#{place}")
    assert broken == []


def test_committed_files_hold_no_path_of_a_machine() -> None:
    found = []
    for path in _committed():
        if path.stat().st_size > LARGEST_TEXT:
            continue
        match = MACHINE_PATH.search(path.read_bytes().decode("utf-8", errors="ignore"))
        found += [f"{path.relative_to(ROOT)}: {match.group()}"] if match else []
    assert found == []


def test_committed_files_stay_small() -> None:
    assert [path.name for path in _committed() if path.stat().st_size >= LARGEST_FILE] == []


def test_library_code_runs_nothing_it_reads() -> None:
    assert [f"{path.relative_to(ROOT)}: {what}" for path in _sources() for what in _unsafe(path)] == []


def test_build_machine_runs_the_checks_and_the_tests(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$1 $CI" >> "{tmp_path}/ran"\n', encoding="utf-8")
    make.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([ROOT / ".ci" / "run"], cwd=tmp_path, env={"PATH": path}, check=True)
    assert (tmp_path / "ran").read_text(encoding="utf-8").splitlines() == ["check true", "test true"]
