"""Break very long tokens: spaCy strips affixes from a token one by one, in a time quadratic in its length."""

from __future__ import annotations

import re

_LONG_TOKEN = re.compile(r"\S{200,}")
_MARKS = re.compile(r"(?:[^\w\s]|_){20,}")
_KEPT_MARKS = 10
_LONG_RUN = re.compile(r"(\S{100})\w")


def break_long_tokens(text: str) -> str:
    """Return ``text`` with spaces inside every token of 200 characters or more; its length stays the same.

    Such a token is not a word. Ten thousand asterisks in a row take the tokenizer twenty seconds.
    """
    return _LONG_TOKEN.sub(lambda token: _broken(token[0]), text)


def _broken(token: str) -> str:
    token = _MARKS.sub(lambda marks: marks[0][:_KEPT_MARKS].ljust(len(marks[0])), token)
    return _LONG_RUN.sub(r"\1 ", token)
