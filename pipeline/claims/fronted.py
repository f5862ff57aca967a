"""Phrases and clauses in front of a subject: "For her wedding she ...", "When the old pit closed he ...".

The subject pronoun after one is surely the person of a possessive inside it, so the name replaces the pronoun.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.claims.rivals import DETERMINERS, names_rival
from pipeline.language.time_words import TIME
from pipeline.language.verbs import LIKE_NOUNS, MODALS, SAYING, form_of, is_adverb, is_participle
from pipeline.language.word_lists import (
    CLAUSE_OPENERS,
    POSSESSIVES,
    PREPOSITIONS,
    SUBORDINATORS,
    word_set,
)
from pipeline.language.words import words_of

CONJUNCTIONS = word_set("and but or nor so yet than")
_BEFORE_LEADS = word_set("once only first long even just late early soon shortly next twice almost nearly")
_TIMES = word_set("time times once twice moment life childhood youth")
_ORDERING = word_set("one two three last next following same some every each most all many that this twice once")
_CONCESSIVE = word_set("whatever whoever wherever whenever however")
_NEGATIONS = word_set("never only not nowhere seldom rarely hardly scarcely neither nor little so")
_AUXILIARIES = MODALS | word_set("did does do had has have was were is are")
_PARTICLES = word_set("out up off down away over back in")
_MARKS = re.compile(r"[“\":;—(]")


def is_fronted_phrase(before: str) -> bool:
    """Return True if a text is a phrase without a verb that precedes a subject: "For her wedding", "All his life"."""
    words = words_of(before)
    if len(words) < 2 or _MARKS.search(before):
        return False
    first = next((place for place, word in enumerate(words) if not _comes_first(word)), 0)
    rest = words[first + 1 :]
    opens = words[first] in PREPOSITIONS | {"because"} or words[first].endswith("ing") or is_participle(words[first])
    if not (opens or is_time_phrase(before)) or (words[first] == "because" and rest[:1] != ["of"]):
        return False
    is_plain = not (CLAUSE_OPENERS - {"having", "than"} - {"while", "when"}).intersection(rest)
    return is_plain and not any(_is_verb(words, place) for place in range(first + 1, len(words))) and _is_one(words)


def is_fronted_clause(before: str, after: str, pronouns: Sequence[str]) -> bool:
    """Return True if a text is a clause with a verb that precedes a subject, and names nobody whom that may mean."""
    words = words_of(before)
    timed = bool(words) and words[0] in PREPOSITIONS and TIME.search(" ".join(before.split()[:4])) is not None
    if len(words) < 3 or _MARKS.search(before) or not (words[0] in SUBORDINATORS | _CONCESSIVE or timed):
        return False
    verbs = [place for place in range(1, len(words)) if _is_verb(words, place)]
    if not verbs or (not SAYING.isdisjoint(words) and not before.endswith(", ")):
        return False
    if not before.endswith(", ") and (len(verbs) > 2 or "," in before or not _may_end_clause(words)):
        return False
    openers = CLAUSE_OPENERS.intersection(words[1:])
    return not openers and not is_relative(before, after, pronouns) and not names_rival(before, pronouns)


def is_inverted(before: str) -> bool:
    """Return True if an auxiliary precedes the subject: "Never in his life had"."""
    words = words_of(before)
    return len(words) > 1 and words[-1] in _AUXILIARIES and words[0] in _NEGATIONS and not _MARKS.search(before)


def is_relative(before: str, after: str, pronouns: Sequence[str]) -> bool:
    """Return True if the subject begins a relative clause without a pronoun: "By the time | he was thirty he"."""
    second = re.search(rf"\b{re.escape(pronouns[0])}\b", re.split(r"[.;:—]", after)[0])
    if second is None:
        return False
    between = after[: second.start()].rstrip()
    last = (words_of(between) or [""])[-1]
    return not (CONJUNCTIONS | SUBORDINATORS | CLAUSE_OPENERS | SAYING).intersection({last})


def is_time_phrase(text: str) -> bool:
    """Return True for "every night", "the next day", "twice a year", "all his life", not for "the winter"."""
    words = words_of(text)
    timed = TIME.search(text) is not None or words[-1] in _TIMES or words[-1].endswith("day")
    return timed and not _ORDERING.isdisjoint(words) and not any(map(form_of, words))


def _comes_first(word: str) -> bool:
    return word in _BEFORE_LEADS or (is_adverb(word) and not is_participle(word) and word not in PREPOSITIONS)


def _is_verb(words: Sequence[str], place: int) -> bool:
    """Return True if the word at a place is a verb, and no adjective of a noun: "his powdered wig"."""
    word, previous = words[place], words[place - 1] if place else ""
    if form_of(word) == "finite" and word not in LIKE_NOUNS | MODALS:
        return True
    return form_of(word) != "" and previous not in POSSESSIVES | DETERMINERS | PREPOSITIONS | {"having"}


def _is_one(words: Sequence[str]) -> bool:
    """Return True if a phrase has no second noun phrase, to which a relative clause may belong."""
    return not any(
        word == "the" and place > 2 and not _may_precede_noun(words[place - 1]) for place, word in enumerate(words)
    )


def _may_precede_noun(word: str) -> bool:
    return word in PREPOSITIONS | CONJUNCTIONS | {"all", "both"} or word.endswith("ing") or form_of(word) != ""


def _may_end_clause(words: Sequence[str]) -> bool:
    last = words[-1]
    if last in _PARTICLES:
        return form_of(words[-2]) != ""
    return last not in PREPOSITIONS | DETERMINERS | CONJUNCTIONS | POSSESSIVES | SUBORDINATORS | _AUXILIARIES
