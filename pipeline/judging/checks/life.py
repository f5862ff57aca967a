"""Deaths and survivals of named people or their relatives, and the manner of a death."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pipeline.judging.checks.context import AnalysedText
from pipeline.judging.checks.kinship import INVERSE, NAME, Person, owner_of, person_of
from pipeline.records import Span

_BE = (
    r"(?:(?:is|was|are|were|be|been|being|has been|had been|gets|got|lay|lies|fell|falls|found)"
    r"(?: \w+ly| then| also| later| already| found| dead)? )"
)
_PERSON = rf"(?P<person>{NAME})"
_KIN = rf"(?P<owner>{NAME}['’]s?|[Hh]is|[Hh]er|[Mm]y) (?:\w+ )?(?P<kin>{'|'.join(INVERSE)})"
_MANNERS = {
    "drowned": "drowned|drowns", "hanged": "hanged|hung", "shot": "shot dead|shot", "stabbed": "stabbed",
    "poisoned": "poisoned", "strangled": "strangled", "beheaded": "beheaded|guillotined",
    "burned": "burned to death|burnt to death",
}  # fmt: skip
_PASSIVE = rf"{_BE}(?P<passive>killed|murdered|slain|dead|buried|executed|assassinated|{'|'.join(_MANNERS.values())})"
_THEN = r"(?:\w+ly |has |had |then |later |also |soon |since )*"
_ACTIVE = rf"{_THEN}(?P<active>dies|died|perishe[sd]|drowned|drowns|passes away|passed away)"
_LIVES = (
    rf"{_THEN}(?P<alive>survive[sd]|recovers|recovered|lived on|lives on|(?:is|was) (?:still |yet )?alive|outlive[sd])"
)
_WHO = rf"(?:{_PERSON}|{_KIN})"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_WHO} (?:{_PASSIVE}|{_ACTIVE}|{_LIVES})\b",
        rf"{_PERSON}['’]s? (?P<passive>death|murder|funeral|burial|corpse|dead body)\b",
        rf"\b(?P<passive>[Dd]eath|[Mm]urder|[Ff]uneral|[Bb]urial|[Cc]orpse|[Dd]ead body) of {_PERSON}",
        rf"\b(?P<active>kills|killed|murders|murdered|slays|slew|assassinate[sd]) {_PERSON}",
        rf"{_PERSON}['’]s? (?P<alive>survival|recovery)\b",
    )
)
_MANNER = re.compile("|".join(rf"(?P<{name}>\b(?:{forms})\b)" for name, forms in _MANNERS.items()))
_WOUNDS = frozenset(["shot", "stabbed", "poisoned", "strangled"])
"""Manners of death that a person may also survive as a wound."""


class Fate(NamedTuple):
    """A person's fate: named, or as the relative of an owner; dead or alive, the manner, and the range of the words."""

    person: Person | None
    relation: str
    owner: Person | None
    state: Literal["dead", "alive"]
    manner: str
    span: Span


def find_fates(content: AnalysedText) -> Iterator[Fate]:
    """Yield the fates that a text states: "Tom was drowned", "the death of Ann", "her father died"."""
    text = re.sub(r"\s", " ", content.text)
    for form in _FORMS:
        for match in form.finditer(text):
            parts = match.groupdict()
            relation = parts.get("kin") or ""
            person = None if relation else person_of(parts["person"])
            if person is None and not relation:
                continue
            owner = owner_of(parts["owner"])[0] if relation else None
            manner = _MANNER.search(match.group())
            state: Literal["dead", "alive"] = "alive" if parts.get("alive") else "dead"
            name = (manner.lastgroup or "") if manner and state == "dead" else ""
            yield Fate(person, relation, owner, state, name, Span(*match.span()))


def compare_fates(claimed: Fate, found: Fate) -> bool | None:
    """Return True if a fate in the book agrees with the claim's, False if not, None if the two are not comparable.

    A pronoun is taken to match any owner; the caller checks whether it can.
    """
    if claimed.relation != found.relation or not _may_be(claimed, found):
        return None
    if claimed.manner and found.manner:
        return claimed.manner == found.manner
    if claimed.state == found.state:
        return True
    return None if {claimed.manner, found.manner} & _WOUNDS else False


def _may_be(claimed: Fate, found: Fate) -> bool:
    if claimed.relation:
        return claimed.owner is None or found.owner is None or claimed.owner.may_be(found.owner)
    return claimed.person is not None and found.person is not None and claimed.person.may_be(found.person)
