"""Narrators that the user gives: "Jim Penrose", "1-10: Jim Penrose", or "none"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import NovelError, SettingError
from pipeline.language.folding import match_key
from pipeline.records import Novel, Span
from pipeline.text.novels import companion_path

NOBODY = "none"
"""The word for a novel that no character tells."""
_CHAPTERS = re.compile(r"\s*(?P<chapters>[\d\s,;–-]+):(?P<name>.*)", re.DOTALL)
_RANGE = re.compile(r"\s*(\d+)\s*(?:[-–]\s*(\d*))?\s*")


class GivenNarrator(NamedTuple):
    """A narrator by name, and the first and last chapter of each range; no range is the whole novel.

    A last chapter of None is the last one of the novel. An empty name is nobody.
    """

    name: str
    ranges: tuple[tuple[int, int | None], ...] = ()


def parse_narrator(text: str) -> GivenNarrator:
    """Read ``NAME``, ``1-10, 12: NAME``, ``11-: NAME`` or ``none``; raise SettingError for anything else.

    >>> parse_narrator("1-10, 12: Jim Penrose")
    GivenNarrator(name='Jim Penrose', ranges=((1, 10), (12, 12)))
    """
    match = _CHAPTERS.fullmatch(text)
    name = " ".join((match["name"] if match else text).split())
    ranges = tuple(map(_parse_range, re.split("[,;]", match["chapters"]))) if match else ()
    if not match_key(name) or None in ranges:
        raise SettingError(
            f"the narrator {text.strip()!r} is not valid; expected NAME, chapters with NAME as in '1-10, 12: Jim "
            f"Penrose', or {NOBODY}"
        )
    return GivenNarrator("" if match_key(name) == NOBODY else name, tuple(one for one in ranges if one))


def narrators_path(novel: Path) -> Path:
    """Return the path of the narrators of a novel."""
    return companion_path(novel, "narrators")


def load_narrators(path: Path) -> tuple[str, ...]:
    """Return the narrators in a file, one a line; none if there is no file. Lines that begin with # are ignored.

    Raises:
        NovelError: the file cannot be read, or a line is not a narrator.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise NovelError(f"{path} cannot be read ({reason}); expected a UTF-8 text file") from error
    given = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    for line in given:
        try:
            parse_narrator(line)
        except SettingError as error:
            raise NovelError(f"{path}: {error}") from error
    return given


def spans_of(narrator: GivenNarrator, novel: Novel) -> tuple[Span, ...]:
    """Return the ranges of text that a narrator tells; raises NovelError for a chapter that the novel does not have."""
    if not narrator.ranges:
        return (novel.body,)
    return tuple(_span(first, last, novel) for first, last in narrator.ranges)


def check_disjoint(narrators: Sequence[tuple[GivenNarrator, Iterable[Span]]]) -> None:
    """Raise NovelError if two narrators are given for one chapter."""
    ordered = sorted((span, narrator.name) for narrator, spans in narrators for span in spans)
    for (first, name), (second, other) in pairwise(ordered):
        if second.start < first.end:
            raise NovelError(
                f"two narrators are given for the same chapters, {name or NOBODY!r} and {other or NOBODY!r}; give each "
                "its own, as in '1-10: Jim Penrose'"
            )


def _parse_range(text: str) -> tuple[int, int | None] | None:
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    last = first if match[2] is None else int(match[2]) if match[2] else None
    return None if last is not None and last < first else (first, last)


def _span(first: int, last: int | None, novel: Novel) -> Span:
    chapters = len(novel.chapters)
    last = chapters if last is None else last
    if not chapters or first > chapters or last > chapters:
        found = f"has {chapters} chapters" if chapters else "has no chapters that were found"
        raise NovelError(
            f"{novel.name!r} {found}, and a narrator is given for {first}-{last}; chapters count from 1 in reading "
            "order, 0 is the text before the first"
        )
    start = novel.chapters[first - 1].start if first else novel.body.start
    return Span(start, novel.chapters[last - 1].end if last else novel.chapters[0].start)
