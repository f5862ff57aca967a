"""The record that every format gives: the text of a manuscript and the places that the file itself marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.records import Span


class Mark(NamedTuple):
    """A place where a part begins, as the file marks it: a heading, or an entry of its navigation.

    ``start`` to ``end`` is the heading as printed; both are equal where nothing is printed and ``title`` alone names
    the part. ``level`` is 1 for the largest parts, 0 for the title of the whole.
    """

    start: int
    end: int
    level: int
    title: str


class Section(NamedTuple):
    """One file of a folder of chapters: its name without the suffix, and the range of its text."""

    name: str
    span: Span


@dataclass(frozen=True)
class Manuscript:
    """The text of a manuscript (paragraphs end with a blank line) with its marks in order, and notices for the user.

    ``encoding`` is that of a text file, else the name of the format. ``set_apart`` are short lines that look like
    headings and are not marked as such. ``sections`` are the files of a folder.
    """

    text: str
    encoding: str
    headings: tuple[Mark, ...] = ()
    navigation: tuple[Mark, ...] = ()
    set_apart: tuple[Mark, ...] = ()
    sections: tuple[Section, ...] = ()
    notices: tuple[str, ...] = ()


def tracked_changes(program: str, **counts: int) -> tuple[str, ...]:
    """Return the notice of changes that nobody has accepted or rejected yet, if there are any."""
    found = ", ".join(
        f"{count} {kind.removesuffix('s') if count == 1 else kind}" for kind, count in counts.items() if count
    )
    if not found:
        return ()
    return (
        f"the document has tracked changes ({found}): it is read as if all were accepted; accept or reject them in "
        f"{program} to choose",
    )


Reader = Callable[[bytes, str], Manuscript]
"""Reads the bytes of a file; the string is its name for messages. Raises FormatError, or any error of a library."""
