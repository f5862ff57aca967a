"""The measurements of a benchmark, and functions that take times and memory."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Measurement:
    """One measured number: what was measured, the value, its unit, and how it was taken."""

    what: str
    value: float
    unit: str
    how: str


def time_call(call: Callable[[], object], *, repeats: int = 5) -> float:
    """Return the median seconds of ``repeats`` calls, after one warm-up call."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


@dataclass(frozen=True)
class Usage:
    """The cost of a process: seconds of wall and of processor time, and peak memory in bytes."""

    seconds: float
    cpu_seconds: float
    peak: int


def run_alone(arguments: Sequence[str], log: Path) -> Usage:
    """Run Python on one thread in its own process, its output in ``log``; raises RuntimeError if it fails."""
    began = time.monotonic()
    with log.open("w") as out:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the run ended with {process.returncode}: {log.read_text(errors='replace')[-500:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the exponent e of cost ~ size**e: the slope of the line through the logarithms of (size, cost)."""
    sizes, costs = ([math.log(value) for value in values] for values in zip(*points, strict=True))
    return statistics.linear_regression(sizes, costs).slope
