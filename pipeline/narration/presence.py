"""Count what a narrator tells as "I" as presence: in the narrator's sentences, chunks and states."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.errors import CharacterError
from pipeline.language.folding import match_key
from pipeline.narration.narrators import Narration, Teller
from pipeline.records import Character, Chunk, Novel, Span
from pipeline.text.aliases import Alias, names_of
from pipeline.text.characters import resolve_character


@dataclass(frozen=True)
class ToldBy:
    """A teller as a person of the novel: all names, and where the novel names the person."""

    teller: Teller
    names: frozenset[str]
    places: frozenset[int]

    def is_same(self, character: Character) -> bool:
        """Return True if a character is this person: by name, or as most mentions of one are mentions of the other."""
        if not self.names.isdisjoint(map(match_key, character.name.split("/"))):
            return True
        places = {mention.start for mention in character.mentions}
        return 2 * len(places & self.places) > min(len(places), len(self.places))


@dataclass(frozen=True)
class Presence:
    """Adds to characters of one novel what they tell."""

    novel: Novel
    sentences: tuple[Span, ...]
    chunks: tuple[Chunk, ...]
    narration: Narration
    aliases: tuple[Alias, ...] = ()

    @cached_property
    def tellers(self) -> tuple[ToldBy, ...]:
        """The tellers as persons of the novel."""
        return tuple(map(self._told_by, self.narration.tellers))

    def find(self, name: str) -> Character:
        """Return a character with mentions and told sentences; a narrator need not be named in the novel.

        Raises:
            CharacterError: the novel neither names the character nor is told by it.
        """
        try:
            character = self._resolve(name)
        except CharacterError:
            keys = set(map(match_key, names_of(name, self.aliases)))
            if not any(keys & told.names for told in self.tellers):
                raise
            character = Character(name, (), (), (), ())
        return self._with_told(character, [told for told in self.tellers if told.is_same(character)])

    def in_cast(self, cast: Sequence[Character]) -> tuple[Character, ...]:
        """Return the cast with its narrators, those with most mentions and told sentences first."""
        persons = list(cast)
        for told in self.tellers:
            place = next((number for number, person in enumerate(persons) if told.is_same(person)), None)
            if place is None:
                persons.append(self.find(told.teller.name))
            else:
                persons[place] = self._with_told(persons[place], [told])
        return tuple(sorted(persons, key=lambda person: -len(person.mentions) - len(person.told)))

    def _told_by(self, teller: Teller) -> ToldBy:
        names = frozenset(map(match_key, names_of(teller.name, self.aliases)))
        try:
            places = frozenset(mention.start for mention in self._resolve(teller.name).mentions)
        except CharacterError:
            places = frozenset()
        return ToldBy(teller, names, places)

    def _resolve(self, name: str) -> Character:
        return resolve_character(name, self.novel, self.sentences, self.chunks, aliases=self.aliases)

    def _with_told(self, character: Character, told_by: Sequence[ToldBy]) -> Character:
        """Return the character with the sentences in which these tellers say "I" outside quotations."""
        spans = [span for told in told_by for span in told.teller.spans]
        told = sorted({*character.told, *(number for span in spans for number in self._sentences_with_i(span))})
        if not told:
            return character
        present = sorted({*character.sentences, *told})
        chunks = (chunk.index for chunk in self.chunks if _holds_any(chunk, present))
        return replace(character, told=tuple(told), sentences=tuple(present), chunks=tuple(chunks))

    def _sentences_with_i(self, span: Span) -> set[int]:
        offsets = self.narration.first_person
        inside = offsets[bisect_left(offsets, span.start) : bisect_left(offsets, span.end)]
        return {bisect_right(self._starts, offset) - 1 for offset in inside}

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.start for sentence in self.sentences]


def _holds_any(chunk: Chunk, numbers: Sequence[int]) -> bool:
    """Return True if a chunk has one of these sentences, whose numbers ascend."""
    place = bisect_left(numbers, chunk.first_sentence)
    return place < len(numbers) and numbers[place] < chunk.numbers.stop
