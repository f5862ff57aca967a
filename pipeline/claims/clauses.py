"""Split a sentence into its facts, where each part can be read by itself; in doubt it stays whole.

Sentences are split between *clauses*: at a semicolon, and at a comma with "and", "but" or the like if the character's
own pronoun or name follows. And between *predicates* of one subject, see ``pipeline.claims.coordination``: "Faria was
re-arrested and shipped to the Château d'If" has two, and the second repeats what it shares with the first: the subject,
the fronted phrase ("In 1815"), and its "was" or "had". Other words do not change.

A sentence is not split where a part would mean something else: inside a subordinate clause or a quotation, after a
negation or a habit ("never married and lived alone"), before a pronoun or a "then" that refers to the other part, and
where a time at the end may belong to both parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.claims.coordination import split_predicates
from pipeline.claims.dangling import has_dangling_reference, has_unresolved_pronoun, is_closed
from pipeline.claims.subject import Protagonist
from pipeline.language.time_words import FRONTED_TIME, TIME, TIME_SHIFTS
from pipeline.language.verbs import form_of, has_verb
from pipeline.language.word_lists import (
    ANAPHORS,
    CLAUSE_OPENERS,
    CLAUSE_PREPOSITIONS,
    OBJECTS,
    POSSESSIVES,
    PREPOSITIONS,
    SUBORDINATORS,
)
from pipeline.language.words import words_of

LONGEST_SPLIT = 5_000
"""Characters of the longest sentence that is split; a longer one is a list or a text without full stops."""
SHORTEST = 4
"""Words of the shortest clause of a sentence that may become a claim."""

_JOINT = re.compile(
    r";\s+(?:(?:and|but|so|yet)\s+)?|,\s+(?:and|but|so|yet)\s+(?=then\b)?|,\s+(?=then\b)|\s+and\s+(?=(?:he|she)\b)"
)
_BORN = re.compile(r"(?:Born|born)\b[^,;:—]*(?:,\s+(?=\d)[^,;:—]*)?,\s+(?:and\s+)?")


def split_facts(sentence: str, person: Protagonist) -> Iterator[str]:
    """Yield the facts of a sentence in its order, each as a text; a sentence of one fact is yielded unchanged.

    Every word of the sentence is in some part, except the "and" or "but" between two; words that parts share are in
    each of them.
    """
    if len(sentence) > LONGEST_SPLIT:
        yield sentence
        return
    for clause in _clauses(sentence, person):
        birth = _BORN.match(clause)
        if birth and _is_about(clause[birth.end() :], person) and is_closed(birth[0]):
            yield birth[0].strip().removesuffix("and").rstrip(" ,")
            clause = clause[birth.end() :]
        yield from split_predicates(clause, person)


def _clauses(sentence: str, person: Protagonist) -> Iterator[str]:
    first = 0
    joints = list(_JOINT.finditer(sentence))
    stops = [joint.start() for joint in joints] + [len(sentence)]
    for joint, stop in zip(joints, stops[1:], strict=True):
        left, right = sentence[first : joint.start()], sentence[joint.end() : stop]
        without_mark = not joint[0].startswith((",", ";"))
        if without_mark and not (CLAUSE_OPENERS | CLAUSE_PREPOSITIONS).isdisjoint(words_of(left)):
            continue
        if _may_split(left, right, person, at_comma=not joint[0].startswith(";")):
            yield left
            first = joint.end()
    yield sentence[first:]


def _may_split(left: str, right: str, person: Protagonist, *, at_comma: bool) -> bool:
    if not (_is_complete(right) and _is_complete(left)) or _is_dangling(right, person):
        return False
    if not at_comma:
        return True
    then = right.removeprefix("then ")
    hangs = words_of(left)[0] in SUBORDINATORS and "," not in left
    timed = FRONTED_TIME.match(left) and not _has_time(right)
    return person.begins(then) and not hangs and not timed


def _is_complete(part: str) -> bool:
    """Return True if a part has enough words, a verb, and no quotation left open."""
    words = words_of(part)
    return len(words) >= SHORTEST and has_verb(words) and is_closed(part)


def _has_time(text: str) -> bool:
    words = words_of(text)
    return bool(TIME.search(text)) or not TIME_SHIFTS.isdisjoint(words) or words[0] in {"at", "by", "in", "after"}


def _is_dangling(right: str, person: Protagonist) -> bool:
    """Return True if the part has a reference that only the other part resolves."""
    words = words_of(right)
    named = bool(person.name) and person.is_named_in(right)
    if has_unresolved_pronoun(words, person) or words[0] in POSSESSIVES - set(person.pronouns):
        return True
    if words[0] in ANAPHORS and not named:
        return True
    return has_dangling_reference(words, person)


def _is_about(rest: str, person: Protagonist) -> bool:
    """Return True if what follows a birth is about the person: the pronoun, a possessive, the name, or no subject."""
    words = words_of(rest)
    if len(words) < SHORTEST or not has_verb(words) or not is_closed(rest):
        return False
    own = words[0] in person.pronouns[:2] or person.begins(rest)
    return own or (form_of(words[0]) != "" and len(words) > 1 and words[1] in OBJECTS | PREPOSITIONS)
