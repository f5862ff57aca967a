"""Processes of ours: their waiting threads sleep, they use no more than they may, and the user's choice counts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bdh import processor

_SHOW = """
import json, os, sys
from bdh.processor import limit_threads, sleep_while_waiting
early = [name for name in ("torch", "numpy") if name in sys.modules]
sleep_while_waiting()
limit_threads()
import torch
print(json.dumps([early, os.environ["OMP_WAIT_POLICY"], torch.get_num_threads()]))
"""


def run_python(program: str, **variables: str) -> str:
    """Return what a program prints in a process with these variables and none of ours."""
    ours = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_THREAD_TIMEOUT")
    environment = {name: value for name, value in os.environ.items() if name not in ours} | variables
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")],
    ids=["ours", "the user's"],
)
def test_waiting_threads_sleep_unless_the_user_chose(variables: dict[str, str], expected: str) -> None:
    assert json.loads(run_python(_SHOW, **variables))[:2] == [[], expected]


def test_affinity_limits_the_threads() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no affinity")
    pinned = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})"
    assert json.loads(run_python(pinned + _SHOW))[2] == 1


def test_threads_are_limited_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "count_processors", lambda: 1)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    try:
        for chosen, expected in (("4", 4), ("", 1)):
            torch.set_num_threads(4)
            monkeypatch.setenv("OMP_NUM_THREADS", chosen)
            processor.limit_threads()
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "1600000 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n"}, 8),
        ({}, 8),
    ],
)
def test_quota_of_a_container_counts(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert processor.count_processors(tmp_path) == expected


@pytest.mark.parametrize("entry", ["pipeline.cli", "bdh.__main__"])
def test_entries_prepare_the_process_before_torch_and_numpy_are_loaded(entry: str) -> None:
    program = f"import sys, {entry}; print([name for name in ('torch', 'numpy') if name in sys.modules])"
    assert run_python(program).strip() == "[]"


@pytest.mark.parametrize("entry", ["pipeline.cli", "bdh.__main__"])
def test_entries_let_waiting_threads_sleep(entry: str) -> None:
    program = f"""
import atexit, importlib, os, sys
sys.argv = ["entry", "--help"]
atexit.register(lambda: print("policy:", os.environ.get("OMP_WAIT_POLICY")))
importlib.import_module("{entry}").main()
"""
    assert "policy: PASSIVE" in run_python(program)
