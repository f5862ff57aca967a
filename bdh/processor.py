"""How a process of ours uses the processor: threads that sleep while they wait, and no more than it may use.

A thread of OpenMP that waits for the others spins by default, for longer than the work between two waits. Where another
program has the core of one thread, the others burn theirs until the scheduler lets it on: measured 5 times slower.
"""

import os
from contextlib import suppress
from pathlib import Path

_ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "16"}
"""OpenMP's threads sleep at once, whatever library implements it; OpenBLAS's after 2^16 cycles instead of 2^26."""
_CHOSEN = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
_GROUPS = Path("/sys/fs/cgroup")
_QUOTAS = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
"""The files of a container's microseconds of processor time and the period that they are for: version 2 and 1."""


def sleep_while_waiting() -> None:
    """Let waiting threads of this process and its children sleep; a variable that the user set stays as it is.

    Call it before torch or numpy is imported: their libraries read the environment once, as they are loaded.
    """
    for name, value in _ASLEEP.items():
        os.environ.setdefault(name, value)


def limit_threads() -> None:
    """Lower torch's threads to the processors that the process may use.

    A number that the user set in ``OMP_NUM_THREADS`` or ``MKL_NUM_THREADS`` stays.
    """
    import torch

    if not any(map(os.environ.get, _CHOSEN)):
        torch.set_num_threads(min(torch.get_num_threads(), count_processors()))


def count_processors(groups: Path = _GROUPS) -> int:
    """Return how many processors this process may use, by its affinity and the quota of its container; at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for files in _QUOTAS if (quota := _quota([groups / name for name in files])) is not None]
    return max(1, min(affinity, *quotas)) if quotas else affinity


def _quota(files: list[Path]) -> int | None:
    """Return the processors of a quota, a part of one counting as one; None without a quota or its files."""
    with suppress(OSError, ValueError):
        microseconds, period = (int(word) for word in " ".join(path.read_text() for path in files).split())
        if microseconds > 0 and period > 0:
            return -(-microseconds // period)
    return None
