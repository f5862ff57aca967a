"""Fold text for comparison: without case and accents, with one kind of apostrophe."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_CACHED_LENGTH = 40
APOSTROPHES = "‘´`ʼʻˈʹ′‛＇՚ꞌ\x92"  # noqa: RUF001
"""Signs that stand for an apostrophe inside a word, besides those that are one: accents, primes, a lost code page."""
_PLAIN = str.maketrans(dict.fromkeys("’" + APOSTROPHES, "'") | dict.fromkeys("\u2010\u2011\u00ad¬", "-"))


def fold(text: str) -> str:
    """Return ``text`` in lower case, without accents, ligatures resolved, apostrophes straight; its length may change.

    >>> fold("Dantès’s ﬁle")
    "dantes's file"
    """
    if text.isascii():
        return text.lower()
    return text.replace("’", "'").translate(_WITHOUT_ACCENTS).casefold()


class _WithoutAccents(dict[int, str]):
    """Each character without its accents, computed when first needed."""

    def __missing__(self, number: int) -> str:
        decomposed = "'" if chr(number) in APOSTROPHES else unicodedata.normalize("NFKD", chr(number))
        self[number] = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
        return self[number]


_WITHOUT_ACCENTS = _WithoutAccents()


def fold_aligned(text: str) -> str:
    """Fold ``text`` character by character, so that an offset in the result is the same offset in ``text``."""
    return _fold_word(text) if len(text) <= _CACHED_LENGTH else _fold_characters(text)


@lru_cache(maxsize=1 << 16)
def _fold_word(word: str) -> str:
    return _fold_characters(word)


def _fold_characters(text: str) -> str:
    return text.translate({ord(character): _fold_character(character) for character in set(text)})


def match_key(name: str) -> str:
    """Return the folded letters and digits of a title or file name, by which two spellings are compared."""
    return "".join(character for character in fold_aligned(unicodedata.normalize("NFC", name)) if character.isalnum())


def _fold_character(character: str) -> str:
    """Return one character: the folded base letter if the rest is accents, otherwise the folded character."""
    plain = character.translate(_PLAIN)
    parts = unicodedata.normalize("NFD", plain)
    letter = parts[0] if all(map(unicodedata.combining, parts[1:])) else plain
    folded = letter.casefold()
    return folded if len(folded) == 1 else letter
