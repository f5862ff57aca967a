"""A claim with the sentences it is compared with, as analysed text: words, stems, names and hedges."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from pipeline.language.life_stage import find_life_stage
from pipeline.language.titles import BEFORE_NAMES
from pipeline.language.word_lists import word_set
from pipeline.language.words import WORD
from pipeline.records import CheckKind, Chunk, Claim, Span, TimeScope

Stems = Callable[[str], tuple[str, ...]]
Weight = Callable[[str], float]

NOT_NAMES = word_set(
    "i i'm i'd i'll i've god heaven chapter english french german american a an the and or but nor so yet if as after "
    "although at because before by despite during even following for from having he him his her hers it its later "
    "meanwhile on once one only over she since that their them then there they this those though through throughout to "
    "under until upon we when where whereas which while who whose with without not no yes what why how oh ah well now "
    "you your my me our us in into of these here"
)
"""Words that are often capitalised but do not name a person."""
_NARRATOR_NOUNS = word_set("narrator narrator's protagonist protagonist's")
_FIRST_PERSON = word_set("i me my myself i'm i'd i'll i've")
NARRATOR = "(i)"
"""The name under which a first-person narrator is recorded."""
_BEFORE_PLACES = word_set("of at in to from near for through into")
HEDGE_REACH = 70
"""Characters that precede a statement in which a hedge counts; after it, half as many."""
_HEDGE = re.compile(
    r"\b(?:not|never|nor|neither|hardly|scarcely|cannot|if|unless|whether|would|should|could|might|(?-i:may)|perhaps|"
    r"maybe|suppos\w+|as though|dream\w*|wish\w*|pretend\w*|disguis\w*|false\w*|lied|liars?|lying|rumou?r\w*|beliefs?|"
    r"believ\w+|thought|think|thinks|said to (?:be|have)|they say|people say|fears?|feared|(?-i:hop(?:e|es|ed|ing))|"
    r"threat\w*|imagin\w+|fanc(?:y|ied)|seem\w*|suspect\w*|presum\w+|suspicion|mistak\w+|wrongly|going to|about to|"
    r"shall|(?-i:will)|plans?|planned|fak(?:e|ed|ing)|alleged\w*|accus\w+|claim(?:s|ed|ing)?|as dead|for dead|"
    r"near(?:ly)?|almost)\b|n['’]t\b|['’](?:d|ll)\b|\?",
    re.IGNORECASE,
)
REACH = 12
"""Words on either side of a statement of the claim that are looked for in the passage."""
NEAR = 10
"""Words on either side of a statement of the book that count as near to it."""


class Word(NamedTuple):
    """A word of a text, also in lower case, and its range."""

    text: str
    lower: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The word in lower case without a possessive ending if it can be part of a name, else empty."""
        bare = self.lower.removesuffix("'s")
        named = self.text[0].isupper() and len(bare) > 1 and bare not in BEFORE_NAMES and bare not in NOT_NAMES
        return bare if named else ""


class Statement(NamedTuple):
    """A fact that a text states: its topic, its value, and the range of the words that state it.

    Two statements are comparable if their topics are equal. ``names`` are the words of the name of the person it is
    about, for the kinds whose finder looks for one.
    """

    topic: str
    value: Hashable
    span: Span
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AnalysedText:
    """A text with its words, stems and names; ``start`` is its offset in the novel, ``stemmer`` returns word stems."""

    text: str
    stemmer: Stems
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
    def stems(self) -> frozenset[str]:
        """The stems of the text."""
        return self._stems_of(self.words)

    @cached_property
    def names(self) -> frozenset[str]:
        """The words that can be part of a name, in lower case; ``NARRATOR`` if the text has a first person."""
        lower = {word.lower for word in self.words}
        narrator = {NARRATOR} if lower & (_FIRST_PERSON | _NARRATOR_NOUNS) else set()
        return frozenset(narrator | {word.name for word in self.words if word.name})

    def stem(self, word: Word) -> str:
        """Return the stem of a word, empty for a stop word."""
        return _stem(self.stemmer, word.text)

    def stems_around(self, span: Span, *, reach: int) -> frozenset[str]:
        """Return the stems of at most ``reach`` words on either side of a range, without those inside it."""
        inside = [number for number, word in enumerate(self.words) if word.start < span.end and word.end > span.start]
        if not inside:
            return frozenset()
        first, last = inside[0], inside[-1]
        near = (*self.words[max(first - reach, 0) : first], *self.words[last + 1 : last + 1 + reach])
        return self._stems_of(near)

    def last_name(self, start: int) -> frozenset[str]:
        """Return the words of the last name that ends by ``start``; ``NARRATOR`` if a first person is nearer.

        A name after a preposition ("of Lowdale") is most often a place and is skipped.
        """
        run: list[Word] = []
        for word in reversed([word for word in self.words if word.end <= start]):
            if run and self.text[word.end : run[-1].start].strip():
                break
            if word.name:
                run.append(word)
            elif run and word.lower not in _BEFORE_PLACES:
                break
            elif run:
                run.clear()
            elif word.lower in {"i", "my", "me"}:
                return frozenset({NARRATOR})
        return frozenset(word.name for word in run)

    def is_hedged(self, span: Span, *, reach: int = HEDGE_REACH) -> bool:
        """Return True if a hedge (negation, condition, dream, hearsay, deceit) is near a range.

        It counts within ``reach`` characters that precede the range, and within half as many that follow it.
        """
        return bool(_HEDGE.search(self.text[max(span.start - reach, 0) : span.end + reach // 2]))

    def _stems_of(self, words: Iterable[Word]) -> frozenset[str]:
        return frozenset(stem for word in words if (stem := self.stem(word)))


@lru_cache(maxsize=1 << 16)
def _stem(stemmer: Stems, word: str) -> str:
    return "".join(stemmer(word)[:1])


class Overlap(NamedTuple):
    """Words shared by claim and book, as summed inverse document frequencies: all, and those near the statement."""

    total: float
    near: float


@dataclass(frozen=True)
class Sentence:
    """A sentence of a passage, the sentence that precedes it there, its chunk and the text of the whole passage."""

    content: AnalysedText
    previous: AnalysedText | None
    chunk: Chunk
    passage: str

    @cached_property
    def time(self) -> TimeScope:
        """The time of life that the passage is about."""
        return _passage_time(self.passage)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in this sentence and the previous one."""
        return self.content.names | (self.previous.names if self.previous else frozenset())


class Finding(NamedTuple):
    """A check that may fire: the range of the claim, the sentence with its range, and the weight of shared words."""

    kind: CheckKind
    agrees: bool
    claim_span: Span
    sentence: Sentence
    sentence_span: Span
    strength: float


@dataclass(frozen=True)
class CheckContext:
    """All that the checks of one claim read: the claim, the names in it, and the sentences of its passages."""

    claim: Claim
    content: AnalysedText
    names: frozenset[str]
    character: frozenset[str]
    sentences: tuple[Sentence, ...]
    weight: Weight

    @cached_property
    def time(self) -> TimeScope:
        """The time of life that the claim is about."""
        return self.claim.time_scope if self.claim.time_scope != "unspecified" else find_life_stage(self.claim.text)

    def overlap(self, span: Span, sentence: Sentence, sentence_span: Span, *, without: str = "") -> Overlap:
        """Return how many of the words around a statement of the claim recur; the previous sentence counts half.

        The character's own names do not count, and an overlap of names alone is none.
        """
        around = self.content.stems_around(span, reach=REACH) - {without} - self._character_stems
        here = around & sentence.content.stems
        previous = (around & sentence.previous.stems) - here if sentence.previous else frozenset()
        if here | previous <= self._name_stems:
            return Overlap(0.0, 0.0)
        near = around & sentence.content.stems_around(sentence_span, reach=NEAR)
        return Overlap(self._weigh(here) + self._weigh(previous) / 2, self._weigh(near))

    def may_conflict(self, span: Span, sentence: Sentence, sentence_span: Span) -> bool:
        """Return True if neither side is hedged and both are about the same time of life."""
        elsewhen = self.time != sentence.time and "childhood" in {self.time, sentence.time}
        return not elsewhen and self.is_plain(span, sentence, sentence_span)

    def is_plain(self, span: Span, sentence: Sentence, sentence_span: Span, *, reach: int = HEDGE_REACH) -> bool:
        """Return True if no hedge is near either statement."""
        hedged = self.content.is_hedged(span, reach=reach) or sentence.content.is_hedged(sentence_span, reach=reach)
        return not hedged

    @cached_property
    def _character_stems(self) -> frozenset[str]:
        return frozenset(stem for name in self.character for stem in self.content.stemmer(name))

    @cached_property
    def _name_stems(self) -> frozenset[str]:
        return frozenset(stem for name in self.names for stem in self.content.stemmer(name))

    def _weigh(self, stems: Collection[str]) -> float:
        return sum(self.weight(stem) for stem in sorted(stems))


@lru_cache(maxsize=256)
def _passage_time(passage: str) -> TimeScope:
    return find_life_stage(passage)
