"""Split the coordinated predicates of one subject, each into a sentence.

"In 1815 Faria was re-arrested and shipped to the Château d'If" has two; the second repeats what it shares with the
first: the fronted phrase, the subject, and the "was" or "had". When a clause is not split: ``pipeline.claims.clauses``.
What these rules add to the split of clauses is measured in ``docs/log.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline.claims.clause_head import Head, find_head
from pipeline.claims.dangling import has_dangling_reference, has_unresolved_pronoun, is_closed
from pipeline.claims.subject import Protagonist
from pipeline.language.time_words import DATE, FRONTED_TIME, TIME, TIME_SHIFTS
from pipeline.language.verbs import (
    ADJECTIVAL,
    BE,
    HAVE,
    INTRANSITIVE,
    LIKE_NOUNS,
    PASSIVE,
    PERCEIVING,
    SAYING,
    TWO_OBJECTS,
    form_of,
    is_adverb,
    is_participle,
)
from pipeline.language.word_lists import (
    CLAUSE_OPENERS,
    CLAUSE_PREPOSITIONS,
    FREQUENCIES,
    OBJECTS,
    PREPOSITIONS,
    word_set,
)
from pipeline.language.words import HYPHENATED_WORD, words_of

FEWEST = 3
"""Words of the shortest predicate that may become a claim, with its subject: "Faria was re-arrested"."""

_JOINT = re.compile(r"(?P<mark>,)?\s+(?P<word>and|but|yet)\s+|(?P<comma>,)\s+(?!(?:and|but|yet)\b)")
_VERB_AFTER_COMMA = re.compile(r",\s+(\w+)")
_NEGATED = word_set(
    "never not no nor neither hardly scarcely barely seldom rarely without nothing nobody none always often usually "
    "sometimes frequently regularly would used almost nearly either both only cannot once occasionally"
)
_OWN_TIME = word_set("died married remarried retired became was were is")
"""Verbs to which a following time belongs alone: "lost his wife and died in 1840"."""


def split_predicates(clause: str, person: Protagonist) -> Iterator[str]:
    """Yield the predicates of a clause, each with what they share, or the clause unchanged."""
    head = find_head(clause, person)
    if head is None:
        yield clause
        return
    predicates = _predicates(clause[head.start :], head, person)
    before = clause[: head.start]
    whole = len(predicates) == 1 or clause.rstrip().endswith("?")
    if whole or any(not _is_complete(before, predicate, head, person) for predicate in predicates):
        yield clause
        return
    yield from (before + predicate for predicate in predicates)


def _is_complete(before: str, predicate: str, head: Head, person: Protagonist) -> bool:
    """Return True if a predicate, with what it shares, has enough words and is about the person."""
    about = head.is_person or not person.name or person.is_named_in(predicate)
    about = about or not set(person.pronouns).isdisjoint(words_of(predicate))
    return about and len(words_of(before + predicate)) >= FEWEST


def _predicates(predicate: str, head: Head, person: Protagonist) -> list[str]:
    """Return the predicates that may be split, each with the "was" or "had" that it shares."""
    mark = re.search(r"[;:—]", predicate)
    reach = mark.start() if mark else len(predicate)
    joints = [joint for joint in _JOINT.finditer(predicate, 0, reach) if _verb_of(predicate[joint.end() :])]
    accepted: list[tuple[re.Match[str], str]] = []
    first, helper = 0, ""
    for number, joint in enumerate(joints):
        end = joints[number + 1].start() if number + 1 < len(joints) else len(predicate)
        left, right = predicate[first : joint.start()], predicate[joint.end() : end]
        shared = _shared_helper(left, right, helper)
        closes = joint["word"] or any(later["word"] for later in joints[number + 1 :]) or right.startswith("then ")
        whole = predicate[joint.end() :]
        if shared is not None and closes and _may_split(left, right, whole, joint, head, person):
            accepted.append((joint, shared))
            first, helper = joint.end(), shared
    return _split_at(predicate, accepted)


def _split_at(predicate: str, accepted: Sequence[tuple[re.Match[str], str]]) -> list[str]:
    predicates: list[str] = []
    first, helper = 0, ""
    for joint, shared in [*accepted, (None, "")]:
        end = len(predicate) if joint is None else joint.start()
        text = predicate[first:end]
        commas = [comma for comma in _VERB_AFTER_COMMA.finditer(text) if form_of(comma[1])]
        # A list of three that becomes a list of two needs an "and".
        if joint is not None and commas and commas[-1][1] != "then":
            text = f"{text[: commas[-1].start()]} and {text[commas[-1].start(1) :]}"
        predicates.append(f"{helper} {text}" if helper else text)
        first, helper = (0 if joint is None else joint.end()), shared
    return predicates


def _verb_of(right: str) -> tuple[str, str] | None:
    """Return the verb with which a text begins, after adverbs, and the next word; None if it begins otherwise."""
    words = [word[0] for word in HYPHENATED_WORD.finditer(right[:200])]
    index = 0
    while index < min(3, len(words)) and (is_adverb(words[index]) or words[index] in FREQUENCIES):
        index += 1
    if index >= len(words) or not words[index].islower():
        return None
    gap = re.match(rf"[\w’'-]+(?:\s+[\w’'-]+){{{index}}}", right)
    if gap is None or not form_of(words[index]):
        return None
    rest = right[gap.end() :]
    following = words[index + 1] if index + 1 < len(words) and not rest.startswith((",", ".", ";", ":", "—")) else ""
    verb = words[index]
    if verb in LIKE_NOUNS and following.lower() not in OBJECTS:
        return None
    if verb in ADJECTIVAL and following.islower() and following not in OBJECTS | PREPOSITIONS:
        return None
    return verb, following


def _shared_helper(left: str, right: str, helper: str) -> str | None:
    """Return the "was" or "had" of ``left`` that ``right`` shares, empty for none; None where it is ambiguous."""
    found = _verb_of(right)
    words = [word[0].lower() for word in HYPHENATED_WORD.finditer(left)]
    if found is None or not words:
        return None
    verb, following = found
    own = _own_helper(words) or helper
    if form_of(verb) == "finite" or not own:
        return ""
    if own in HAVE:
        return own if is_participle(verb) else ""
    if following.lower() in OBJECTS or following[:1].isupper():
        return None if verb in TWO_OBJECTS else ""
    if verb in INTRANSITIVE and verb not in PASSIVE:
        return ""
    return own if verb in PASSIVE and (not following or following in PREPOSITIONS | {"and"}) else None


def _own_helper(words: Sequence[str]) -> str:
    """Return the "was" or the like, or "had" before a participle, with which a predicate begins, or ""."""
    index = 0
    while index < min(3, len(words)) and is_adverb(words[index]):
        index += 1
    if index >= len(words):
        return ""
    if words[index] in BE:
        return words[index]
    later = [word for word in words[index + 1 : index + 3] if not is_adverb(word)]
    return words[index] if words[index] in HAVE and later and is_participle(later[0]) else ""


def _may_split(left: str, right: str, whole: str, joint: re.Match[str], head: Head, person: Protagonist) -> bool:
    words, verb = words_of(left), _verb_of(right)
    assert verb is not None, "every joint precedes a verb"
    if not (is_closed(left) and is_closed(right)) or len(words) < 2 or len(words_of(right)) < 2:
        return False
    if _has_clause(words) or not _NEGATED.isdisjoint(words):
        return False
    if _may_belong_to_a_noun(words, verb, joint):
        return False
    return not _needs_left(left, right, whole, head, person)


def _has_clause(words: Sequence[str]) -> bool:
    """Return True if a predicate contains a clause, to which what follows might belong."""
    if not CLAUSE_OPENERS.isdisjoint(words[1:]) or not {"he", "she", "they", "it", "i", "we"}.isdisjoint(words):
        return True
    verbs = [index for index, word in enumerate(words) if form_of(word) == "finite" and word not in LIKE_NOUNS]
    if any(index > 1 for index in verbs):
        return True
    if not SAYING.isdisjoint(words[:3]) and any(form_of(word) for word in words[3:]):
        return True
    return any(
        word in CLAUSE_PREPOSITIONS and any(form_of(later) for later in words[index + 2 :])
        for index, word in enumerate(words)
    )


def _may_belong_to_a_noun(words: Sequence[str], verb: tuple[str, str], joint: re.Match[str]) -> bool:
    """Return True if the second verb may be a participle that modifies a noun of the first predicate."""
    form, following = verb
    if form_of(form) == "finite" or following.lower() in OBJECTS or form in INTRANSITIVE:
        return False
    first = next((word for word in words if not is_adverb(word)), "")
    complements = (word in PERCEIVING and later not in PREPOSITIONS for word, later in pairwise(words))
    if first in PERCEIVING or (first in BE and any(complements)):
        return True
    if joint["comma"] and following in PREPOSITIONS | {""} and form in PASSIVE:
        return True
    inside = [word for word in words[1:] if is_participle(word) and word != first]
    return bool(inside) and first not in BE | HAVE


def _needs_left(left: str, right: str, whole: str, head: Head, person: Protagonist) -> bool:
    """Return True if the second predicate without the first would lose a time or an antecedent."""
    words = words_of(right)
    if (
        has_unresolved_pronoun(words, person)
        or has_dangling_reference(words, person)
        or not {"it", "its", "there"}.isdisjoint(words)
    ):
        return True
    if head.is_person and len(person.pronouns) == 3 and person.pronouns[2] in words[:6]:
        return True
    if not {"this", "these", "those", "such", "one", "same", "thus", "so", "therefore", "thereby"}.isdisjoint(words):
        return True
    if head.lead.startswith("To ") and ("then" in words or "then" in words_of(left)):
        return True
    if FRONTED_TIME.match(head.lead) and not TIME_SHIFTS.isdisjoint(words) and words[0] != "then":
        return True
    dated = DATE.search(whole)
    if head.lead or dated is None or TIME.search(left):
        return False
    verbs = [word for word in words_of(whole[: dated.start()]) if form_of(word)]
    return not verbs or verbs[-1] not in _OWN_TIME
