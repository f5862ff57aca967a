"""What a character sheet is made of: headings, fields, prose, and lines that state nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.claims.prose import Line

Layout = Literal["text", "yaml", "json", "csv"]
"""How a sheet is written; text is prose, Markdown, lines of fields, and what these are mixed of."""
Reason = Literal["empty", "comment", "unread"]
"""Why a line is no claim: empty or undecided, a comment or a note to do, or not to be made into a sentence."""


@dataclass(frozen=True)
class Heading:
    """A heading; ``names`` where it surely names a character. A lower ``level`` contains a higher one."""

    title: str
    level: int
    line: Line
    names: bool = False


@dataclass(frozen=True)
class Field:
    """A label with its value, and the lines that both come from."""

    label: str
    value: str
    lines: tuple[Line, ...]

    @property
    def source(self) -> str:
        """The verbatim lines."""
        return "\n".join(line.source for line in self.lines)


@dataclass(frozen=True)
class Prose:
    """Consecutive lines of prose or of a list."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Unread:
    """A line that is no claim."""

    line: Line
    reason: Reason


Item = Heading | Field | Prose | Unread
Items = tuple[Item, ...]


@dataclass(frozen=True)
class SheetText:
    """The text of a backstory file, the layout in which it is written, and notices on how it was read."""

    text: str
    layout: Layout = "text"
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """What a sheet says of one character; ``name`` is as the sheet writes it, empty where it names nobody."""

    name: str
    items: Items
    notices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The lines of the part, without comments."""
        stated = (item for item in self.items if not isinstance(item, Unread) or item.reason != "comment")
        lines = {line.number: line.source for item in stated for line in lines_of(item)}
        return "\n".join(lines[number] for number in sorted(lines))


def lines_of(item: Item) -> tuple[Line, ...]:
    """Return the lines of an item."""
    return (item.line,) if isinstance(item, (Heading, Unread)) else item.lines


def listed(numbers: Sequence[int]) -> str:
    """Return line numbers in words: "line 3", "lines 3 and 7", "lines 3, 7 and 9"; at most twenty are named."""
    shown = [str(number) for number in dict.fromkeys(numbers)]
    if len(shown) == 1:
        return f"line {shown[0]}"
    last = shown[-1] if len(shown) <= 20 else f"{len(shown) - 20} more"
    return f"lines {', '.join(shown[: min(len(shown) - 1, 20)])} and {last}"
