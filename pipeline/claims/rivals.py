"""Whom a pronoun may mean besides the person: the persons that a text names before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.claims.dangling import MEN, WOMEN
from pipeline.language.verbs import form_of
from pipeline.language.word_lists import PREPOSITIONS, SUBORDINATORS, word_set
from pipeline.language.words import HYPHENATED_WORD

DETERMINERS = word_set("a an the this that these those some many several few no every each all both")
_PERSONS = word_set(
    "man men boy boys child lad youth mate captain father mother brother sister son uncle nephew cousin friend king "
    "prince duke count lord baron priest abbé abbe monk bishop general colonel major lieutenant sergeant soldier "
    "chief guide guard husband wife widow widower servant slave convict doctor physician lawyer judge merchant clerk "
    "student pupil apprentice gentleman gentlemen noble peer enemy enemies thief stranger infant baby heir comrade "
    "colleague shepherd nobleman spy witness victim patient guardian tutor rival accomplice emperor pope"
)
_PERSON_LIKE = re.compile(r"\w{2,}(?:er|or|ist|man|eer|smith)$")
_THINGS = word_set(
    "winter summer river water letter letters paper papers matter order number corner border temper power fever honor "
    "favor labor horror terror error color armor daughter sister mother never ever after under over later earlier "
    "other another together whether however mirror manor center quarter chapter cellar dinner supper weather danger "
    "anger hunger laughter slaughter murder thunder ladder timber powder silver copper leather feather shelter harbor "
    "rather either neither former latter tower september october november december easter lover disaster further "
    "half-brother minor prior inner outer upper lower better greater older younger elder bitter tender poor whatever "
    "wherever whenever"
)
_DATE_NAME = re.compile(
    r"(?<=\w )(?:January|February|March|April|May|June|July|August|September|October|November|December|Christmas"
    r"|Easter|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)(?=s?\b)"
)


def mentions_no_person(before: str) -> bool:
    """Return True if no word names or means a person who may be the antecedent of a later pronoun."""
    words = [word[0] for word in HYPHENATED_WORD.finditer(before)]
    if any(word[0].isupper() for word in words[1:]) or re.search(r"['’]s\b|s['’]\s", before):
        return False
    lowered = [word.lower() for word in words]
    if any(word in _PERSONS or (_PERSON_LIKE.match(word) and word not in _THINGS) for word in lowered):
        return False
    return not lowered or _is_common(lowered)


def _is_common(words: Sequence[str]) -> bool:
    """Return True if the first word of a sentence, which always has a capital, is not a name."""
    first = words[0]
    closed = (
        PREPOSITIONS
        | SUBORDINATORS
        | DETERMINERS
        | {"one", "two", "three", "again", "only", "what", "long", "too", "x"}
    )
    endings = ("s", "ing", "ed", "ion", "ment", "ness", "ity", "hood", "ance", "ence", "ly", "dge", "ude", "ship")
    return first in closed or first.endswith(endings) or form_of(first) != ""


def plain_dates(text: str) -> str:
    """Return a text whose months and days have no capital: they are no persons."""
    return _DATE_NAME.sub(lambda name: name[0].lower(), text)


def names_rival(before: str, pronouns: Sequence[str]) -> bool:
    """Return True if a text names a person whom the pronouns may mean; their own relations in the plural cannot be."""
    own = rf"\b(?:{'|'.join(map(re.escape, pronouns[1:]))})\s+(?:\w+\s+)?(?P<noun>\w+s)\b"
    text = re.sub(own, "it", plain_dates(before), flags=re.IGNORECASE)
    words = [word[0] for word in HYPHENATED_WORD.finditer(text)]
    if any(word[0].isupper() for word in words[1:]) or re.search(r"['’]s\b", text):
        return True
    other = WOMEN if "he" in pronouns else MEN if "she" in pronouns else frozenset[str]()
    return not (_PERSONS - other).isdisjoint(word.lower() for word in words) or any(
        _PERSON_LIKE.match(word) and word not in other | _THINGS for word in map(str.lower, words)
    )
