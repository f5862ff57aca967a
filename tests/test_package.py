"""What is installed from the wheels is what runs from a clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.test_layout import LARGEST_FILE

ROOT = Path(__file__).resolve().parent.parent
MOST_WEIGHTS = 250_000_000
"""Bytes that all models may have; docs/decisions/0026-package.md says what happens to a wheel over 100 MB."""


PUBLIC = {"https://pypi.org", "https://files.pythonhosted.org"}


DISTRIBUTIONS = sorted(path.parent for path in (ROOT / "models").rglob("pyproject.toml"))
"""The folders of weights of which each is a wheel."""
VERIFIER = ("config.json", "tokenizer.json", "model-1.safetensors", "model-2.safetensors")


def _project(folder: Path) -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _build(project: Path, folder: Path) -> zipfile.ZipFile:
    """Build the wheel of a project in a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of the code; those of the weights are built by ``make wheel`` alone, for that takes long."""
    return _build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    """Wheels of weights by the folder in models/ that each is made of; every file has its first bytes alone."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "models" / "judge" / "verifier").mkdir(parents=True)
    for name in VERIFIER:
        (folder / "models" / "judge" / "verifier" / name).write_bytes(b"weights")
    for path in _files(ROOT / "models"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as file:
            copy.write_bytes(file.read(20_000))
    copies = {path.relative_to(ROOT / "models").as_posix(): folder / path.relative_to(ROOT) for path in DISTRIBUTIONS}
    return {name: _build(copy, folder / f"wheel{number}") for number, (name, copy) in enumerate(copies.items())}


@pytest.fixture(scope="module")
def site(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as installation fills it."""
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    (folder / "bdh_narrative_models").symlink_to(ROOT / "models", target_is_directory=True)
    return folder


def _python(site: Path, folder: Path, code: str) -> list[str]:
    """Run code in a folder that is not a clone, and return the lines that it prints."""
    settings = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    here = {path for package in ("bdh", "pipeline") for path in _files(ROOT / package)}
    assert {path.relative_to(ROOT).as_posix() for path in here} <= set(wheel.namelist())


def test_wheel_holds_the_story_and_its_examples(wheel: zipfile.ZipFile) -> None:
    stored = [name for name in wheel.namelist() if name.startswith("pipeline/bundled/")]
    assert "pipeline/bundled/novels/The Unlit Hour.txt" in stored
    assert "pipeline/bundled/examples/backstory_inconsistent.txt" in stored
    assert [name for name in stored if name.endswith(".py") or "__pycache__" in name] == []


def test_wheel_has_the_commands(wheel: zipfile.ZipFile) -> None:
    (entries,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    lines = wheel.read(entries).decode().splitlines()
    assert {"novel-check = pipeline.cli:novel_check", "bdh = bdh.cli:main"} <= set(lines)


def test_weights_have_the_version_that_the_code_depends_on() -> None:
    code = _project(ROOT)
    for weights in map(_project, DISTRIBUTIONS):
        assert code["version"] == weights["version"]
        assert f"{weights['name']}=={weights['version']}" in code["dependencies"]  # type: ignore[operator]


def test_every_file_of_the_models_is_in_one_wheel(weights: dict[str, zipfile.ZipFile]) -> None:
    here = {path.relative_to(ROOT / "models").as_posix() for path in _files(ROOT / "models")}
    expected = {f"judge/verifier/{name}" for name in VERIFIER} | here
    about = {"README.md"} | {name for name in here if Path(name).name in {"pyproject.toml", "LICENSE"}}
    stored = sorted(name for wheel in weights.values() for name in wheel.namelist() if ".dist-info/" not in name)
    assert stored == sorted(f"bdh_narrative_models/{name}" for name in expected - about)


def test_wheel_of_the_judge_leaves_its_verifier_to_another(weights: dict[str, zipfile.ZipFile]) -> None:
    assert weights.keys() == {".", "judge", "judge/verifier"}
    place = "bdh_narrative_models/judge/"
    own = [name for name in weights["judge"].namelist() if ".dist-info/" not in name]
    assert own and not any(name.startswith(f"{place}verifier/") or not name.startswith(place) for name in own)
    stored = set(weights["judge/verifier"].namelist())
    assert {f"{place}verifier/{name}" for name in VERIFIER} <= stored
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in stored)


def test_weights_stay_in_their_bounds() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file()]
    assert max(sizes) < LARGEST_FILE and sum(sizes) <= MOST_WEIGHTS


def test_installed_package_finds_story_and_weights(site: Path, tmp_path: Path) -> None:
    code = (
        "from pipeline.config import ROOT, resolve_model_dir\n"
        "for name in ('models/reader', 'models/reader/claims', 'models/persons', 'models/judge'):\n"
        "    print(resolve_model_dir(name).resolve())\n"
        "print(ROOT / 'novels' / 'The Unlit Hour.txt')"
    )
    *folders, story = _python(site, tmp_path, code)
    assert [Path(folder) for folder in folders] == [
        ROOT / "models" / name for name in ("reader", "reader/claims", "persons", "judge")
    ]
    assert Path(story).is_file() and site in Path(story).parents


def test_verifier_of_its_own_wheel_lies_in_the_folder_of_the_judge(
    weights: dict[str, zipfile.ZipFile], wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    for part in (wheel, *weights.values()):
        part.extractall(tmp_path / "site")
    code = "from pipeline.config import resolve_model_dir; print(resolve_model_dir('models/judge'))"
    (folder,) = _python(tmp_path / "site", tmp_path, code)
    names = {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*")}
    assert {"finder/config.json", "ranker/config.json", *(f"verifier/{name}" for name in VERIFIER)} <= names


def test_folder_of_the_user_wins_over_an_installed_one(site: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "reader").mkdir(parents=True)
    code = "from pipeline.config import resolve_model_dir; print(resolve_model_dir('models/reader'))"
    assert _python(site, tmp_path, code) == [str(Path("models/reader"))]


def test_missing_weights_are_an_error_that_names_the_wheel(site: Path, wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    wheel.extractall(bare)
    code = (
        "from pipeline.config import resolve_model_dir\n"
        "from pipeline.errors import ModelError\n"
        "try:\n    resolve_model_dir('models/reader')\nexcept ModelError as error:\n    print(error)"
    )
    (line,) = _python(bare, tmp_path, code)
    assert "models/reader" in line and all(str(_project(folder)["name"]) in line for folder in DISTRIBUTIONS)


def test_shipped_model_of_the_library_is_found_by_its_name(site: Path, tmp_path: Path) -> None:
    code = "from bdh.commands.models import open_model; print(open_model('models/reader')[0].config.n_embd)"
    assert _python(site, tmp_path, code) == ["384"]


def test_help_of_the_installed_command_names_no_script(site: Path, tmp_path: Path) -> None:
    code = (
        "import contextlib\nfrom pipeline.cli import novel_check\n"
        "from pipeline.commands.catalogue import make_parsers\n"
        "for command in ([], *([name] for name in make_parsers())):\n"
        "    with contextlib.suppress(SystemExit):\n        novel_check([*command, '--help'])"
    )
    shown = "\n".join(_python(site, tmp_path, code))
    assert "usage: novel-check judge" in shown and "novel-check waive" in shown
    assert "python" not in shown and ".py" not in shown


def test_installed_program_tells_its_version(site: Path, tmp_path: Path) -> None:
    code = (
        "import bdh.cli, contextlib\nfrom pipeline.cli import novel_check\n"
        "for program in (novel_check, bdh.cli.main):\n"
        "    with contextlib.suppress(SystemExit):\n        program(['--version'])\n"
        "print(bdh.__version__)"
    )
    version = str(_project(ROOT)["version"])
    assert _python(site, tmp_path, code) == [f"novel-check {version}", f"bdh {version}", version]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def _pins(*names: str) -> dict[str, str]:
    lines = [line for name in names for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    found = (re.match(r"([\w.-]+)==([^ ;]+)", line) for line in lines if ";" not in line)
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def test_lock_of_uv_has_the_pinned_versions_and_public_addresses_alone() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    locked: dict[str, set[str]] = {}
    for package in tomllib.loads(text)["package"]:
        locked.setdefault(package["name"], set()).add(package["version"])
    pins = _pins("requirements.txt", "requirements-dev.txt", "constraints.txt")
    missing = {name for name in pins if name not in locked}
    assert not missing, "docs/decisions/0026-package.md says how to make uv.lock again"
    assert {name: version for name, version in pins.items() if version not in locked[name]} == {}
    assert set(re.findall(r"https?://[^/\"]+", text)) == PUBLIC


def test_container_installs_the_pinned_versions() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    pins = _pins("requirements.txt", "requirements-dev.txt")
    named = re.findall(r"(torch|hatchling)==([\d.]+)", text)
    assert {name: pins[name] for name, _ in named} == dict(named) and len(named) == 2
    assert re.findall(r"^USER (\w+)", text, re.MULTILINE) == ["1000"]


def test_container_and_documents_build_every_wheel() -> None:
    folders = [path.relative_to(ROOT).as_posix() for path in DISTRIBUTIONS]
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    built = re.findall(r"^WORKDIR /src/?(\S*)\nRUN (?:hatchling|pip)", text, re.MULTILINE)
    assert built == ["", *folders] and text.count("RUN hatchling build -t wheel -d /wheels") == len(built)
    for page in ("README.md", "docs/install.md"):
        line = f"pip install {' '.join(f'./{folder}' for folder in folders)} ."
        assert line in (ROOT / page).read_text(encoding="utf-8"), page


def test_container_is_sent_what_the_wheels_are_made_of() -> None:
    copied = re.findall(
        r"^COPY (?!--from|\[)(.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name for line in copied for name in line.split()} <= sent
