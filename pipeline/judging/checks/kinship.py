"""Who is whose father, sister, cousin or wife, as a text says it of people by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.judging.checks.words import NARRATOR, NO_NAMES, View
from pipeline.language.titles import BEFORE_NAMES

_PARENT = frozenset(["father", "mother"])
_CHILD = frozenset(["son", "daughter"])
_SIBLING = frozenset(["brother", "sister"])
_ELDER = frozenset(["uncle", "aunt"])
_YOUNGER = frozenset(["nephew", "niece"])
_SPOUSE = frozenset(["husband", "wife"])
_COUSIN = frozenset(["cousin"])
_GRAND = frozenset(["grandfather", "grandmother"])
_GRANDCHILD = frozenset(["grandson", "granddaughter"])
INVERSE: dict[str, frozenset[str]] = {
    word: back
    for words, back in (
        (_PARENT, _CHILD), (_CHILD, _PARENT), (_SIBLING, _SIBLING), (_ELDER, _YOUNGER), (_YOUNGER, _ELDER),
        (_SPOUSE, _SPOUSE), (_COUSIN, _COUSIN), (_GRAND, _GRANDCHILD), (_GRANDCHILD, _GRAND),
    )
    for word in words
}  # fmt: skip
"""To each relation the relations that lead back."""
ONLY_ONE = _PARENT | _SPOUSE
"""Relations in which a person has one relative at a time."""

_TITLED = r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Sir|Lady|Lord|Captain|Colonel|Major|General|M|Mme|Mlle)\.? )?"
NAME = rf"{_TITLED}[A-Z][a-zà-ÿ]+(?:-[A-Z][a-zà-ÿ]+)*(?: [A-Z][a-zà-ÿ]+){{0,2}}"
"""A name with its title, as a pattern."""
_RELATION = rf"(?P<relation>{'|'.join(INVERSE)})(?![\w'’-])"
_MARKED = (
    r"(?:(?:only|own|elder|eldest|older|oldest|younger|youngest|twin|dear|little|big|poor|beloved|aged|old|young|first|"
    r"second|late|dead) ){0,2}"
)
_OWNER = rf"(?P<owner>{NAME}['’]s?|[Hh]is|[Hh]er|[Mm]y|[Oo]ur|[Tt]heir)"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_OWNER} (?P<mark>{_MARKED}){_RELATION} (?P<name>{NAME})\b(?!['’]s? \w)",
        rf"{_OWNER} (?P<mark>{_MARKED}){_RELATION}, (?P<name>{NAME})(?=[,;.)])",
        rf"(?P<name>{NAME}), {_OWNER} (?P<mark>{_MARKED}){_RELATION}(?=[,;.)])",
        rf"(?P<name>{NAME}) (?:is|was) {_OWNER} (?P<mark>{_MARKED}){_RELATION}(?=[,;.)]| and\b| who\b| but\b)",
        rf"(?P<name>{NAME})(?:,| is| was) (?:the|a) (?P<mark>{_MARKED}){_RELATION} of (?P<owner>{NAME})",
    )
)


class Person(NamedTuple):
    """Somebody as a text names him: the words of the name in lower case, and the title before it."""

    words: frozenset[str]
    title: str = ""

    def may_be(self, other: Person) -> bool:
        """Say whether the two can be one person: all words of the shorter name stand in the longer.

        "Lady Hale" need not be "Ann Hale", nor "Mr Hale" "Mrs Hale": a bare surname with a title is only itself.
        """
        if not (self.words and other.words and (self.words <= other.words or other.words <= self.words)):
            return False
        if self.title == other.title:
            return True
        titled, bare = (self, other) if self.title else (other, self)
        return not bare.title and (len(titled.words) > 1 or len(bare.words) == 1)


class Kin(NamedTuple):
    """A relative: whose, which relation, by what name, and where it stands.

    ``owner`` is None where only a pronoun says whose, which then stands in ``pronoun``. ``former`` marks a first or a
    late one.
    """

    owner: Person | None
    pronoun: str
    relation: str
    person: Person
    former: bool
    start: int
    end: int


def find_kin(view: View) -> Iterator[Kin]:
    """Yield the relatives that a text names: "his cousin Ann", "Ann, Tom's sister", "Ann is the wife of Tom"."""
    text = re.sub(r"\s", " ", view.text)
    for form in _FORMS:
        for match in form.finditer(text):
            person, (owner, pronoun) = person_of(match["name"]), owner_of(match["owner"])
            if person is None or (owner is None and not pronoun):
                continue
            former = bool(re.search(r"\b(?:first|second|late|dead)\b", match["mark"]))
            yield Kin(owner, pronoun, match["relation"], person, former, *match.span())


def person_of(name: str) -> Person | None:
    """Return whom a name means; None for capitalised words that are no name."""
    first, *_ = name.split()
    words = name_words(name)
    title = first.rstrip(".").lower() if first.rstrip(".").lower() in BEFORE_NAMES else ""
    return None if not words or words & NO_NAMES else Person(words, title)


def owner_of(words: str) -> tuple[Person | None, str]:
    """Return whose something is by the words before it: a person, or None and the pronoun; I am ``NARRATOR``."""
    pronoun = words.lower()
    if pronoun in {"my", "our"}:
        return Person(frozenset({NARRATOR})), ""
    if pronoun in {"his", "her", "their"}:
        return None, pronoun
    return person_of(re.sub(r"['’]s?$", "", words)), ""


def name_words(name: str) -> frozenset[str]:
    """Return the words of a name in lower case, without titles."""
    words = (word.rstrip(".").lower() for word in name.split())
    return frozenset(word for word in words if word not in BEFORE_NAMES)


def compare_kin(claimed: Kin, told: Kin) -> bool | None:
    """Say whether the book's relative agrees with the claim's; None where they do not speak of the same people.

    Whether a pronoun means the owner that the other names is left to the caller.
    """
    if claimed.person.may_be(told.person) and _same_owner(claimed, told):
        agrees = claimed.relation == told.relation
        return agrees if agrees or not _is_one_speaker(claimed, told) else None
    if claimed.owner is None or told.owner is None:
        return None
    if claimed.person.may_be(told.owner) and claimed.owner.may_be(told.person):
        return told.relation in INVERSE[claimed.relation]
    same = claimed.relation == told.relation and claimed.relation in ONLY_ONE and claimed.owner.may_be(told.owner)
    titled = claimed.person.title or told.person.title or claimed.former or told.former
    return False if same and not titled and not claimed.person.words & told.person.words else None


def _same_owner(claimed: Kin, told: Kin) -> bool:
    if claimed.owner is not None and told.owner is not None:
        return claimed.owner.may_be(told.owner)
    return not (claimed.pronoun and told.pronoun) or claimed.pronoun == told.pronoun


def _is_one_speaker(claimed: Kin, told: Kin) -> bool:
    """Say whether only one of the two says "my": it may be anybody's in talk."""
    said = [one.owner is not None and NARRATOR in one.owner.words for one in (claimed, told)]
    return said[0] != said[1]
