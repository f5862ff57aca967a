"""Training, test and claim tables as typed rows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from pipeline.errors import TableError
from pipeline.records import TableLabel

Labelled = Literal["required", "optional", "absent"]

LABELS: dict[str, TableLabel] = {
    "consistent": "consistent",
    "1": "consistent",
    "contradict": "inconsistent",
    "inconsistent": "inconsistent",
    "0": "inconsistent",
}
NEEDED = ("id", "book_name", "char", "content")
NEVER_EMPTY = ("id", "book_name", "content")
SHOWN = 8
"""Names that an error message lists at most."""


@dataclass(frozen=True)
class Row:
    """One backstory or claim of a table; ``label`` is None if the table has none or it is not read.

    ``char`` and ``caption`` may be empty. ``pair`` joins a true and a false claim in tables that have that column, for
    evaluation only.
    """

    id: str
    book_name: str
    char: str
    caption: str
    content: str
    label: TableLabel | None
    pair: str | None


def read_table(path: str | Path, *, labelled: Labelled) -> tuple[Row, ...]:
    """Read a CSV table of backstories or claims.

    ``labelled`` is how to treat the label column: it must exist and be filled (required), may be missing or have empty
    cells (optional), or is ignored even if it exists (absent), so that a test table cannot leak.
    Columns may be in any order and any case; other columns are ignored and blank lines skipped.

    Raises TableError with the offending column, ids or line.
    """
    frame = _read_frame(Path(path))
    _check_columns(frame, path, labelled=labelled)
    lines = _line_numbers(frame)
    filled = (frame != "").any(axis=1)
    frame, lines = frame[filled], [line for line, keep in zip(lines, filled, strict=True) if keep]
    if frame.empty:
        raise TableError(f"{path} has no rows; expected at least one row below the header; add a row")
    _check_filled(frame, lines, path)
    _check_unique(frame, path)
    labels = _labels(frame, lines, path, labelled=labelled)
    records = (dict(zip(frame.columns, cells, strict=True)) for cells in frame.itertuples(index=False, name=None))
    return tuple(_row(cells, label) for cells, label in zip(records, labels, strict=True))


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


def read_predictions(path: Path) -> dict[str, tuple[float, TableLabel]]:
    """Return the probability and label of each id in the predictions of some other system; raises TableError."""
    frame, needed = _read_frame(path), ("id", "probability", "label")
    if not set(needed) <= set(frame.columns):
        raise TableError(f"{path} has the columns {_first(frame.columns)}; expected {', '.join(needed)}; add them")
    _check_single(frame, path)
    found: dict[str, tuple[float, TableLabel]] = {}
    for key, cell, label in zip(*(frame[name].str.strip() for name in needed), strict=True):
        try:
            found[key] = float(cell), LABELS[label.casefold()]
        except (ValueError, KeyError) as error:
            raise TableError(f"{path}: row {key!r} has no valid probability and label ({error}); correct it") from error
    wrong = [key for key, (chance, _) in found.items() if not 0 <= chance <= 1]
    if wrong:
        raise TableError(f"{path}: the probability of {_first(wrong)} is not between 0 and 1; correct it")
    return found


def _read_frame(path: Path) -> pd.DataFrame:
    """Parse the file to a frame of strings with stripped lower-case column names, with blank lines as empty rows.

    The header is read as a row: as a header, pandas would rename equal columns and drop the surplus of a long row.
    """
    text = _read_text(path)
    try:
        frame = pd.read_csv(
            io.StringIO(text), header=None, dtype=str, keep_default_na=False, na_filter=False, skip_blank_lines=False
        )
    except pd.errors.EmptyDataError as error:
        raise TableError(
            f"{path} is empty or begins with a blank line; expected a header and rows; give a CSV table with the "
            f"columns {', '.join(NEEDED)}"
        ) from error
    except pd.errors.ParserError as error:
        raise TableError(
            f"{path} is not a well-formed CSV table ({' '.join(str(error).split())}); expected as many fields in every "
            "row as in the header; put fields that hold commas, quotes or line breaks in double quotes"
        ) from error
    frame.columns = pd.Index([name.strip().lower() for name in frame.iloc[0]])
    return frame.iloc[1:]


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); expected a CSV file; check the path") from error
    if b"\0" in data:
        raise TableError(f"{path} is a binary file; expected a CSV table in UTF-8; export the table as CSV")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} is not UTF-8 text (byte {error.start}); expected a CSV table in UTF-8; save it again as UTF-8"
        ) from error


def _check_columns(frame: pd.DataFrame, path: str | Path, *, labelled: Labelled) -> None:
    check_columns(list(frame.columns), path, needed=(*NEEDED, "label") if labelled == "required" else NEEDED)
    _check_single(frame, path)


def check_columns(names: Sequence[str], path: str | Path, *, needed: Sequence[str]) -> None:
    """Raise TableError unless all ``needed`` columns are among ``names``."""
    missing = [name for name in needed if name not in names]
    if missing:
        raise TableError(
            f"{path} has no column {', '.join(missing)}; found {_first(names)}; expected {', '.join(needed)}; add what "
            "is missing or rename the columns"
        )


def _check_single(frame: pd.DataFrame, path: str | Path) -> None:
    check_no_repeats([name for name in frame.columns[frame.columns.duplicated()] if name], path)


def check_no_repeats(columns: Sequence[str], path: str | Path) -> None:
    """Raise TableError if there are repeated ``columns``."""
    if columns:
        raise TableError(f"{path} has the column {_first(columns)} twice; expected each once; remove one of them")


def _line_numbers(frame: pd.DataFrame) -> list[int]:
    """Return the line of the file on which each row begins, counting line breaks inside quoted fields."""
    lines, line = [], 2 + sum(str(name).count("\n") for name in frame.columns)
    for cells in frame.itertuples(index=False, name=None):
        lines.append(line)
        line += 1 + sum(cell.count("\n") for cell in cells)
    return lines


def _check_filled(frame: pd.DataFrame, lines: Sequence[int], path: str | Path) -> None:
    for name in NEVER_EMPTY:
        empty = [line for line, cell in zip(lines, frame[name], strict=True) if not cell.strip()]
        if empty:
            raise TableError(
                f"{path} has an empty {name} on line {_first(map(str, empty))}; expected text in every row; fill it or "
                "remove the row"
            )


def _check_unique(frame: pd.DataFrame, path: str | Path) -> None:
    ids = frame["id"].str.strip()
    check_no_duplicates(list(dict.fromkeys(ids[ids.duplicated()])), path)


def check_no_duplicates(ids: Sequence[str], path: str | Path) -> None:
    """Raise TableError if there are duplicate ``ids``."""
    if ids:
        raise TableError(
            f"{path} has {len(ids)} duplicate id(s): {_first(ids)}; expected every id once; number the rows again"
        )


def _labels(
    frame: pd.DataFrame, lines: Sequence[int], path: str | Path, *, labelled: Labelled
) -> list[TableLabel | None]:
    if labelled == "absent" or "label" not in frame.columns:
        return [None] * len(frame)
    return [
        _label(cell, where=f"{path}, line {line}", needed=labelled == "required")
        for cell, line in zip(frame["label"], lines, strict=True)
    ]


def _label(cell: str, *, where: str, needed: bool) -> TableLabel | None:
    value = cell.strip().casefold()
    if value in LABELS:
        return LABELS[value]
    if not value and not needed:
        return None
    raise TableError(f"{where}: the label is {cell!r}; expected one of {', '.join(LABELS)}; correct it")


def _row(cells: dict[str, str], label: TableLabel | None) -> Row:
    return Row(
        id=cells["id"].strip(),
        book_name=cells["book_name"].strip(),
        char=cells["char"].strip(),
        caption=cells.get("caption", "").strip(),
        content=cells["content"].strip(),
        label=label,
        pair=cells.get("pair", "").strip() or None,
    )


def _first(values: Iterable[str]) -> str:
    values = list(values)
    return ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
