"""Relatives of named people (father, sister, cousin, wife), and orphans, widows and only children."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.judging.checks.context import NARRATOR, NOT_NAMES, AnalysedText, Statement
from pipeline.language.titles import BEFORE_NAMES
from pipeline.records import Span

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
"""The relations that are the inverse of each relation."""
ONLY_ONE = _PARENT | _SPOUSE
"""Relations in which a person has only one relative at a time."""

_TITLED = r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Sir|Lady|Lord|Captain|Colonel|Major|General|M|Mme|Mlle)\.? )?"
NAME = rf"{_TITLED}[A-Z][a-zà-ÿ]+(?:-[A-Z][a-zà-ÿ]+)*(?: [A-Z][a-zà-ÿ]+){{0,2}}"
"""Pattern of a name, with its title if it has one."""
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
_STATUS = re.compile(
    r"\b(?:was|is|were|as|being|became|become|left|remained|,|the|had been) (?:(?:an?|the|his|her|their) )?"
    r"(?:young |poor |rich )?(?P<status>orphan|widow|widower|only child|only son|only daughter|bachelor"
    r"|spinster)\b(?!['’-])"
)
_SIBLING_OF = re.compile(
    rf"\b(?P<owner>{NAME}['’]s?|[Hh]is|[Hh]er|[Mm]y) (?:\w+ )?(?P<which>brother|sister)\b(?!-|['’]s? in)"
)
_RULED_OUT = {"only child": ("brother", "sister"), "only son": ("brother",), "only daughter": ("sister",)}


class Person(NamedTuple):
    """A person as a text names them: the words of the name in lower case, and the title."""

    words: frozenset[str]
    title: str = ""

    def may_be(self, other: Person) -> bool:
        """Return True if the two can be one person: all words of the shorter name are in the longer.

        "Lady Hale" need not be "Ann Hale", nor "Mr Hale" "Mrs Hale": a surname with a title matches only itself.
        """
        if not (self.words and other.words and (self.words <= other.words or other.words <= self.words)):
            return False
        if self.title == other.title:
            return True
        titled, bare = (self, other) if self.title else (other, self)
        return not bare.title and (len(titled.words) > 1 or len(bare.words) == 1)


class Kin(NamedTuple):
    """A named relative: of which person (``owner``), the relation, the relative, and the range of the words.

    ``owner`` is None if the text has only a pronoun, which is then in ``pronoun``. ``former`` marks a first, second or
    dead one.
    """

    owner: Person | None
    pronoun: str
    relation: str
    person: Person
    former: bool
    span: Span


def find_kin(content: AnalysedText) -> Iterator[Kin]:
    """Yield the relatives that a text names: "his cousin Ann", "Ann, Tom's sister", "Ann is the wife of Tom"."""
    text = re.sub(r"\s", " ", content.text)
    for form in _FORMS:
        for match in form.finditer(text):
            person, (owner, pronoun) = person_of(match["name"]), owner_of(match["owner"])
            if person is None or (owner is None and not pronoun):
                continue
            former = bool(re.search(r"\b(?:first|second|late|dead)\b", match["mark"]))
            yield Kin(owner, pronoun, match["relation"], person, former, Span(*match.span()))


def person_of(name: str) -> Person | None:
    """Return the person of a name; None for capitalised words that are not a name."""
    first, *_ = name.split()
    words = name_words(name)
    title = first.rstrip(".").lower() if first.rstrip(".").lower() in BEFORE_NAMES else ""
    return None if not words or words & NOT_NAMES else Person(words, title)


def owner_of(words: str) -> tuple[Person | None, str]:
    """Return the person that a possessive means, or None and its pronoun; "my" and "our" mean ``NARRATOR``."""
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


def compare_kin(claimed: Kin, found: Kin) -> bool | None:
    """Return True if a relative in the book agrees with the claim's, False if not, None if the two are not comparable.

    A pronoun is taken to match any owner; the caller checks whether it can.
    """
    if claimed.person.may_be(found.person) and _have_same_owner(claimed, found):
        agrees = claimed.relation == found.relation
        return agrees if agrees or not _has_one_narrator(claimed, found) else None
    if claimed.owner is None or found.owner is None:
        return None
    if claimed.person.may_be(found.owner) and claimed.owner.may_be(found.person):
        return found.relation in INVERSE[claimed.relation]
    same = claimed.relation == found.relation and claimed.relation in ONLY_ONE and claimed.owner.may_be(found.owner)
    titled = claimed.person.title or found.person.title or claimed.former or found.former
    return False if same and not titled and not claimed.person.words & found.person.words else None


def _have_same_owner(claimed: Kin, found: Kin) -> bool:
    if claimed.owner is not None and found.owner is not None:
        return claimed.owner.may_be(found.owner)
    return not (claimed.pronoun and found.pronoun) or claimed.pronoun == found.pronoun


def _has_one_narrator(claimed: Kin, found: Kin) -> bool:
    """Return True if exactly one of the two has "my": in dialogue it can be any speaker's."""
    narrators = [one.owner is not None and NARRATOR in one.owner.words for one in (claimed, found)]
    return narrators[0] != narrators[1]


def find_statuses(content: AnalysedText) -> Iterator[Statement]:
    """Yield orphans, widows and only children, each with the last name that precedes the word."""
    text = re.sub(r"\s", " ", content.text)
    for match in _STATUS.finditer(text):
        span = Span(*match.span("status"))
        yield Statement("status", match["status"], span, content.last_name(span.start))


def find_siblings(content: AnalysedText) -> Iterator[Statement]:
    """Yield the brothers and sisters that a text mentions, with the name of whose they are, empty for a pronoun."""
    text = re.sub(r"\s", " ", content.text)
    for match in _SIBLING_OF.finditer(text):
        owner, pronoun = owner_of(match["owner"])
        if owner is not None or pronoun:
            names = owner.words if owner else frozenset[str]()
            yield Statement("sibling", match["which"], Span(*match.span()), names)


def are_at_odds(status: object, sibling: object) -> bool:
    """Return True if an only child (son, daughter) cannot have such a sibling."""
    return sibling in _RULED_OUT.get(str(status), ())
