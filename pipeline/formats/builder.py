"""Build the text of a manuscript from words and breaks, with the places of its headings and anchors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from pipeline.formats.manuscript import Mark

PARAGRAPH, SECTION = "\n\n", "\n\n\n"
SCENE_BREAK = "* * *"
_SPACE = re.compile(r"\s+")
_COMBINING = re.compile("[\u0300-\u036f]")
# Soft hyphens, zero-width spaces, word joiners, marks of direction and of byte order are signs for the printer.
_INVISIBLE = dict.fromkeys([0x00AD, 0x034F, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, 0xFEFF])
_REST_OF_WORD = re.compile(r"[^\W\d_]+")
_ONE_LETTER_WORDS = "AIO"


class Checkpoint(NamedTuple):
    """What ``TextBuilder.rollback`` goes back to."""

    parts: int
    length: int
    gap: str
    heading: Checkpoint | None
    initial: str


class TextBuilder:
    """Collects words; runs of white space and of breaks become one, and none is at either end.

    ``is_word`` says whether some letters are a word of the manuscript: it decides whether a large initial is a word
    itself ("A man") or the first letter of one ("A|fter").
    """

    def __init__(self) -> None:
        self.is_word: Callable[[str], bool] = lambda letters: False
        self.anchors: dict[str, int] = {}
        self.headings: list[Mark] = []
        self.set_apart: list[Mark] = []
        self._parts: list[str] = []
        self._length = 0
        self._gap = ""
        self._rule = False
        self._initial = ""
        self._level: int | None = None
        self._heading: Checkpoint | None = None
        self._waiting: list[str] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    @property
    def at_block_start(self) -> bool:
        """True if the next words begin a paragraph."""
        return not self._length or self._gap.startswith(PARAGRAPH)

    @property
    def in_heading(self) -> bool:
        """True between ``open_heading`` and ``close_heading``."""
        return self._level is not None

    def add(self, words: str) -> None:
        """Append words; their white space collapses."""
        words = words.translate(_INVISIBLE)
        plain = _SPACE.sub(" ", unicodedata.normalize("NFC", words) if _COMBINING.search(words) else words)
        if plain.startswith(" "):
            self.owe(" ")
        if inner := plain.strip(" "):
            self._append(inner)
            if plain.endswith(" "):
                self.owe(" ")

    def add_initial(self, letter: str) -> None:
        """Append the large initial of a paragraph, perhaps after a quotation mark; it joins the rest of its word."""
        self._append(letter)
        self._initial = letter[-1]

    def owe(self, gap: str) -> None:
        """Put ``gap`` before the next words, unless a larger one is there already."""
        if self._length and (gap.count("\n"), len(gap)) > (self._gap.count("\n"), len(self._gap)):
            self._gap = gap

    def owe_rule(self) -> None:
        """Put the sign of a scene break before the next words, unless they are a heading."""
        self.owe(PARAGRAPH)
        self._rule = bool(self._length)

    def anchor(self, name: str) -> None:
        """Remember the place of the next words as ``name``."""
        self._waiting.append(name)

    def open_heading(self, level: int) -> None:
        """Begin a heading, a paragraph of its own; one that was never closed ends with its first paragraph."""
        self._end_heading(first_paragraph=True)
        self.owe(PARAGRAPH)
        self._level, self._heading, self._rule = level, None, False

    def close_heading(self) -> None:
        """End the heading; one without words leaves no mark."""
        self._end_heading(first_paragraph=False)
        self.owe(PARAGRAPH)

    def mark_set_apart(self, point: Checkpoint) -> None:
        """Mark the words since a checkpoint as a line that looks like a heading."""
        words = self.since(point)
        if words and "\n\n" not in words:
            start = self._length - len(words)
            self.set_apart.append(Mark(start, self._length, 1, _SPACE.sub(" ", words)))

    def checkpoint(self) -> Checkpoint:
        """Return the present end of the text."""
        return Checkpoint(len(self._parts), self._length, self._gap, self._heading, self._initial)

    def rollback(self, point: Checkpoint) -> None:
        """Remove all words since a checkpoint of the same paragraph."""
        del self._parts[point.parts :]
        gap = self._gap
        _, self._length, self._gap, self._heading, self._initial = point
        self.owe(gap)

    def since(self, point: Checkpoint) -> str:
        """Return the words since a checkpoint."""
        return "".join(self._parts[point.parts :]).strip()

    def before(self, point: Checkpoint, count: int) -> str:
        """Return the ``count`` characters before a checkpoint, nothing where a gap is between."""
        return "" if point.gap else "".join(self._parts[max(point.parts - count, 0) : point.parts])[-count:]

    def finish(self) -> None:
        """End a heading that is still open, and let the anchors that no words followed point at the end of the text."""
        self._end_heading(first_paragraph=True)
        self._place_anchors(self._length)

    def _end_heading(self, *, first_paragraph: bool) -> None:
        if self._level is not None and self._heading is not None:
            words = self.since(self._heading)
            words = words.split(PARAGRAPH)[0] if first_paragraph else words
            start = self._heading.length + len(self._heading.gap)
            self.headings.append(Mark(start, start + len(words), self._level, _SPACE.sub(" ", words)))
        self._level = self._heading = None

    def _append(self, words: str) -> None:
        if self._rule:
            self._rule = False
            self._append(SCENE_BREAK)
            self.owe(PARAGRAPH)
        if self._initial:
            self._gap, self._initial = self._gap_after_initial(words), ""
        if self._level is not None and self._heading is None:
            self._heading = self.checkpoint()
        start = self._length + len(self._gap)
        self._parts.append(self._gap + words)
        self._length, self._gap = start + len(words), ""
        self._place_anchors(start)

    def _gap_after_initial(self, words: str) -> str:
        rest = _REST_OF_WORD.match(words)
        alone = self._initial.upper() in _ONE_LETTER_WORDS and (rest is None or self.is_word(rest[0]))
        return " " if self._gap and alone else ""

    def _place_anchors(self, start: int) -> None:
        for name in self._waiting:
            self.anchors.setdefault(name, start)
        self._waiting.clear()
