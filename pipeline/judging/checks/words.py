"""Words with their stems and places, what a text states, and the words near it that take its firmness away."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from pipeline.language.titles import BEFORE_NAMES
from pipeline.language.word_lists import word_set
from pipeline.language.words import WORD

Stems = Callable[[str], tuple[str, ...]]
Weight = Callable[[str], float]

NO_NAMES = word_set(
    "i i'm i'd i'll i've god heaven chapter english french german american a an the and or but nor so yet if as after "
    "although at because before by despite during even following for from having he him his her hers it its later "
    "meanwhile on once one only over she since that their them then there they this those though through throughout to "
    "under until upon we when where whereas which while who whose with without not no yes what why how oh ah well now "
    "you your my me our us in into of these here"
)
"""Words that may begin with a capital letter and name nobody."""
_NARRATOR = word_set("narrator narrator's protagonist protagonist's")
_FIRST_PERSON = word_set("i me my myself i'm i'd i'll i've")
DOUBT_REACH = 70
"""Characters before a statement in which a word of doubt counts; behind it, half as many."""
NARRATOR = "(i)"
"""The name of whoever says I."""
_DOUBT = re.compile(
    r"\b(?:not|never|nor|neither|hardly|scarcely|cannot|if|unless|whether|would|should|could|might|(?-i:may)|perhaps|"
    r"maybe|suppos\w+|as though|dream\w*|wish\w*|pretend\w*|disguis\w*|false\w*|lied|liars?|lying|rumou?r\w*|beliefs?|"
    r"believ\w+|thought|think|thinks|said to (?:be|have)|they say|people say|fears?|feared|(?-i:hop(?:e|es|ed|ing))|"
    r"threat\w*|imagin\w+|fanc(?:y|ied)|seem\w*|suspect\w*|presum\w+|suspicion|mistak\w+|wrongly|going to|about to|"
    r"shall|(?-i:will)|plans?|planned|fak(?:e|ed|ing)|alleged\w*|accus\w+|claim(?:s|ed|ing)?|as dead|for dead|"
    r"near(?:ly)?|almost)\b|n['’]t\b|['’](?:d|ll)\b|\?",
    re.IGNORECASE,
)


class Word(NamedTuple):
    """A word as it stands in a text, in lower case, and its range."""

    text: str
    lower: str
    start: int
    end: int


class Stated(NamedTuple):
    """Something that a text states: about what, which value, and the range of the words that say so.

    Statements are comparable where their topics are equal. ``who`` are the words of the name it is said of, where the
    finder of a kind looks for one.
    """

    topic: str
    value: Hashable
    start: int
    end: int
    who: frozenset[str] = frozenset()


@dataclass(frozen=True)
class View:
    """A text with the analysis of its words; ``start`` is where it stands in its novel."""

    text: str
    stems: Stems
    start: int = 0

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words in reading order."""
        found = []
        for match in WORD.finditer(self.text):
            lower = match.group().lower().replace("’", "'")
            found.append(Word(match.group(), lower, *match.span()))
        return tuple(found)

    @cached_property
    def bag(self) -> frozenset[str]:
        """The stems of the text."""
        return self._bag(self.words)

    @cached_property
    def names(self) -> frozenset[str]:
        """The capitalised words in lower case, without titles, possessive endings and words that open sentences.

        Whoever says I, or is called the narrator, is ``NARRATOR``.
        """
        lower = {word.lower for word in self.words}
        said = {NARRATOR} if lower & (_FIRST_PERSON | _NARRATOR) else set()
        return frozenset(said | {name for word in self.words if (name := name_of(word))})

    def around(self, start: int, end: int, *, reach: int) -> frozenset[str]:
        """Return the stems at most ``reach`` words before or behind a range, without those in it."""
        inside = [number for number, word in enumerate(self.words) if word.start < end and word.end > start]
        if not inside:
            return frozenset()
        first, last = inside[0], inside[-1]
        near = (*self.words[max(first - reach, 0) : first], *self.words[last + 1 : last + 1 + reach])
        return self._bag(near)

    def stem(self, word: Word) -> str:
        """Return the stem of a word, empty for a stop word."""
        return _stem(self.stems, word.text)

    def _bag(self, words: Iterable[Word]) -> frozenset[str]:
        return frozenset(stem for word in words if (stem := self.stem(word)))

    def is_doubtful(self, start: int, end: int, *, reach: int = DOUBT_REACH) -> bool:
        """Say whether a word of negation, condition, dream, hearsay or deceit stands within ``reach`` characters.

        So much before the range; behind it, half as much.
        """
        return bool(_DOUBT.search(self.text[max(start - reach, 0) : end + reach // 2]))


@lru_cache(maxsize=1 << 16)
def _stem(stems: Stems, word: str) -> str:
    return "".join(stems(word)[:1])


def name_of(word: Word) -> str:
    """Return a capitalised word that can be a name, in lower case and without a possessive ending, else nothing."""
    bare = word.lower.removesuffix("'s")
    named = word.text[0].isupper() and len(bare) > 1 and bare not in BEFORE_NAMES and bare not in NO_NAMES
    return bare if named else ""
