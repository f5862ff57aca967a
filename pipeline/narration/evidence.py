"""Weigh the signs of who "I" is in some parts of a novel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.language.folding import match_key
from pipeline.language.words import words_of
from pipeline.narration.first_person import Part
from pipeline.narration.quotations import Quotations
from pipeline.narration.signs import Address, Force, Introduction, count_addresses
from pipeline.records import Mention, Novel
from pipeline.text.names import parse_name
from pipeline.text.printed_names import recapitalised

_ADDRESSED = 5
"""How often a narrator must be addressed."""
_ADDRESSED_IN_A_PART = 8
"""The same where only a part of the novel is in the first person."""
_ADDRESSED_WITH_BYNAME = 3
_LEAST_ADDRESSED = 0.35
"""The share of addresses among a narrator's mentions in speech; of a person who is talked about it is a tenth."""
_MOST_NARRATED = 1 / 3
"""The most mentions in the narration for each time that the narrator is addressed."""
_MOST_NARRATED_IN_A_PART = 1 / 10
_RIVAL = 0.5
_FEW = 2
_CANDIDATES = 3


class Finding(NamedTuple):
    """The narrator of some parts: the name, empty where the signs do not suffice, how it was found, and candidates."""

    name: str
    how: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signs:
    """The signs in a novel."""

    novel: Novel
    quotations: Quotations
    introductions: Sequence[Introduction]
    mentions: Sequence[Mention]

    def weigh(self, parts: Sequence[Part], *, whole: bool) -> Finding:
        """Return the narrator of these parts; where they are not the ``whole`` novel, the signs must be stronger."""
        addresses = count_addresses(self.novel, self.quotations, self.mentions, [part.span for part in parts])
        introductions = [
            one
            for one in self.introductions
            if any(part.span.start <= one.offset < part.span.end for part in parts) and _is_credible(one, addresses)
        ]
        sure = _one_person(introductions, "sure", addresses)
        if sure:
            return self._introduced(sure, addresses)
        clear = _clear(addresses, whole=whole, title=self.novel.name)
        said = _one_person(introductions, "said", addresses)
        byname = _one_person(introductions, "byname", addresses)
        for introduced in filter(None, (said, byname)):
            named = _all_of(introduced.name, addresses)
            weight, narrated = sum(one.weight for one in named), sum(one.narrated for one in named)
            if weight >= _ADDRESSED_WITH_BYNAME and narrated <= weight * _RIVAL:
                return self._introduced(introduced, addresses)
        if clear:
            return Finding(_shown(clear.person.name), _addressed(clear))
        lone = said or byname
        if whole and lone:
            return self._introduced(lone, addresses)
        return Finding("", "", _candidates(introductions, addresses))

    def _introduced(self, one: Introduction, addresses: Sequence[Address]) -> Finding:
        known = address_of(one.name, addresses)
        names = [one.name, *([known.person.name] if known else [])]
        before = re.split(r"\n\s*\n|(?<=[.!?])\s", self.novel.text[max(0, one.offset - 60) : one.offset])[-1]
        line = " ".join(f"{before}{one.name}".split()).strip("“\"‘'_")
        return Finding(_shown(max(names, key=lambda name: len(parse_name(name).words))), f"“{line}”")

    def is_addressed(self, name: str, part: Part) -> bool:
        """Return True if others address this person in a part, whose narration does not name the person."""
        addresses = count_addresses(self.novel, self.quotations, self.mentions, [part.span])
        known = address_of(name, addresses)
        return known is not None and known.weight > 0 and not known.narrated


def address_of(name: str, addresses: Sequence[Address]) -> Address | None:
    """Return the counts of the person with this name, or with a name that has all its words; None if unknown."""
    words = set(parse_name(name).words)
    for same in (set.__eq__, set.issubset, set.issuperset):
        for address in addresses:
            forms = (address.person.name, *address.person.aliases)
            if any(same(words, set(parse_name(form).words)) for form in forms):
                return address
    return None


def _all_of(name: str, addresses: Sequence[Address]) -> list[Address]:
    """Return the counts of all forms of a name: "Allan", "Quatermain" and "Allan Quatermain" may be apart."""
    words = set(parse_name(name).words)
    return [
        address
        for address in addresses
        if (form := set(parse_name(address.person.name).words)) <= words or words <= form
    ]


def _is_credible(one: Introduction, addresses: Sequence[Address]) -> bool:
    """Return True if the narration does not treat the introduced person as another: "I, Tom, and three men"."""
    known = address_of(one.name, addresses)
    if known is None:
        return one.force != "weak"
    return known.narrated <= max(_FEW, known.quoted) and (one.force != "weak" or known.weight > 0)


def _one_person(
    introductions: Sequence[Introduction], force: Force, addresses: Sequence[Address]
) -> Introduction | None:
    """Return the introduction with the fullest name if all with this force name one person, else None."""
    chosen = [one for one in introductions if one.force == force]
    if len({_key(one.name, addresses) for one in chosen}) != 1:
        return None
    return max(chosen, key=lambda one: len(parse_name(one.name).words))


def _key(name: str, addresses: Sequence[Address]) -> str:
    known = address_of(name, addresses)
    return match_key(known.person.name if known else name)


def _clear(addresses: Sequence[Address], *, whole: bool, title: str) -> Address | None:
    """Return the person who is addressed as only a narrator is, if there is no rival, or only one is in the title."""
    least = _ADDRESSED if whole else _ADDRESSED_IN_A_PART
    share = _MOST_NARRATED if whole else _MOST_NARRATED_IN_A_PART
    fitting = [
        address
        for address in addresses
        if address.narrated <= share * address.weight and address.addressed >= _LEAST_ADDRESSED * address.quoted
    ]
    if not fitting or fitting[0].weight < least:
        return None
    rivals = [address for address in fitting if address.weight > _RIVAL * fitting[0].weight]
    words = set(words_of(title.replace("_", " ")))
    titled = [address for address in rivals if not words.isdisjoint(parse_name(address.person.name).words)]
    chosen = rivals if len(rivals) == 1 else titled
    return chosen[0] if len(chosen) == 1 and chosen[0].weight >= least else None


def _addressed(address: Address) -> str:
    return f"said to the narrator {address.addressed} times by others, and {address.narrated} in the narration"


def _candidates(introductions: Sequence[Introduction], addresses: Sequence[Address]) -> tuple[str, ...]:
    """Return the names that a user may choose from, those that others say to the narrator most often first."""
    addressed = [
        address.person.name
        for address in addresses
        if address.weight >= _FEW and address.narrated < address.weight and 4 * address.addressed >= address.quoted
    ]
    names = (*addressed[:_FEW], *(one.name for one in introductions), *addressed[_FEW:])
    return tuple(dict.fromkeys(map(_shown, names)))[:_CANDIDATES]


def _shown(name: str) -> str:
    printed = " ".join(name.split())
    return recapitalised(printed) if printed.isupper() else printed
