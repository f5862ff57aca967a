"""Patterns for the words of a text, and its words in the form in which they are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.language.folding import fold

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""Letters and digits, with apostrophes inside. A hyphen ends a word; so does Project Gutenberg's mark of italics, _."""
HYPHENATED_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
"""As ``WORD``, with hyphens inside: "re-arrested" is one word."""
LETTER_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
"""As ``HYPHENATED_WORD``, without digits."""


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents and possessive endings; hyphens stay.

    >>> words_of("Dantès’s CELL, the boy's Kai-Koumou.")
    ['dantes', 'cell', 'the', 'boy', 'kai-koumou']
    """
    return [fold(word).removesuffix("'s") for word in HYPHENATED_WORD.findall(text)]


def across_lines(words: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of these words in this order, with any white space between them.

    >>> across_lines("kept the ferry".split()).search("She kept\\nthe ferry.").span()
    (4, 18)
    """
    return re.compile(r"\s+".join(map(re.escape, words)))
