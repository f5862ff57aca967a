"""Write the figures that the report shows, ``models/judge/figures.json``, from docs/results.toml.

They are stored with the weights, because an installed program has no docs/.
"""

from __future__ import annotations

import json
import re

from docs.generate_results import Table, load_tables

_TABLE = "plain-labels"
_SYSTEMS = {"verdict": "ours", "bdh": "the BDH verifier alone", "chance": "chance"}
_KEYS = {
    "AUC, true against false": "auc",
    "true twin first": "ranking",
    "contradicted: precision": "contradicted_precision",
    "recall": "contradicted_recall",
    "supported: precision": "supported_precision",
    "recall ": "supported_recall",
}
_CELL = re.compile(r"(?P<value>\.\d+)(?: \[(?P<low>\.\d+), (?P<high>\.\d+)\])?")


def make_figures() -> str:
    """Return models/judge/figures.json: of each system the measures that the page knows."""
    table = load_tables()[_TABLE]
    systems = {_SYSTEMS[row]: {"figures": _figures(table, row)} for row in table.rows if row in _SYSTEMS}
    measured_on = re.sub(r" \([^)]*\)| of data/\w+", "", table.set.split(";")[0]).replace(" dev ", " development ")
    systems["ours"] = {"set": measured_on, "interval": table.interval, **systems["ours"]}
    return json.dumps({"source": f"docs/results.toml, {_TABLE}", **systems}, indent=1) + "\n"


def _figures(table: Table, row: str) -> dict[str, dict[str, float]]:
    cells = zip(table.columns, table.rows[row], strict=True)
    found = {_KEYS[column]: _CELL.fullmatch(cell) for column, cell in cells if column in _KEYS}
    return {key: _numbers(cell) for key, cell in found.items() if cell}


def _numbers(cell: re.Match[str]) -> dict[str, float]:
    return {name: float(digits) for name, digits in cell.groupdict().items() if digits}
