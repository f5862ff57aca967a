"""The notebook of the examples was executed; ``tests/pipeline/test_demo.py`` executes it again, on its reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "states_of_a_novel.ipynb"
CELLS: list[dict[str, Any]] = [
    cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
]


def printed(cell: dict[str, Any]) -> str:
    """Return what a cell printed when it was executed."""
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


def test_notebook_was_executed_in_order_and_without_complaints() -> None:
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    outputs = [output for cell in CELLS for output in cell["outputs"]]
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
