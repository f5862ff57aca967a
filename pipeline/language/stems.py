"""Word stems: how texts are reduced to what BM25 and the lexical features compare."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import Stemmer

from pipeline.language.bm25 import STOPWORDS_EN_PLUS

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_CONTRACTION = re.compile(r"'(?:s|d|m|t|ll|re|ve)$")
# The list holds the halves of "won't" and "don't", which are words of their own.
_STOP_WORDS = frozenset(STOPWORDS_EN_PLUS) - {"won", "don", "ma"}
_STEMMER = Stemmer.Stemmer("english")


@lru_cache(maxsize=1 << 14)
def stems(text: str) -> tuple[str, ...]:
    """Return the word stems of a text, in its order and with repetitions, as the index analyses its chunks.

    Lower case, without accents, possessive endings and stop words; numbers stay. Hyphens part words. Answers are kept:
    the claims of a table meet the same sentences of their novel again and again.
    """
    return analyse(text)


def analyse(text: str) -> tuple[str, ...]:
    whole = (word for word in _WORD.findall(_fold(text)) if word not in _STOP_WORDS)
    bare = (_CONTRACTION.sub("", word) for word in whole)
    return tuple(_STEMMER.stemWords([word for word in bare if word not in _STOP_WORDS]))


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    return text.replace("’", "'").translate(_WITHOUT_MARKS).casefold()


class _WithoutMarks(dict[int, str]):
    """Each character without its accents, found when it is first met."""

    def __missing__(self, number: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(number))
        self[number] = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
        return self[number]


_WITHOUT_MARKS = _WithoutMarks()
