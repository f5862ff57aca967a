"""What the fields of ages, dates and places say, and those whose label is a year or an age."""

from __future__ import annotations

import re

from pipeline.claims.labels import Rule
from pipeline.claims.phrases import Sentences, Subject, is_number, lowered, small
from pipeline.claims.pronouns import name_for_subject
from pipeline.language.verbs import is_past
from pipeline.language.word_lists import PREPOSITIONS
from pipeline.language.words import words_of

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}|{_MONTH} \d{{1,2}}\b(?!\d))|^\d{{1,4}}[-/.]\d", re.I
)
_DATE = re.compile(rf"^(?:(?:spring|summer|autumn|winter|early|late|mid)[ -])*(?:{_MONTH} )?\d{{3,4}}s?\b", re.I)
_ABOUT = re.compile(r"^(?:c\.|ca\.?|circa|about|around|approx\.?|approximately|~)\s*", re.I)


def age_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return how old somebody was."""
    number, _, rest = value.partition(" ")
    rest = re.sub(r"^(?:years?(?: old| of age)?|yrs?\.?|y\.?o\.?)\b\s*", "", rest).strip()
    about = _ABOUT.match(value)
    if about:
        return [line.replace(" was ", " was about ", 1) for line in age_way(rule, value[about.end() :], subject)]
    if is_number(number) or is_number(value):
        years, rest = (value, "") if is_number(value) else (number, rest)
        if not rest or rest[0] == "(" or words_of(rest)[0] in PREPOSITIONS | {"when"}:
            return [f"{subject.name} was {years} years old{' ' if rest else ''}{rest}"]
        return []
    decade = re.match(r"(?:in (?:his|her|their|the) )?((?:early|mid|late)?[ -]?\w+ties|\w+teens|teens)$", value, re.I)
    return [f"{subject.name} was in the {decade[1].lower()}"] if decade else []


def when_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return when, or failing that where, somebody was born or died."""
    first = words_of(value)[:1]
    about = _ABOUT.match(value)
    if first and first[0] in PREPOSITIONS and not about:
        return [f"{subject.name} {rule.words} {value}"]
    if about and re.match(r"\d{3,4}\b", value[about.end() :]):
        return [f"{subject.name} {rule.words} about {value[about.end() :]}"]
    if _DAY.search(value):
        return [f"{subject.name} {rule.words} on {value}"]
    if _DATE.match(value):
        return [f"{subject.name} {rule.words} in {value}"]
    return where_way(rule, value, subject) if value[:1].isupper() else []


def where_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return where."""
    is_led = words_of(value)[:1] and words_of(value)[0] in PREPOSITIONS
    return [f"{subject.name} {rule.words} {small(value) if is_led else f'in {lowered(value)}'}"]


def year_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return what happened in a year."""
    return _dated(f"In {rule.words.removeprefix('in ')}", value, subject)


def at_age_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return what happened at an age."""
    return _dated(f"At the age of {rule.words}", value, subject)


def _dated(when: str, value: str, subject: Subject) -> Sentences:
    named = name_for_subject(value, subject.name, subject.pronouns)
    if named is None and is_past(words_of(value)[0]):
        named = f"{subject.name} {value[0].lower()}{value[1:]}"
    return [f"{when}, {named}"] if named else []
