"""Who dies and who lives on, and by what a death comes, as a text says it of people by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pipeline.judging.checks.kinship import INVERSE, NAME, Person, owner_of, person_of
from pipeline.judging.checks.words import View

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
"""What somebody may live through."""


class Fate(NamedTuple):
    """What befell somebody: a person by name, or whose relative; dead or alive, by what, and where it stands."""

    person: Person | None
    relation: str
    owner: Person | None
    state: Literal["dead", "alive"]
    manner: str
    start: int
    end: int


def find_fates(view: View) -> Iterator[Fate]:
    """Yield who dies or lives on by the words of a text: "Tom was drowned", "the death of Ann", "her father died"."""
    text = re.sub(r"\s", " ", view.text)
    for form in _FORMS:
        for match in form.finditer(text):
            said = match.groupdict()
            relation = said.get("kin") or ""
            person = None if relation else person_of(said["person"])
            if person is None and not relation:
                continue
            owner = owner_of(said["owner"])[0] if relation else None
            manner = _MANNER.search(match.group())
            state: Literal["dead", "alive"] = "alive" if said.get("alive") else "dead"
            name = (manner.lastgroup or "") if manner and state == "dead" else ""
            yield Fate(person, relation, owner, state, name, *match.span())


def compare_fates(claimed: Fate, told: Fate) -> bool | None:
    """Say whether the book's fate agrees with the claim's; None where they are not one person's.

    Whether a pronoun means the owner that the other names is left to the caller.
    """
    if claimed.relation != told.relation or not _may_be(claimed, told):
        return None
    if claimed.manner and told.manner:
        return claimed.manner == told.manner
    if claimed.state == told.state:
        return True
    return None if {claimed.manner, told.manner} & _WOUNDS else False


def _may_be(claimed: Fate, told: Fate) -> bool:
    if claimed.relation:
        return claimed.owner is None or told.owner is None or claimed.owner.may_be(told.owner)
    return claimed.person is not None and told.person is not None and claimed.person.may_be(told.person)
