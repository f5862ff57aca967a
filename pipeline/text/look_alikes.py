"""Find words that differ from a name by what scanners confuse, so that the user can say whether they are the name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.language.folding import fold_aligned
from pipeline.language.words import LETTER_WORD
from pipeline.records import Character
from pipeline.text.names import parse_name

_CONFUSED = (
    "rn m", "nn m", "in m", "ni m", "cl d", "ci d", "li h", "vv w", "ii u", "ri n", "l i", "l t", "i t", "i r", "r t",
    "f t", "f s", "c e", "c o", "e o", "a o", "u n", "h b", "g q", "u v", "v y", "0 o", "1 l", "1 i", "5 s", "8 b",
)  # fmt: skip
_SHORTEST = 4
_MOST = 9
_RARE = 0.05
"""A look-alike that is oftener in the book than both, or half as often as the name, is a name of its own."""
_WORD = re.compile(r"[^\W_]+")


class LookAlike(NamedTuple):
    """A word of the book that looks like a word of a character's name, and how often each is there."""

    printed: str
    times: int
    name: str
    character: str

    def __str__(self) -> str:
        times = "once" if self.times == 1 else f"{self.times} times"
        return (
            f"{self.printed!r} ({times}) looks like {self.name!r} and is not counted as that name; if it is, give the "
            f"alias {self.printed}={self.character}"
        )


def count_words(text: str) -> Counter[str]:
    """Count the words of a text as they are printed."""
    return Counter(_WORD.findall(text))


def find_look_alikes(characters: Iterable[Character], words: Counter[str]) -> Iterator[LookAlike]:
    """Yield the look-alikes of the names of some characters among the ``words`` of their book."""
    printed, lower = _by_fold(words)
    taken = set[str]()
    for character in characters:
        forms = Counter(word for mention in character.mentions for word in _name_words(mention.text))
        taken |= {fold_aligned(form) for form in forms}
        for name, count in forms.most_common():
            for variant in _variants(fold_aligned(name)):
                found = printed.get(variant, Counter[str]())
                most = max(_RARE * count, min(_MOST, count / 2))
                if variant not in taken and 0 < found.total() <= most and not lower[variant]:
                    taken.add(variant)
                    yield LookAlike(found.most_common(1)[0][0], found.total(), name, character.name)


def _by_fold(words: Counter[str]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """Return the capitalised words by their folded form, and how often each folded word is in lower case."""
    capitalised: dict[str, Counter[str]] = {}
    lower = Counter[str]()
    for word, count in words.items():
        if word[0].islower():
            lower[fold_aligned(word)] += count
        else:
            capitalised.setdefault(fold_aligned(word), Counter())[word] += count
    return capitalised, lower


def _name_words(name: str) -> Iterator[str]:
    """Yield the words of a name as printed, without titles, particles and short ones."""
    own = set(parse_name(name).words)
    yield from (word for word in LETTER_WORD.findall(name) if len(word) >= _SHORTEST and fold_aligned(word) in own)


def _variants(word: str) -> Iterator[str]:
    """Yield the words that differ from a folded one by one confusion."""
    for pair in map(str.split, _CONFUSED):
        for seen, other in (pair, reversed(pair)):
            for match in re.finditer(re.escape(seen), word):
                yield word[: match.start()] + other + word[match.end() :]
