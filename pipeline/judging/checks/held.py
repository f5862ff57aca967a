"""A claim and the sentences it is held to, and how much of the words around a statement comes back in one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from pipeline.judging.checks.words import DOUBT_REACH, View, Weight
from pipeline.language.life_stage import find_life_stage
from pipeline.records import CheckKind, Chunk, Claim, TimeScope

REACH = 12
"""Words on either side of a statement of the claim that must come back in the passage."""
NEAR = 10
"""Words on either side of a statement of the book that count as near to it."""


class Need(NamedTuple):
    """How much must be shared, as summed inverse document frequencies: in all, and near to the book's statement."""

    shared: float
    near: float


@dataclass(frozen=True)
class Sentence:
    """A sentence of a passage: its analysis, that of the sentence before, its chunk and the text of that."""

    view: View
    before: View | None
    chunk: Chunk
    passage: str

    @cached_property
    def time(self) -> TimeScope:
        """The time of life that the passage tells of."""
        return _time_of(self.passage)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in the sentence and the one before."""
        return self.view.names | (self.before.names if self.before else frozenset())


class Finding(NamedTuple):
    """A check that would fire: on which range of the claim, on which of a sentence, and how much is shared."""

    kind: CheckKind
    agrees: bool
    claimed: tuple[int, int]
    sentence: Sentence
    told: tuple[int, int]
    strength: float


@dataclass(frozen=True)
class Held:
    """A claim before its passages: its analysis, who is named in it, and the sentences it is held to."""

    claim: Claim
    view: View
    names: frozenset[str]
    character: frozenset[str]
    sentences: tuple[Sentence, ...]
    weight: Weight

    @cached_property
    def time(self) -> TimeScope:
        """The time of life that the claim speaks of."""
        return self.claim.time_scope if self.claim.time_scope != "unspecified" else find_life_stage(self.claim.text)

    def shared(self, start: int, end: int, sentence: Sentence, told: tuple[int, int], without: str = "") -> Need:
        """Return how much of the words around a statement comes back; of the sentence before, half counts.

        The character's own names are no fact, and where only names come back, nothing does.
        """
        around = self.view.around(start, end, reach=REACH) - {without} - self._own_names
        here = around & sentence.view.bag
        before = (around & sentence.before.bag) - here if sentence.before else frozenset()
        if here | before <= self._all_names:
            return Need(0.0, 0.0)
        near = around & sentence.view.around(*told, reach=NEAR)
        weigh = self._weigh
        return Need(weigh(here) + weigh(before) / 2, weigh(near))

    def may_conflict(self, sentence: Sentence, claimed: tuple[int, int], told: tuple[int, int]) -> bool:
        """Say whether the sentence may be held against the claim: there is no doubt, and no other time of life."""
        other = self.time != sentence.time if "childhood" in {self.time, sentence.time} else False
        return not other and self.is_firm(sentence, claimed, told)

    def is_firm(
        self, sentence: Sentence, claimed: tuple[int, int], told: tuple[int, int], *, reach: int = DOUBT_REACH
    ) -> bool:
        """Say whether no word of doubt stands near either statement."""
        doubtful = self.view.is_doubtful(*claimed, reach=reach) or sentence.view.is_doubtful(*told, reach=reach)
        return not doubtful

    @cached_property
    def _own_names(self) -> frozenset[str]:
        return frozenset(stem for name in self.character for stem in self.view.stems(name))

    @cached_property
    def _all_names(self) -> frozenset[str]:
        return frozenset(stem for name in self.names for stem in self.view.stems(name))

    def _weigh(self, stems: Collection[str]) -> float:
        return sum(self.weight(stem) for stem in sorted(stems))


@lru_cache(maxsize=256)
def _time_of(passage: str) -> TimeScope:
    return find_life_stage(passage)
