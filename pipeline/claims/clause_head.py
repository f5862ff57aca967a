"""Find the start of a clause: a fronted phrase, the subject, and the verb after them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.claims.subject import Protagonist
from pipeline.language.verbs import LIKE_NOUNS, PASSIVE, form_of, is_adverb, is_participle
from pipeline.language.word_lists import CLAUSE_OPENERS, OBJECTS, POSSESSIVES, PREPOSITIONS, SUBORDINATORS, word_set
from pipeline.language.words import HYPHENATED_WORD

_LEADS = PREPOSITIONS | word_set("while when") - word_set("about of off out up away back down")
"""Words with which a fronted phrase may begin."""


class Head(NamedTuple):
    """The start of a clause: the fronted phrase, the subject, and the offset of the predicate."""

    lead: str
    subject: str
    start: int
    is_person: bool


def find_head(clause: str, person: Protagonist) -> Head | None:
    """Return the head of a clause; None where the subject or the verb after it is not found."""
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
    return Head(clause[: words[first].start()], subject, start, is_person)


def _subject_after_lead(clause: str, words: Sequence[re.Match[str]], person: Protagonist) -> int:
    """Return the index of the subject after a fronted phrase without a clause inside, 0 where there is none."""
    opening = words[0][0].lower()
    is_lead = opening in _LEADS or opening.endswith("ing") or is_participle(opening) or opening in {"one", "that"}
    if not is_lead:
        return 0
    for index in range(1, len(words)):
        word, between = words[index][0], clause[words[index - 1].end() : words[index].start()]
        is_own = word in person.pronouns[:1] or (
            between == ", " and word[0].isupper() and person.begins(clause[words[index].start() :])
        )
        if is_own:
            lead = [found[0].lower() for found in words[:index]]
            has_clause = any(form_of(found) == "finite" for found in lead) or not CLAUSE_OPENERS.isdisjoint(lead[1:])
            own_verbs = opening in {"as", "after", "before", "since", "until", "when", "while"} and any(
                form_of(found) for found in lead[1:]
            )
            marked = any(mark in clause[: words[index].start()] for mark in ";:—")
            return 0 if has_clause or own_verbs or marked else index
    return 0


def _subject_at(
    clause: str, words: Sequence[re.Match[str]], first: int, person: Protagonist
) -> tuple[int, bool] | None:
    """Return the index of the predicate whose subject begins at ``first``, and whether that is the person."""
    plain = [word[0].lower() for word in words]
    index, is_person = first, False
    if person.pronouns and plain[first] == person.pronouns[0]:
        index, is_person = first + 1, True
    elif words[first][0][0].isupper() and plain[first] not in _LEADS | OBJECTS | POSSESSIVES | SUBORDINATORS:
        index += 1
        while index < len(words) and _continues_name(clause, words, index):
            index += 1
        is_person = person.is_named_in(clause[words[first].start() : words[index - 1].end()])
        if index == first + 1 and form_of(plain[first]) and not is_person:
            return _subjectless(plain, first)
    elif plain[first] in {"his", "her", "their", "the", "a", "an"}:
        index = _noun_phrase(clause, words, plain, first)
    else:
        return _subjectless(plain, first)
    verb = index
    while verb < len(words) and verb < index + 3 and is_adverb(plain[verb]):
        verb += 1
    gap = clause[words[index - 1].end() : words[verb].end()] if verb < len(words) else ","
    if verb >= len(words) or "," in gap or not form_of(plain[verb]):
        return None
    return index, is_person


def _subjectless(plain: Sequence[str], first: int) -> tuple[int, bool] | None:
    """Read a sentence that begins with a verb and its object as one that omits its subject, the person."""
    following = plain[first + 1] if first + 1 < len(plain) else ""
    verb = form_of(plain[first]) == "open" and plain[first] not in PASSIVE | LIKE_NOUNS | {"born"}
    return (first, True) if first == 0 and verb and following in OBJECTS | {"out", "up"} else None


def _continues_name(clause: str, words: Sequence[re.Match[str]], index: int) -> bool:
    between = clause[words[index - 1].end() : words[index].start()]
    return words[index][0][0].isupper() and between in {" ", ". "}


def _noun_phrase(clause: str, words: Sequence[re.Match[str]], plain: Sequence[str], first: int) -> int:
    """Return the index after a noun phrase of at most four words that an unambiguous verb follows."""
    for index in range(first + 2, min(first + 5, len(words))):
        if "," in clause[words[first].end() : words[index].start()] or plain[index - 1] in CLAUSE_OPENERS:
            break
        if form_of(plain[index]) == "finite" and plain[index] not in LIKE_NOUNS:
            return index - 1 if index > first + 2 and is_adverb(plain[index - 1]) else index
    return first + 1
