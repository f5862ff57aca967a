"""The notebook of the examples runs from its first cell to its last, and shows what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "states_of_a_novel.ipynb"
CELLS: list[dict[str, Any]] = [
    cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
]


def _printed(cell: dict[str, Any]) -> str:
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


def test_notebook_was_executed_in_order_and_without_complaints() -> None:
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


@pytest.mark.slow
def test_notebook_runs_and_reaches_the_verdict_that_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    mark = "\nprint('-- end of cell')\n"
    program = mark.join("".join(cell["source"]) for cell in CELLS)
    settings = {**os.environ, "MPLBACKEND": "Agg", "BDH_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore:.*non-interactive", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = [_printed(cell) for cell in CELLS]
    ran = done.stdout.split("-- end of cell\n")
    assert [bool(text) for text in ran] == [bool(text) for text in shown]
    assert ran[1] == shown[1]
    verdicts = [
        next(text for text in texts if "probability of consistent" in text).split(",")[0] for texts in (ran, shown)
    ]
    assert verdicts[0] == verdicts[1]
