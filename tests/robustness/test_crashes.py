"""Runs that are killed at random moments: two of each kind, as the benchmark kills fifty."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a run is forked, which this system cannot do")
def test_killed_runs_end_as_if_never_killed(stand_in_judge: Path) -> None:
    small = ["--kills", "2", "--size", "3000", "--seed", "1", "--judge_dir", str(stand_in_judge)]
    command = [sys.executable, "-m", "benchmarks.crash_and_resume", *small]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "reading of the bundled story",
        "run over the example tables",
        "training run",
    ]
    assert all("2 finished as if never killed" in line for line in lines)
