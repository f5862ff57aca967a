"""The predicates of one subject, each to a sentence of its own.

"In 1815 Faria was re-arrested and shipped to the Château d'If" has two; the second is given what it shares with the
first: the phrase in front, the subject, and the "was" or "had". Why a cut is refused: ``pipeline.claims.clauses``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pipeline.claims.dangling import is_closed, points_back, speaks_of_stranger
from pipeline.claims.subject import Protagonist
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
from pipeline.language.word_lists import FREQUENCIES, OBJECTS, POSSESSIVES, PREPOSITIONS, SUBORDINATORS, word_set
from pipeline.language.words import HYPHENATED_WORD, words_of

FEWEST = 3
"""Words of the shortest predicate that may become a claim, its subject with it: "Faria was re-arrested"."""

_JOINT = re.compile(r"(?P<mark>,)?\s+(?P<word>and|but|yet)\s+|(?P<comma>,)\s+(?!(?:and|but|yet)\b)")
_VERB_AFTER_COMMA = re.compile(r",\s+(\w+)")
TIME = re.compile(
    r"\b(?:1\d{3}|20\d{2}|age[ds]?|years?|months?|weeks?|days?|nights?|mornings?|evenings?|hours?|winters?|summers?"
    r"|springs?|autumns?|January|February|March|April|June|July|August|September|October|November|December|Monday"
    r"|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Christmas|Easter)\b"
)
_DATED = re.compile(r"\b(?:in|on|at|by|since|until|after|before|from)\s+(?:\w+\s+){0,2}(?:\d|age\b)")
TIME_LEAD = re.compile(
    r"(?:At|By|In|On|From|Since|Until|Before|After|During|When|While|Once|As|For|Throughout|Within|Upon|One|That|Two"
    r"|Three|Four|Five|Six|Seven|Eight|Nine|Ten)\b"
)
SHIFTS = word_set(
    "then later thereafter afterwards afterward eventually finally soon still ever subsequently meanwhile ultimately "
    "again once never always often until since"
)
STOPS = word_set(
    "who whom whose which that what when while where because if though although how why whether lest unless than "
    "wherever whenever whoever having"
)  # fmt: skip
STOPS_BEFORE_CLAUSE = word_set("as before after until till since once so for")
_NEGATED = word_set(
    "never not no nor neither hardly scarcely barely seldom rarely without nothing nobody none always often usually "
    "sometimes frequently regularly would used almost nearly either both only cannot once occasionally"
)
_OWN_TIME = word_set("died married remarried retired became was were is")
"""Verbs whose time, named behind them, is theirs alone: "lost his wife and died in 1840"."""
_LEADS = PREPOSITIONS | word_set("while when") - word_set("about of off out up away back down")
"""Words with which a phrase in front of the subject may begin."""


class _Head(NamedTuple):
    """Where a clause begins to say something: the phrase in front, the subject, and the offset of what follows."""

    lead: str
    subject: str
    start: int
    is_person: bool


def split_predicates(clause: str, person: Protagonist) -> Iterator[str]:
    """Yield a clause with its predicates apart, each with what they share, or the clause as it is."""
    head = _head_of(clause, person)
    if head is None:
        yield clause
        return
    members = _members(clause[head.start :], head, person)
    before = clause[: head.start]
    whole = len(members) == 1 or clause.rstrip().endswith("?")
    if whole or any(not _says_enough(before, member, head, person) for member in members):
        yield clause
        return
    yield from (before + member for member in members)


def _says_enough(before: str, member: str, head: _Head, person: Protagonist) -> bool:
    """Say whether a predicate, with what it shares, has words enough and tells of the person."""
    about = head.is_person or not person.name or person.is_named_in(member)
    about = about or not set(person.pronouns).isdisjoint(words_of(member))
    return about and len(words_of(before + member)) >= FEWEST


def _head_of(clause: str, person: Protagonist) -> _Head | None:
    words = list(HYPHENATED_WORD.finditer(clause))
    if not words:
        return None
    first = _subject_after_lead(clause, words, person)
    found = _subject_at(clause, words, first, person) if first else None
    if found is None:
        first = 0
        found = _subject_at(clause, words, 0, person)
    if found is None:
        return None
    last, is_person = found
    start = words[last].start()
    subject = clause[words[first].start() : start]
    return _Head(clause[: words[first].start()], subject, start, is_person)


def _subject_after_lead(clause: str, words: Sequence[re.Match[str]], person: Protagonist) -> int:
    """Return the place of the subject behind a phrase in front that has no clause of its own, 0 where there is none."""
    opening = words[0][0].lower()
    is_lead = opening in _LEADS or opening.endswith("ing") or is_participle(opening) or opening in {"one", "that"}
    if not is_lead:
        return 0
    for place in range(1, len(words)):
        word, between = words[place][0], clause[words[place - 1].end() : words[place].start()]
        is_own = word in person.pronouns[:1] or (
            between == ", " and word[0].isupper() and person.begins(clause[words[place].start() :])
        )
        if is_own:
            lead = [found[0].lower() for found in words[:place]]
            has_clause = any(form_of(found) == "finite" for found in lead) or not STOPS.isdisjoint(lead[1:])
            own_verbs = opening in {"as", "after", "before", "since", "until", "when", "while"} and any(
                form_of(found) for found in lead[1:]
            )
            strange = any(mark in clause[: words[place].start()] for mark in ";:—")
            return 0 if has_clause or own_verbs or strange else place
    return 0


def _subject_at(
    clause: str, words: Sequence[re.Match[str]], first: int, person: Protagonist
) -> tuple[int, bool] | None:
    """Return the place of the verb of a subject that begins at ``first``, and whether the subject is the person."""
    plain = [word[0].lower() for word in words]
    place, is_person = first, False
    if person.pronouns and plain[first] == person.pronouns[0]:
        place, is_person = first + 1, True
    elif words[first][0][0].isupper() and plain[first] not in _LEADS | OBJECTS | POSSESSIVES | SUBORDINATORS:
        place += 1
        while place < len(words) and _runs_on(clause, words, place):
            place += 1
        is_person = person.is_named_in(clause[words[first].start() : words[place - 1].end()])
        if place == first + 1 and form_of(plain[first]) and not is_person:
            return _subjectless(plain, first)
    elif plain[first] in {"his", "her", "their", "the", "a", "an"}:
        place = _noun_phrase(clause, words, plain, first)
    else:
        return _subjectless(plain, first)
    verb = place
    while verb < len(words) and verb < place + 3 and is_adverb(plain[verb]):
        verb += 1
    gap = clause[words[place - 1].end() : words[verb].end()] if verb < len(words) else ","
    if verb >= len(words) or "," in gap or not form_of(plain[verb]):
        return None
    return place, is_person


def _subjectless(plain: Sequence[str], first: int) -> tuple[int, bool] | None:
    """Take a sentence that begins with a verb and its object for one whose subject, the person, is left out."""
    following = plain[first + 1] if first + 1 < len(plain) else ""
    verb = form_of(plain[first]) == "open" and plain[first] not in PASSIVE | LIKE_NOUNS | {"born"}
    return (first, True) if first == 0 and verb and following in OBJECTS | {"out", "up"} else None


def _runs_on(clause: str, words: Sequence[re.Match[str]], place: int) -> bool:
    between = clause[words[place - 1].end() : words[place].start()]
    return words[place][0][0].isupper() and between in {" ", ". "}


def _noun_phrase(clause: str, words: Sequence[re.Match[str]], plain: Sequence[str], first: int) -> int:
    """Return the place behind a noun phrase of at most four words, whose verb can be nothing but a verb."""
    for place in range(first + 2, min(first + 5, len(words))):
        if "," in clause[words[first].end() : words[place].start()] or plain[place - 1] in STOPS:
            break
        if form_of(plain[place]) == "finite" and plain[place] not in LIKE_NOUNS:
            return place - 1 if place > first + 2 and is_adverb(plain[place - 1]) else place
    return first + 1


def _members(predicate: str, head: _Head, person: Protagonist) -> list[str]:
    """Return the predicates that may be cut apart, with "was" or "had" where a later one shares it."""
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
        if shared is not None and closes and _may_cut(left, right, whole, joint, head, person):
            accepted.append((joint, shared))
            first, helper = joint.end(), shared
    return _cut_at(predicate, accepted)


def _cut_at(predicate: str, accepted: Sequence[tuple[re.Match[str], str]]) -> list[str]:
    members: list[str] = []
    first, helper = 0, ""
    for joint, shared in [*accepted, (None, "")]:
        end = len(predicate) if joint is None else joint.start()
        text = predicate[first:end]
        commas = [comma for comma in _VERB_AFTER_COMMA.finditer(text) if form_of(comma[1])]
        # What was a list of three and is now one of two wants its "and".
        if joint is not None and commas and commas[-1][1] != "then":
            text = f"{text[: commas[-1].start()]} and {text[commas[-1].start(1) :]}"
        members.append(f"{helper} {text}" if helper else text)
        first, helper = (0 if joint is None else joint.end()), shared
    return members


def _verb_of(right: str) -> tuple[str, str] | None:
    """Return the verb with which a text begins, behind adverbs, and the word after it; None where it is none."""
    words = [word[0] for word in HYPHENATED_WORD.finditer(right[:200])]
    place = 0
    while place < min(3, len(words)) and (is_adverb(words[place]) or words[place] in FREQUENCIES):
        place += 1
    if place >= len(words) or not words[place].islower():
        return None
    gap = re.match(rf"[\w’'-]+(?:\s+[\w’'-]+){{{place}}}", right)
    if gap is None or not form_of(words[place]):
        return None
    rest = right[gap.end() :]
    following = words[place + 1] if place + 1 < len(words) and not rest.startswith((",", ".", ";", ":", "—")) else ""
    verb = words[place]
    if verb in LIKE_NOUNS and following.lower() not in OBJECTS:
        return None
    if verb in ADJECTIVAL and following.islower() and following not in OBJECTS | PREPOSITIONS:
        return None
    return verb, following


def _shared_helper(left: str, right: str, helper: str) -> str | None:
    """Return the "was" or "had" of ``left`` that ``right`` shares, empty where none; None where it cannot be told."""
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
    """Return "was" or the like, or "had" before a participle, with which a predicate begins; else nothing."""
    place = 0
    while place < min(3, len(words)) and is_adverb(words[place]):
        place += 1
    if place >= len(words):
        return ""
    if words[place] in BE:
        return words[place]
    later = [word for word in words[place + 1 : place + 3] if not is_adverb(word)]
    return words[place] if words[place] in HAVE and later and is_participle(later[0]) else ""


def _may_cut(left: str, right: str, whole: str, joint: re.Match[str], head: _Head, person: Protagonist) -> bool:
    words, verb = words_of(left), _verb_of(right)
    assert verb is not None, "only joints before a verb are looked at"
    if not (is_closed(left) and is_closed(right)) or len(words) < 2 or len(words_of(right)) < 2:
        return False
    if _has_clause(words) or not _NEGATED.isdisjoint(words):
        return False
    if _may_belong_to_a_noun(words, verb, joint):
        return False
    return not _needs_left(left, right, whole, head, person)


def _has_clause(words: Sequence[str]) -> bool:
    """Say whether a predicate holds a clause of its own, to which what follows might belong."""
    if not STOPS.isdisjoint(words[1:]) or not {"he", "she", "they", "it", "i", "we"}.isdisjoint(words):
        return True
    verbs = [place for place, word in enumerate(words) if form_of(word) == "finite" and word not in LIKE_NOUNS]
    if any(place > 1 for place in verbs):
        return True
    if not SAYING.isdisjoint(words[:3]) and any(form_of(word) for word in words[3:]):
        return True
    return any(
        word in STOPS_BEFORE_CLAUSE and any(form_of(later) for later in words[place + 2 :])
        for place, word in enumerate(words)
    )


def _may_belong_to_a_noun(words: Sequence[str], verb: tuple[str, str], joint: re.Match[str]) -> bool:
    """Say whether the second verb may be a participle that describes something in the first predicate."""
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


def _needs_left(left: str, right: str, whole: str, head: _Head, person: Protagonist) -> bool:
    """Say whether the second predicate would lose a time, or whom or what it speaks of."""
    words = words_of(right)
    if speaks_of_stranger(words, person) or points_back(words, person) or not {"it", "its", "there"}.isdisjoint(words):
        return True
    if head.is_person and len(person.pronouns) == 3 and person.pronouns[2] in words[:6]:
        return True
    if not {"this", "these", "those", "such", "one", "same", "thus", "so", "therefore", "thereby"}.isdisjoint(words):
        return True
    if head.lead.startswith("To ") and ("then" in words or "then" in words_of(left)):
        return True
    if TIME_LEAD.match(head.lead) and not SHIFTS.isdisjoint(words) and words[0] != "then":
        return True
    dated = _DATED.search(whole)
    if head.lead or dated is None or TIME.search(left):
        return False
    verbs = [word for word in words_of(whole[: dated.start()]) if form_of(word)]
    return not verbs or verbs[-1] not in _OWN_TIME
