"""What a benchmark hands back, and the one way to take a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One measured number: what was measured, the value, its unit, and how it was taken."""

    what: str
    value: float
    unit: str
    how: str


def time_call(call: Callable[[], object], *, repeats: int = 5) -> float:
    """Return the median seconds of ``repeats`` calls, after one that is not counted."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
