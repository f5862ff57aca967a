"""A sentence to the facts in it, parted only where each part can stand alone, and left whole where in doubt.

Two cuts are made. Between *clauses*: at a semicolon, and at a comma with "and", "but" or the like before the
character's own pronoun or name. Between *predicates* of one subject: "Faria was re-arrested and shipped to the Château
d'If" has two, and the second is given what it shares with the first: the subject, the phrase in front ("In 1815"), and
its "was" or "had". Other words stay as they are.

A cut is refused where a part would say something else than the sentence: inside a subordinate clause or a quotation,
behind a negation or a habit ("never married and lived alone"), before a pronoun or a "then" that leans on what is cut
off, and where a time named at the end may belong to both parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.claims.attributes import has_verb
from pipeline.claims.coordination import SHIFTS, STOPS, STOPS_BEFORE_CLAUSE, TIME, TIME_LEAD, split_predicates
from pipeline.claims.dangling import is_closed, points_back, speaks_of_stranger
from pipeline.claims.subject import Protagonist
from pipeline.language.verbs import form_of
from pipeline.language.word_lists import ANAPHORS, OBJECTS, POSSESSIVES, PREPOSITIONS, SUBORDINATORS
from pipeline.language.words import words_of

LONGEST_PARTED = 5_000
"""Characters of the longest sentence that is looked at for parts; more is a list or a text without full stops."""
SHORTEST = 4
"""Words of the shortest clause of a sentence that may become a claim."""

_CUT = re.compile(
    r";\s+(?:(?:and|but|so|yet)\s+)?|,\s+(?:and|but|so|yet)\s+(?=then\b)?|,\s+(?=then\b)|\s+and\s+(?=(?:he|she)\b)"
)
_BORN = re.compile(r"(?:Born|born)\b[^,;:—]*(?:,\s+(?=\d)[^,;:—]*)?,\s+(?:and\s+)?")


def split_facts(sentence: str, person: Protagonist) -> Iterator[str]:
    """Yield the facts of a sentence in its order, as texts of their own; a sentence of one fact comes back as it is.

    Every word of the sentence is in some part, but for the "and" or "but" of a cut; a word that two parts share
    is in both.
    """
    if len(sentence) > LONGEST_PARTED:
        yield sentence
        return
    for clause in _clauses(sentence, person):
        birth = _BORN.match(clause)
        if birth and _tells_of(clause[birth.end() :], person) and is_closed(birth[0]):
            yield birth[0].strip().removesuffix("and").rstrip(" ,")
            clause = clause[birth.end() :]
        yield from split_predicates(clause, person)


def _clauses(sentence: str, person: Protagonist) -> Iterator[str]:
    first = 0
    cuts = list(_CUT.finditer(sentence))
    stops = [cut.start() for cut in cuts] + [len(sentence)]
    for cut, stop in zip(cuts, stops[1:], strict=True):
        left, right = sentence[first : cut.start()], sentence[cut.end() : stop]
        bare = not cut[0].startswith((",", ";"))
        if bare and not (STOPS | STOPS_BEFORE_CLAUSE).isdisjoint(words_of(left)):
            continue
        if _may_part(left, right, person, at_comma=not cut[0].startswith(";")):
            yield left
            first = cut.end()
    yield sentence[first:]


def _may_part(left: str, right: str, person: Protagonist, *, at_comma: bool) -> bool:
    if not (_stands(right) and _stands(left)) or _leans(right, person):
        return False
    if not at_comma:
        return True
    then = right.removeprefix("then ")
    hangs = words_of(left)[0] in SUBORDINATORS and "," not in left
    timed = TIME_LEAD.match(left) and not _tells_time(right)
    return person.begins(then) and not hangs and not timed


def _stands(part: str) -> bool:
    """Say whether a text has the words, the verb and the closed quotations of a claim."""
    words = words_of(part)
    return len(words) >= SHORTEST and has_verb(words) and is_closed(part)


def _tells_time(text: str) -> bool:
    words = words_of(text)
    return bool(TIME.search(text)) or not SHIFTS.isdisjoint(words) or words[0] in {"at", "by", "in", "after"}


def _leans(right: str, person: Protagonist) -> bool:
    """Say whether the part means something only after what stood before it."""
    words = words_of(right)
    named = bool(person.name) and person.is_named_in(right)
    if speaks_of_stranger(words, person) or words[0] in POSSESSIVES - set(person.pronouns):
        return True
    if words[0] in ANAPHORS and not named:
        return True
    return points_back(words, person)


def _tells_of(rest: str, person: Protagonist) -> bool:
    """Say whether what follows a birth tells of the person: the pronoun, a possessive, the name, or no subject."""
    words = words_of(rest)
    if len(words) < SHORTEST or not has_verb(words) or not is_closed(rest):
        return False
    own = words[0] in person.pronouns[:2] or person.begins(rest)
    return own or (form_of(words[0]) != "" and len(words) > 1 and words[1] in OBJECTS | PREPOSITIONS)
