"""``python -m benchmarks [NAME ...]``: test, then time, then write one dated page per benchmark."""

from __future__ import annotations

import argparse
import datetime
import importlib
import inspect
import os
import pkgutil
import platform
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import torch

from benchmarks.measurement import Measurement
from pipeline.storage.files import replacing

HERE = Path(__file__).parent
REPORTS = HERE / "reports"


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks, or all; return 0, or 2 if a name is unknown or a test fails."""
    known = find_benchmarks()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run tests, then benchmarks.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one of {', '.join(known)}; without a name all but those that take many minutes",
    )
    parser.add_argument("--list", action="store_true", help="list what each benchmark measures, run none")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        print("\n".join(f"{name}: {inspect.getdoc(module)}" for name, module in known.items()))
        return 0
    unknown = [name for name in chosen.names if name not in known]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    names = chosen.names or [name for name, module in known.items() if not getattr(module, "ALONE", False)]
    return max(run(name, known[name]) for name in names)


def find_benchmarks() -> dict[str, ModuleType]:
    """Return the modules of this folder that have a function ``measure``, by name."""
    names = sorted(item.name for item in pkgutil.iter_modules([str(HERE)]) if item.name != "__main__")
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "measure")}


def run(name: str, module: ModuleType) -> int:
    """Run the benchmark's tests, then the benchmark, then write its page; nothing is timed if a test fails."""
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", *module.TESTS], cwd=HERE.parent, check=False)
    if tests.returncode != 0:
        print(f"{name}: not timed, its tests failed ({' '.join(module.TESTS)}); fix them first", file=sys.stderr)
        return 2
    measurements = []
    for measurement in module.measure():
        print(f"{measurement.what}: {measurement.value:,.4g} {measurement.unit}", flush=True)
        measurements.append(measurement)
    path = REPORTS / f"{datetime.date.today():%Y-%m-%d}-{name}.md"
    write_page(path, name, inspect.getdoc(module) or name, measurements)
    print(f"written: {path.relative_to(HERE.parent)}")
    return 0


def write_page(path: Path, name: str, title: str, measurements: list[Measurement]) -> None:
    """Write the measurements, the machine and the command as one page, whole or not at all."""
    rows = [f"| {m.what} | {m.value:,.4g} | {m.unit} | {m.how} |" for m in measurements]
    table = ["| what | value | unit | how |", "|---|---|---|---|", *rows]
    page = [f"# {title}", "", *(f"- {fact}" for fact in describe_run(name)), "", *table, ""]
    with replacing(path) as scratch:
        scratch.write_text("\n".join(page), encoding="utf-8")


def describe_run(name: str) -> list[str]:
    """Return the command, commit, versions and machine of a run."""
    return [
        f"command: `python -m benchmarks {name}`",
        f"commit: {_commit()}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch",
        f"load average when the timing ended: {os.getloadavg()[0]:.1f}; far above the threads, others were at work too",
        f"accelerator: {torch.cuda.get_device_name() if torch.cuda.is_available() else 'none'}",
    ]


def _commit() -> str:
    """Return the commit, marked -dirty if anything but the reports differs from it, or why it is unknown."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD") or "unknown (not a git clone)"
        changed = _git("status", "--porcelain", "--", ":/", f":(exclude,top){REPORTS.relative_to(HERE.parent)}")
    except FileNotFoundError:
        return "unknown (git is not installed)"
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main())
