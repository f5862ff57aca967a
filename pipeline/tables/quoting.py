"""Split one row of a delimited table into its fields, however its quotation marks are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

LineAt = Callable[[int], "str | None"]
"""Returns a line with its end by its number, counted from the row's first, which is 0; None after the last."""

_LONGEST = 10_000
"""Lines of a field from which on its quotation mark counts as never closed."""
_SPACED_MARK = re.compile(' *"')
_DOUBLED = re.compile(r'[^"]*(?:""[^"]*)*')
_ESCAPED = re.compile(r'[^"\\]*(?:(?:\\.|"")[^"\\]*)*', re.S)
_ESCAPE = re.compile(r'\\(["\\])|""')
_WHOLLY_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')
_ENDS = frozenset(["", "\n", "\r", "\r\n"])
_OPENING = frozenset("([—–-")


class MalformedError(Exception):
    """A row cannot be split; the message names its lines."""


class Fields(NamedTuple):
    """The fields of a row and the number of its lines."""

    cells: list[str]
    lines: int


def split_quoted(line_at: LineAt, separator: str, *, first: int, backslash: bool) -> Fields:
    """Split a row whose fields may be quoted and hold line breaks; ``first`` is the line of the file it begins on.

    A quotation mark inside a quoted field is doubled or, with ``backslash``, may follow a backslash. Raises
    MalformedError.
    """
    cells: list[str] = []
    number, place = 0, 0
    while True:
        line = line_at(number) or ""
        quoted = _SPACED_MARK.match(line, place)
        if quoted:
            place = quoted.end() - 1
            opened = number
            text, number, place = _quoted_text(line_at, number, place + 1, first=first, backslash=backslash)
            line = line_at(number) or ""
            if not line.startswith(separator, place) and line[place:] not in _ENDS:
                raise MalformedError(
                    f"a quotation mark opens a field on line {first + opened} and is closed on line {first + number} "
                    "before other text"
                )
        else:
            end = line.find(separator, place)
            text, place = (line[place:end], end) if end >= 0 else (line[place:].rstrip("\r\n"), len(line))
        cells.append(text)
        if not line.startswith(separator, place):
            return Fields(cells, number + 1)
        place += len(separator)


def _quoted_text(line_at: LineAt, number: int, place: int, *, first: int, backslash: bool) -> tuple[str, int, int]:
    """Return the text that begins at a place of a line, and the line and place after its closing quotation mark."""
    opened, parts = number, list[str]()
    while number - opened < _LONGEST and (line := line_at(number)) is not None:
        match = (_ESCAPED if backslash else _DOUBLED).match(line, place)
        assert match is not None, "it matches the empty text too"
        parts.append(match[0])
        if match.end() < len(line):
            return _unescaped("".join(parts), backslash=backslash), number, match.end() + 1
        number, place = number + 1, 0
    raise MalformedError(f"a quotation mark opens a field on line {first + opened} and is never closed")


def _unescaped(text: str, *, backslash: bool) -> str:
    return _ESCAPE.sub(lambda match: match[1] or '"', text) if backslash else text.replace('""', '"')


def split_partly_quoted(line: str, separator: str) -> list[str]:
    """Split a line whose fields hold quotation marks that are not doubled; those of the text stay.

    >>> split_partly_quoted('7,"I go," he said.,"He said "no" and left."', ",")
    ['7', '"I go," he said.', 'He said "no" and left.']

    Raises MalformedError if a quotation mark is not closed on the line.
    """
    field = re.compile(rf'(?:[^"{re.escape(separator)}]|"[^"]*")*')
    cells: list[str] = []
    place = 0
    while True:
        match = field.match(line, place)
        assert match is not None, "it matches the empty text too"
        cells.append(_without_quotes(match[0]))
        if match.end() == len(line):
            return cells
        if line[match.end()] == '"':
            raise MalformedError("a quotation mark is not closed on its line")
        place = match.end() + len(separator)


def _without_quotes(field: str) -> str:
    """Return the text of a field: without the marks that quote all of it, with those that belong to the text.

    >>> _without_quotes(' "He left, then came" ')
    'He left, then came'
    """
    field = field.strip(" ") if field.strip(" ").startswith('"') else field
    if _WHOLLY_QUOTED.fullmatch(field):
        return field[1:-1].replace('""', '"')
    return field[1:-1] if _is_wrapped(field) else field


def _is_wrapped(field: str) -> bool:
    """Return True if the first quotation mark is closed by the last, and not by one between them."""
    depth, opened = 0, -1
    for place in (match.start() for match in re.finditer('"', field)):
        before, after = field[place - 1 : place], field[place + 1 : place + 2]
        opens = after.strip() != "" and (place in {0, opened + 1} or before.isspace() or before in _OPENING)
        depth, opened = (depth + 1, place) if opens else (depth - 1, opened)
        if depth <= 0:
            return place == len(field) - 1 and depth == 0
    return False
