"""Write docs/tree.md: one line a module, from the first line of its docstring."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("bdh", "pipeline", "benchmarks", "runs", "release", "docs")
_HEAD = (
    "# Every module\n\n"
    "Generated from the first line of each docstring by `make docs`; a test fails when this page and they differ. "
    "Tests mirror the packages under `tests/`. [architecture.md](architecture.md) says how the rooms relate.\n"
)


def make_page() -> str:
    """Return the page for the present files."""
    scripts = [f"| `{path.name}` | {summary(path)} |" for path in sorted(ROOT.glob("*.py"))]
    parts = [_HEAD, "## Scripts", "| file | what it is |\n|---|---|", *scripts, ""]
    for name in FOLDERS:
        for folder in sorted({path.parent for path in _modules(ROOT / name)}):
            parts += _section(folder)
    return "\n".join(parts)


def make_floors() -> str:
    """Return the rooms of ``pipeline`` from the import contract, lowest floor first, each with its docstring."""
    lines = ["| floor | room | what it is |", "|---|---|---|"]
    for number, rooms in enumerate(reversed(_layers()), start=1):
        for room in rooms:
            folder = ROOT / "pipeline" / room
            path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
            name = f"`{room}/`" if folder.is_dir() else f"`{room}.py`"
            lines.append(f"| {number} | {name} | {summary(path)} |")
    return "\n".join(lines)


def summary(path: Path) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = docstring.split("\n", 1)[0].rstrip(".").replace("``", "`")
    return line.replace("|", "\\|")


def _layers() -> list[list[str]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(item for item in settings["contracts"] if item.get("containers") == ["pipeline"])
    return [[room.strip(" ()") for room in layer.split("|")] for layer in contract["layers"]]


def _modules(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.py") if "__pycache__" not in path.parts]


def _section(folder: Path) -> list[str]:
    """Return the table of the modules that lie directly in a folder."""
    name = folder.relative_to(ROOT).as_posix()
    package = folder / "__init__.py"
    about = [f"{summary(package)}.\n"] if package.is_file() else []
    rows = [f"| `{path.name}` | {summary(path)} |" for path in sorted(folder.glob("*.py")) if path != package]
    table = ["| file | what it is |\n|---|---|", *rows, ""] if rows else []
    return [f"## `{name}/`\n", *about, *table]
