"""Fold text for comparing names: no case, no accents, one kind of apostrophe and hyphen, every offset kept."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_WORD = 40
_PLAIN = str.maketrans({"’": "'", "‘": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-", "\u00ad": "-"})


def fold_text(text: str) -> str:
    """Fold ``text`` character by character, so that an offset in the result is the same offset in ``text``."""
    return _fold_word(text) if len(text) <= _WORD else _fold(text)


@lru_cache(maxsize=1 << 16)
def _fold_word(word: str) -> str:
    return _fold(word)


def _fold(text: str) -> str:
    return text.translate({ord(character): _fold_character(character) for character in set(text)})


def match_key(name: str) -> str:
    """Reduce a title or file name to what must be equal: folded letters and digits, nothing between them."""
    return "".join(character for character in fold_text(unicodedata.normalize("NFC", name)) if character.isalnum())


def _fold_character(character: str) -> str:
    """Return one character: the folded base letter where the rest is accents, otherwise the folded character."""
    plain = character.translate(_PLAIN)
    parts = unicodedata.normalize("NFD", plain)
    letter = parts[0] if all(map(unicodedata.combining, parts[1:])) else plain
    folded = letter.casefold()
    return folded if len(folded) == 1 else letter
