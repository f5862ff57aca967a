"""Names that a backstory spells one letter off those of the novel: "Pemrose" for "Penrose"."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import takewhile

from pipeline.language.folding import fold_aligned
from pipeline.language.words import LETTER_WORD
from pipeline.records import Novel, Span
from pipeline.text.names import find_phrases

_SHORTEST = 4
_POSSESSIVE = re.compile(r"['’]s?\Z")


def notices_on_names(novel: Novel, *texts: str) -> tuple[str, ...]:
    """Return a notice for each name in ``texts`` that the novel never has, and that is one letter off one it has.

    A letter is added, left out, replaced, or exchanged with its neighbour.
    """
    names, printed, present = _vocabulary(novel.text, novel.body)
    unknown = {
        _bare(word): _POSSESSIVE.sub("", word)
        for text in texts
        for word in LETTER_WORD.findall(text)
        if word[0].isupper() and len(_bare(word)) >= _SHORTEST
    }
    return tuple(
        f"the backstory writes {word!r}, which is nowhere in the novel; it has {printed[near]!r}: correct the name if "
        "the same person is meant"
        for key, word in unknown.items()
        if key not in present and (near := _nearest(key, names))
    )


@lru_cache(maxsize=2)
def _vocabulary(text: str, body: Span) -> tuple[Counter[str], dict[str, str], frozenset[str]]:
    """Return how often each folded word of a name occurs, the word as printed, and all folded words."""
    count: Counter[str] = Counter()
    printed: dict[str, str] = {}
    for phrase in find_phrases(text, body):
        for word in LETTER_WORD.findall(text[phrase.start : phrase.end]):
            key = _bare(word)
            if word[0].isupper() and len(key) >= _SHORTEST:
                count[key] += 1
                printed.setdefault(key, _POSSESSIVE.sub("", word))
    return count, printed, frozenset(map(_bare, set(LETTER_WORD.findall(text[slice(*body)]))))


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", fold_aligned(word))


def _nearest(word: str, names: Counter[str]) -> str:
    """Return the most frequent name that is one letter off, or an empty string."""
    near = [name for name in names if _is_one_off(word, name)]
    return max(near, key=lambda name: (names[name], name), default="")


def _is_one_off(word: str, name: str) -> bool:
    """Return True if one letter is added, left out, replaced or exchanged with its neighbour."""
    if abs(len(word) - len(name)) > 1 or word == name:
        return False
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, name, strict=False)))
    one, other = word[start:], name[start:]
    exchanged = one[:2] == other[1::-1] and one[2:] == other[2:]
    return one[1:] == other[1:] or one[1:] == other or one == other[1:] or (len(one) > 1 and exchanged)
