"""Training, test and claim tables as typed rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import TableError
from pipeline.records import TableLabel
from pipeline.tables.delimited import NEEDED, OnNotice, ignore_notice, listed, read_records
from pipeline.tables.labels import LABELS, find_label, is_left_open

Labelled = Literal["required", "optional", "absent"]

NEVER_EMPTY = ("id", "book_name", "content")


@dataclass(frozen=True)
class Row:
    """One backstory or claim of a table; ``label`` is None if the table has none or it is not read.

    ``char`` and ``caption`` may be empty. For evaluation only are: ``pair``, which joins a true and a false claim;
    ``left_open``, whether the label is that the novel does not state the claim; ``evidence``, verbatim quotations of
    the novel; ``kind`` and ``difficulty``.
    """

    id: str
    book_name: str
    char: str
    caption: str
    content: str
    label: TableLabel | None
    pair: str | None
    left_open: bool = False
    evidence: tuple[str, ...] = ()
    kind: str = ""
    difficulty: str = ""


@dataclass(frozen=True)
class _TableRow:
    """The stripped cells of a row by the name of their column, and the line of the file on which it begins."""

    line: int
    cells: dict[str, str]


def read_table(path: str | Path, *, labelled: Labelled, on_notice: OnNotice = ignore_notice) -> tuple[Row, ...]:
    """Read a CSV table of backstories or claims; ``pipeline.tables.delimited`` says which kinds of CSV.

    ``labelled`` is how to treat the label column: it must exist and be filled (required), may be missing or have empty
    cells (optional), or is ignored even if it exists (absent), so that a test table cannot leak.
    Columns may be in any order and any case; other columns are ignored and blank lines skipped. ``on_notice`` receives
    what had to be guessed.

    Raises TableError with the offending column, ids or line.
    """
    rows = list(_read_rows(path, (*NEEDED, "label") if labelled == "required" else NEEDED, on_notice))
    if not rows:
        raise TableError(f"{path} has no rows; expected at least one row below the header; add a row")
    _check_filled(rows, path)
    check_no_duplicates(_duplicates(row.cells["id"] for row in rows), path)
    return tuple(_row(row.cells, _label(row, path, labelled=labelled), labelled != "absent") for row in rows)


def _read_rows(path: str | Path, needed: Sequence[str], on_notice: OnNotice) -> Iterator[_TableRow]:
    """Yield the rows of a table that has the ``needed`` columns; raises TableError."""
    records = read_records(Path(path), on_notice)
    names = next(records).cells
    check_columns(names, path, needed=needed)
    check_no_repeats([name for place, name in enumerate(names) if name and name in names[:place]], path)
    for line, cells in records:
        yield _TableRow(line, dict(zip(names, map(str.strip, cells), strict=True)))


def row_text(row: Row) -> str:
    """Return the text of a row that is judged: its content.

    A caption is a heading over several rows of one character ("The Origin of His Connection"): it states nothing that
    a novel could contradict, so it stays in the row for display and is not split into claims.
    """
    return row.content.strip()


def group_by_book(rows: Iterable[Row]) -> dict[str, tuple[Row, ...]]:
    """Group rows by novel, in order of first appearance, so that each novel is read once.

    Spellings that differ in case, spaces or underscores are the same book; the first spelling names the group.
    """
    spelling: dict[str, str] = {}
    groups: dict[str, list[Row]] = {}
    for row in rows:
        key = group_key(row.book_name)
        groups.setdefault(spelling.setdefault(key, row.book_name), []).append(row)
    return {book: tuple(members) for book, members in groups.items()}


def group_key(book_name: str) -> str:
    """Return the key that all spellings of one book share."""
    return " ".join(book_name.replace("_", " ").split()).casefold()


def read_predictions(path: Path, on_notice: OnNotice = ignore_notice) -> dict[str, tuple[float, TableLabel]]:
    """Return the probability and label of each id in the predictions of some other system; raises TableError."""
    found: dict[str, tuple[float, TableLabel]] = {}
    rows = list(_read_rows(path, ("id", "probability", "label"), on_notice))
    check_no_duplicates(_duplicates(row.cells["id"] for row in rows), path)
    for row in rows:
        key, label = row.cells["id"], find_label(row.cells["label"])
        try:
            chance = float(row.cells["probability"])
        except ValueError:
            chance = -1.0
        if label is None or not 0 <= chance <= 1:
            raise TableError(
                f"{path}, line {row.line}: row {key!r} has no valid label and probability; expected one of "
                f"{', '.join(LABELS)}, and a number between 0 and 1; correct it"
            )
        found[key] = chance, label
    return found


def check_columns(names: Sequence[str], path: str | Path, *, needed: Sequence[str]) -> None:
    """Raise TableError unless all ``needed`` columns are among ``names``."""
    missing = [name for name in needed if name not in names]
    if missing:
        raise TableError(
            f"{path} has no column {', '.join(missing)}; found {listed(names)}; expected {', '.join(needed)}; add what "
            "is missing or rename the columns"
        )


def check_no_repeats(columns: Sequence[str], path: str | Path) -> None:
    """Raise TableError if there are repeated ``columns``."""
    if columns:
        raise TableError(f"{path} has the column {listed(columns)} twice; expected each once; remove one of them")


def _check_filled(rows: Sequence[_TableRow], path: str | Path) -> None:
    for name in NEVER_EMPTY:
        empty = [str(row.line) for row in rows if not row.cells[name]]
        if empty:
            raise TableError(
                f"{path} has an empty {name} on line {listed(empty)}; expected text in every row; fill it or "
                "remove the row"
            )


def _duplicates(ids: Iterable[str]) -> list[str]:
    return [key for key, count in Counter(ids).items() if count > 1]


def check_no_duplicates(ids: Sequence[str], path: str | Path) -> None:
    """Raise TableError if there are duplicate ``ids``."""
    if ids:
        raise TableError(
            f"{path} has {len(ids)} duplicate id(s): {listed(ids)}; expected every id once; number the rows again"
        )


def _label(row: _TableRow, path: str | Path, *, labelled: Labelled) -> TableLabel | None:
    cell = row.cells.get("label", "")
    if labelled == "absent" or (labelled == "optional" and (not cell or is_left_open(cell))):
        return None
    label = find_label(cell)
    if label is None:
        raise TableError(
            f"{path}, line {row.line}: the label is {cell!r}; expected one of {', '.join(LABELS)}; correct it"
        )
    return label


def _row(cells: dict[str, str], label: TableLabel | None, label_is_read: bool) -> Row:
    return Row(
        id=cells["id"],
        book_name=cells["book_name"],
        char=cells["char"],
        caption=cells.get("caption", ""),
        content=cells["content"],
        label=label,
        pair=cells.get("pair") or None,
        left_open=label_is_read and is_left_open(cells.get("label", "")),
        evidence=tuple(line.strip() for line in cells.get("evidence", "").splitlines() if line.strip()),
        kind=cells.get("kind", "") or cells.get("type", ""),
        difficulty=cells.get("difficulty", ""),
    )
