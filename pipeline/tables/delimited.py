"""Read the rows of a delimited table (CSV) as programs and people write it, in constant memory.

Comma, semicolon, tab or bar separate the fields, or what a first line ``sep=;`` names. A row is read as RFC 4180 says;
where it does not follow it, a backslash before a quotation mark is its escape, and quotation marks inside one line's
field that are not doubled are text: both with a notice of the lines. Whatever else is wrong raises TableError with the
line: a quotation mark that is never closed must not swallow rows.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from pipeline.errors import EncodingError, TableError
from pipeline.storage.encoding import decode_verbatim
from pipeline.tables.labels import find_label
from pipeline.tables.quoting import Fields, MalformedError, split_partly_quoted, split_quoted

OnNotice = Callable[[str], object]
NEEDED = ("id", "book_name", "char", "content")
SHOWN = 8
"""Names or lines that a message lists at most."""

_KNOWN = frozenset([*NEEDED, "caption", "label", "pair", "probability"])
_SEPARATORS = (",", ";", "\t", "|")
_NAMED_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.I)
_PROSE = frozenset(["content", "caption"])
_SAMPLE_BYTES = 8 << 20
_NOT_DOUBLED = "quotation marks inside a field that are not doubled were read as text"
_BACKSLASH = "backslashes before quotation marks were read as their escapes"


class Record(NamedTuple):
    """The fields of the header or of a row, and the line of the file on which it begins."""

    line: int
    cells: list[str]


def ignore_notice(notice: str) -> None:
    """Discard a notice."""


def read_records(path: Path, on_notice: OnNotice = ignore_notice) -> Iterator[Record]:
    """Yield the header, its names stripped and in lower case, then every row that is not blank, as wide as it.

    ``on_notice`` receives what had to be guessed: the encoding, and the lines with unusual quotation marks. Raises
    TableError for a file that cannot be read, is binary or empty, or has a malformed row.
    """
    encoding, damaged = _find_encoding(path, on_notice)
    try:
        with path.open(encoding=encoding, errors="replace" if damaged else "strict", newline="") as file:
            yield from _Rows(path, file).read(on_notice)
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} begins as {encoding} and goes on otherwise ({error.reason}); expected one encoding; save it again "
            "as UTF-8"
        ) from error


def _find_encoding(path: Path, on_notice: OnNotice) -> tuple[str, bool]:
    """Return the encoding of a file by its first eight megabytes, and whether some of its bytes are broken."""
    try:
        with path.open("rb") as file:
            head = file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); expected a CSV file; check the path") from error
    whole = head if len(head) < _SAMPLE_BYTES else head[: head.rfind(b"\n") + 1]
    try:
        found = decode_verbatim(whole, source=str(path))
    except EncodingError as error:
        raise TableError(f"{path} is a binary file; expected a CSV table; export the table as CSV") from error
    is_utf16 = found.encoding.startswith("utf-16")
    for notice in found.notices or ((f"read as {found.encoding}",) if is_utf16 else ()):
        on_notice(f"{path}: {notice}")
    return found.encoding, bool(found.notices) and found.encoding == "utf-8"


class _Rows:
    """The rows of one open file; the lines of the row that is being split are in memory."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path, self._file = path, file
        self._ahead: deque[str] = deque()
        self._done = 0
        self._separator = ","
        self._names: list[str] = []
        self._books: set[str] = set()
        self._unusual: dict[str, list[int]] = {}

    def read(self, on_notice: OnNotice) -> Iterator[Record]:
        header = self._read_header()
        self._names = header.cells
        yield header
        while self._line(0) is not None:
            row = self._next(self._split)
            if any(map(str.strip, row.cells)):
                self._books.add(self._cell(row.cells, "book_name"))
                yield row
        for what, lines in self._unusual.items():
            on_notice(f"{self._path}: {what}, on line {listed(map(str, lines))}")

    def _line(self, number: int) -> str | None:
        """Return a line that is not yet used, with its end; None after the last."""
        while len(self._ahead) <= number:
            line = self._file.readline()
            if not line:
                return None
            self._ahead.append(line)
        return self._ahead[number]

    def _next(self, split: Callable[[], Fields]) -> Record:
        """Return the next record and use up its lines; raises TableError if it is malformed."""
        try:
            cells, lines = split()
        except MalformedError as error:
            raise TableError(
                f"{self._path} is not a well-formed CSV table ({error}); expected as many fields in every row as in "
                "the header; put fields that hold separators, quotes or line breaks in double quotes, and double the "
                "quotes inside them"
            ) from None
        record = Record(self._done + 1, cells)
        for _ in range(lines):
            self._ahead.popleft()
        self._done += lines
        return record

    def _read_header(self) -> Record:
        first = self._line(0) or ""
        if named := _NAMED_SEPARATOR.fullmatch(first):
            self._next(lambda: Fields([], 1))
            self._separator, first = named[1], self._line(0) or ""
        else:
            self._separator = max(_SEPARATORS, key=lambda separator: _count_known(first, separator))
        if not first.strip():
            raise TableError(
                f"{self._path} is empty or begins with a blank line; expected a header and rows; give a CSV table with "
                f"the columns {', '.join(NEEDED)}"
            )
        line, cells = self._next(lambda: self._split_quoted(backslash=False))
        return Record(line, [cell.strip("\ufeff \t").lower() for cell in cells])

    def _split(self) -> Fields:
        """Split the next row; raises MalformedError."""
        line = (self._line(0) or "").rstrip("\r\n")
        if '"' not in line:
            return Fields(self._fitted(line.split(self._separator)), 1)
        try:
            return Fields(
                self._fitted(next(csv.reader([line], delimiter=self._separator, skipinitialspace=True, strict=True))), 1
            )
        except (csv.Error, MalformedError):
            return self._split_unusual(line)

    def _split_unusual(self, line: str) -> Fields:
        """Split a row of several lines, or one whose quotation marks break the rules; raises MalformedError."""
        attempts: list[tuple[str, Callable[[], Fields]]] = [
            ("", lambda: self._split_quoted(backslash=False)),
            (_NOT_DOUBLED, lambda: Fields(split_partly_quoted(line, self._separator), 1)),
            (_BACKSLASH, lambda: self._split_quoted(backslash=True)),
        ]
        if '\\"' in line:
            attempts.insert(0, attempts[-1])
        faults: dict[str, MalformedError] = {}
        for what, attempt in attempts:
            try:
                found = attempt()
                cells = self._fitted(found.cells)
            except MalformedError as fault:
                faults[what] = fault
                continue
            if what:
                self._unusual.setdefault(what, []).append(self._done + 1)
            return Fields(cells, found.lines)
        raise faults[""]

    def _split_quoted(self, *, backslash: bool) -> Fields:
        found = split_quoted(self._line, self._separator, first=self._done + 1, backslash=backslash)
        for number in range(1, found.lines):
            if self._is_row((self._line(number) or "").rstrip("\r\n"), self._cell(found.cells, "book_name")):
                raise MalformedError(
                    f"the row on line {self._done + 1} has a quotation mark that is not closed on its line, and line "
                    f"{self._done + 1 + number} looks like a row of its own"
                )
        return found

    def _is_row(self, line: str, book: str) -> bool:
        """Return True if a line inside a quoted field has the novel or the label of a row, or no space as in prose."""
        cells = line.split(self._separator)
        surplus = len(cells) - len(self._names)
        if surplus < 0 or not self._cell(cells, "id"):
            return False
        if self._cell(cells, "book_name") in (self._books | {book}) - {""}:
            return True
        labels = (find_label(self._cell(some, "label")) for some in (cells, cells[surplus:]))
        typed = zip(self._names, cells, strict=False)
        return any(labels) or not any(cell.startswith(" ") for name, cell in typed if name not in _PROSE)

    def _cell(self, cells: list[str], name: str) -> str:
        place = self._names.index(name) if name in self._names else len(cells)
        return cells[place].strip() if place < len(cells) else ""

    def _fitted(self, cells: list[str]) -> list[str]:
        """Return the fields of a row, as many as in the header: empty ones at the end are added or dropped."""
        width = len(self._names)
        if any(map(str.strip, cells[width:])):
            raise MalformedError(f"line {self._done + 1} has {len(cells)} fields, the header {width}")
        return [*cells[:width], *[""] * (width - len(cells))]


def _count_known(header: str, separator: str) -> tuple[int, int]:
    """Return how many names of columns a separator finds in a header, and how many fields."""
    names = [name.strip('"\ufeff \t\r\n').lower() for name in header.split(separator)]
    return len(_KNOWN.intersection(names)), len(names)


def listed(values: Iterable[str]) -> str:
    """Return the first values as a list for a message."""
    values = list(values)
    return ", ".join(values[:SHOWN]) + (", ..." if len(values) > SHOWN else "")
