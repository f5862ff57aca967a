"""Word stems: how texts are reduced to what BM25 and the lexical features compare."""

from __future__ import annotations

import re
from functools import lru_cache

import Stemmer

from pipeline.language.bm25 import STOPWORDS_EN_PLUS
from pipeline.language.folding import fold
from pipeline.language.words import WORD

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
    whole = (word for word in WORD.findall(fold(text)) if word not in _STOP_WORDS)
    bare = (_CONTRACTION.sub("", word) for word in whole)
    return tuple(_STEMMER.stemWords([word for word in bare if word not in _STOP_WORDS]))
