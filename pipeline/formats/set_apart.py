"""Lines that a page sets apart without marking them as headings: bold, centred, capitals, a class for chapters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.formats.builder import Checkpoint, TextBuilder
from pipeline.language.word_lists import word_set

CLASS = "set-apart"
"""The class of what another reader has found to be set apart."""
_BLOCKS = word_set("div p")
_BOLD = word_set("b strong")
_CENTRED_CLASS = re.compile(r"cent(?:er|re|ered|red)(?:ed)?|text-center")
_CHAPTER_CLASS = re.compile(
    rf"{CLASS}|(?:chapter|section)[-_]?(?:head|heading|name|title|number)?\d?|(?:heading|title)[-_]?\d?"
)
_CENTRED = re.compile(r"text-align\s*:\s*cent", re.I)
_BOLD_STYLE = re.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)", re.I)


class LineWatcher:
    """Watches the tags and words of a page, and marks in a builder the paragraphs that are set apart as a whole."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._bold: list[str] = []
        self._start: Checkpoint | None = None
        self._marked = self._plain = False

    def open(self, tag: str, attributes: Mapping[str, str], kinds: set[str]) -> None:
        """Note a start tag."""
        style = attributes.get("style", "")
        if tag in _BLOCKS:
            self._bold = [open_tag for open_tag in self._bold if open_tag not in _BLOCKS]
            self._start, self._plain = self._builder.checkpoint(), False
            self._marked = (
                attributes.get("align", "").lower() == "center"
                or _CENTRED.search(style) is not None
                or any(_CENTRED_CLASS.fullmatch(kind) or _CHAPTER_CLASS.fullmatch(kind) for kind in kinds)
            )
        if tag in _BOLD or _BOLD_STYLE.search(style) or "bold" in kinds or self._bold[-1:] == [tag]:
            self._bold.append(tag)

    def add(self, words: str) -> None:
        """Note words."""
        self._plain = self._plain or (not self._bold and bool(words.strip()))

    def close(self, tag: str) -> None:
        """Note an end tag."""
        if tag in _BLOCKS and self._start is not None:
            shown = self._marked or not self._plain or self._builder.since(self._start).isupper()
            if shown and not self._builder.in_heading:
                self._builder.mark_set_apart(self._start)
            self._start = None
        if self._bold[-1:] == [tag]:
            self._bold.pop()
