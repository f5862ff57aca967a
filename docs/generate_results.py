"""Write docs/results.md, and the tables of figures of other pages, from docs/results.toml and the records it names."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "results.toml"
_HEAD = (
    "# Results\n\n"
    "Every published figure, with what it is compared with, its set, its command and its commit. Generated from "
    "[results.toml](results.toml) by `make docs`; a test fails when the two differ. 95 % intervals are in brackets. "
    "The command is the one of that commit; `T`, `D`, `B` and `K` are folders of data that the page of the run "
    "describes. What was tried and did not help is in [log.md](log.md).\n"
)


@dataclass(frozen=True)
class Table:
    """Figures of one measurement: rows by id, each with what was measured and one cell a column."""

    id: str
    section: str
    title: str
    set: str
    interval: str
    command: str
    commit: str
    date: str
    page: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[str, ...]]
    whats: Mapping[str, str]
    machine: str = ""
    note: str = ""

    def lines(self) -> Iterator[str]:
        """Yield the rows as a table of markdown."""
        yield _line(("", *self.columns))
        yield "|---" * (1 + len(self.columns)) + "|"
        for name, cells in self.rows.items():
            yield _line((self.whats[name], *cells))


@cache
def source() -> dict[str, Any]:
    """Return docs/results.toml."""
    return tomllib.loads(SOURCE.read_text(encoding="utf-8"))


def read_record(name: str) -> Any:
    """Return a file of figures; raises ValueError where it is not the one whose hash the source names."""
    data = (ROOT / name).read_bytes()
    found, expected = hashlib.sha256(data).hexdigest()[:12], source()["records"][name]
    if found != expected:
        raise ValueError(
            f"{name} has changed (its hash is {found}, {expected} in docs/results.toml): write the new hash there, and "
            f"the commit and date of the measurement into the tables that read it"
        )
    return json.loads(data)


@cache
def load_tables() -> dict[str, Table]:
    """Return the tables by id; raises KeyError or TypeError where a table or its record lacks a field."""
    return {entry["id"]: _table(dict(entry)) for entry in source()["table"]}


def make_page() -> str:
    """Return docs/results.md."""
    parts, section = [_HEAD], ""
    for table in load_tables().values():
        if table.section != section:
            section = table.section
            parts.append(f"## {section}\n")
        parts.append(_describe(table))
    return "\n".join(parts)


def make_table(name: str) -> str:
    """Return one table for another page."""
    return "\n".join(load_tables()[name].lines())


def make_readme_rows() -> str:
    """Return the few rows of README.md."""
    lines = [_line(("what", "measured", "compared with", "on")), "|---|---|---|---|"]
    for entry in source()["readme"]:
        compared = "; ".join(f"{label} {_figure(place)}" for label, place in entry["compared"])
        lines.append(_line((entry["what"], _figure(entry["figure"]), compared, entry["on"])))
    return "\n".join(lines)


def show(value: Any, *, signed: bool = False) -> str:
    """Return a figure to three digits, with its interval where it has one that is wider than a point."""
    if not isinstance(value, Mapping):
        return _digits(value)
    if value["value"] is None:
        return "-"
    low, high = value.get("low"), value.get("high")
    plus = "+" if signed and value["value"] >= 0 else ""
    interval = "" if low is None or high is None or low == high else f" [{_digits(low)}, {_digits(high)}]"
    return f"{plus}{_digits(value['value'])}{interval}"


def _table(entry: dict[str, Any]) -> Table:
    rows, keys, record = entry.pop("rows"), entry.pop("keys", ()), entry.pop("record", "")
    columns = tuple(entry.pop("columns"))
    cells = {row["id"]: tuple(_cells(row, keys, record)) for row in rows}
    wrong = [name for name, found in cells.items() if len(found) != len(columns)]
    if wrong:
        raise ValueError(f"table {entry['id']}: {wrong} have another number of cells than the {len(columns)} columns")
    return Table(columns=columns, rows=cells, whats={row["id"]: row["what"] for row in rows}, **entry)


def _cells(row: Mapping[str, Any], keys: tuple[str, ...], record: str) -> Iterator[str]:
    if "cells" in row:
        yield from row["cells"]
        return
    for key in row.get("keys", keys):
        value = read_record(row.get("record", record))
        for step in filter(None, (*row["at"].split("."), *key.split("."))):
            value = value[step]
        yield show(value, signed=row.get("signed", False)) if key else ""


def _figure(place: str) -> str:
    table, row, column = place.split("/")
    found = load_tables()[table]
    return found.rows[row][found.columns.index(column)]


def _describe(table: Table) -> str:
    """Return a table of the page with where its figures come from."""
    machine = f" {table.machine}." if table.machine else ""
    page = (
        f"[{table.page}](../{table.page})"
        if not table.page.startswith("docs/")
        else f"[{table.page}]({table.page[5:]})"
    )
    return "\n".join(
        [
            f'### <a id="{table.id}"></a>{table.title}\n',
            f"On {table.set}. Interval: {table.interval}. Commit {table.commit}, {table.date}.{machine} "
            f"Full account: {page}.\n",
            f"```\n{table.command.strip()}\n```\n",
            *table.lines(),
            *([f"\n{table.note.strip()}"] if table.note else []),
            "",
        ]
    )


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _digits(value: float) -> str:
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
