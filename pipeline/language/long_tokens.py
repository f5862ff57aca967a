"""Text that spaCy's tokenizer can bear: it takes marks off a word one by one, in a time that grows with its square."""

from __future__ import annotations

import re

_UNBROKEN = re.compile(r"\S{200,}")
_MARKS = re.compile(r"(?:[^\w\s]|_){20,}")
_KEPT_MARKS = 10
_LONG = re.compile(r"(\S{100})\w")


def bearable(text: str) -> str:
    """Return ``text`` with spaces in what has 200 characters and no white space, and so is no word; its length stays.

    Ten thousand asterisks in a row take the tokenizer twenty seconds; a file of them would take days.
    """
    return _UNBROKEN.sub(lambda run: _loosened(run[0]), text)


def _loosened(run: str) -> str:
    run = _MARKS.sub(lambda marks: marks[0][:_KEPT_MARKS].ljust(len(marks[0])), run)
    return _LONG.sub(r"\1 ", run)
