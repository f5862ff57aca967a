"""Word stems, by which BM25 and the lexical features compare texts."""

from __future__ import annotations

import re
from functools import lru_cache

import Stemmer

from pipeline.language.bm25 import STOPWORDS_EN_PLUS
from pipeline.language.folding import fold
from pipeline.language.words import WORD

_CONTRACTION = re.compile(r"'(?:s|d|m|t|ll|re|ve)$")
# The list contains the halves of "won't" and "don't", which are words by themselves.
_STOP_WORDS = frozenset(STOPWORDS_EN_PLUS) - {"won", "don", "ma"}
_STEMMER = Stemmer.Stemmer("english")


@lru_cache(maxsize=1 << 14)
def stems(text: str) -> tuple[str, ...]:
    """Return the word stems of a text in its order, with repetitions, as the index analyses its chunks.

    Case, accents, possessive endings and stop words are removed, numbers stay, and hyphens split words. Results are
    cached, as the claims of a table are compared with the same sentences again and again.
    """
    return analyse(text)


def analyse(text: str) -> tuple[str, ...]:
    """Compute ``stems(text)`` without its cache."""
    whole = (word for word in WORD.findall(fold(text)) if word not in _STOP_WORDS)
    bare = (_CONTRACTION.sub("", word) for word in whole)
    return tuple(_STEMMER.stemWords([word for word in bare if word not in _STOP_WORDS]))
