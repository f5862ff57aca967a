"""Ages, years of birth, dates and counted things that a text states."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.judging.checks.context import NOT_NAMES, AnalysedText, Statement, Word
from pipeline.judging.checks.kinship import NAME, name_words
from pipeline.language.numbers import Quantity, find_ages, find_quantities
from pipeline.language.word_lists import word_set
from pipeline.records import Span

_BORN = re.compile(r"\bborn\b[^.;]{0,40}$")
_NEXT_NAME = re.compile(rf"\s+({NAME})")

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_FULL_DATE = re.compile(rf"\b(?:({_MONTHS}),? (?:the )?{_DAY}\b|{_DAY} (?:of )?({_MONTHS})\b)")
_MONTH = re.compile(
    rf"\b(?:in|of|last|next|early|late|mid|until|since|by|one)[\s-]+({_MONTHS})\b(?![-\s][A-Z][a-z]|,? (?:the )?\d)"
)
_WEEKDAY = re.compile(r"\b(Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)(?!s)\b")
_YEAR_LEAD = re.compile(
    rf"(?:\b(?:in|of|since|by|until|from|year|before|after|during|{_MONTHS}),?|\b\d\d?,)\s+$", re.IGNORECASE
)

MEASURES = word_set(
    "year month week day night hour minut second mile yard feet foot inch leagu knot acr ton dollar pound franc crown "
    "guinea livr shill penc cent louis mark time degre"
)
"""Stems of units; so common in novels that more shared words must show that the fact is the same."""
_NOT_PLURAL = word_set("is was has his this its as us does goes says always perhaps towards besides")
_IRREGULAR_PLURALS = word_set("men women children people feet teeth mice geese oxen sheep")
_STOPS = word_set(
    "of in on at to for from with by and or but an a the that who which when while after before than into was were is "
    "are had has have did he she they it his her their i you we"
)
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "dozen": 12}
_APPROXIMATE = re.compile(
    r"(?:\b(?:about|nearly|almost|some|over|than|least|most|around|approximately|roughly|another|other|every|or|to|and|"
    r"between|next|last|chapter|page|no|number|first|within|under|these|those|all|up)\W+|[-–—/.:$£,]\s*)$",
    re.IGNORECASE,
)
_RELATIVE_TIME = re.compile(r"\W+(?:ago|later|before|after|earlier|hence|since)\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:\dst|\dnd|\drd|th|ths|first|second|third|\ds)$", re.IGNORECASE)
_FARTHEST_NOUN = 4


def find_person_ages(content: AnalysedText) -> Iterator[Statement]:
    """Yield the ages of a text, each with the name directly after it, else with the last name that precedes it."""
    for age in find_ages(content.text):
        yield Statement("age", age.years, Span(age.start, age.end), _person_of_age(content, age.start, age.end))


def _person_of_age(content: AnalysedText, start: int, end: int) -> frozenset[str]:
    after = _NEXT_NAME.match(content.text, end)
    if after and name_words(after[1]) and not name_words(after[1]) & NOT_NAMES:
        return name_words(after[1])
    return content.last_name(start)


def find_birth_years(content: AnalysedText) -> Iterator[Statement]:
    """Yield the years in which a text says that a person was born."""
    for quantity in find_quantities(content.text):
        if quantity.kind == "year" and _BORN.search(content.text[max(quantity.start - 48, 0) : quantity.start]):
            span = Span(quantity.start, quantity.end)
            yield Statement("born", int(quantity.value), span, content.last_name(quantity.start))


def find_dated_ages(content: AnalysedText) -> Iterator[Statement]:
    """Yield the year of birth computed from a text with exactly one age and one year ("at nineteen in 1815")."""
    ages = list(find_person_ages(content))
    years = [one for one in find_quantities(content.text) if one.kind == "year"]
    if len(ages) == 1 and len(years) == 1 and not list(find_birth_years(content)):
        (age,), (year,) = ages, years
        span = Span(min(age.span.start, year.start), max(age.span.end, year.end))
        yield Statement("born", int(year.value) - int(str(age.value)), span, age.names)


def find_dates(content: AnalysedText) -> Iterator[Statement]:
    """Yield the years, days, months and weekdays of a text, each kind as a topic of its own."""
    for quantity in find_quantities(content.text):
        written = content.text[quantity.start : quantity.end]
        lead = content.text[max(quantity.start - 16, 0) : quantity.start]
        if quantity.kind == "year" and written.isdigit() and _YEAR_LEAD.search(lead):
            yield Statement("year", int(quantity.value), Span(quantity.start, quantity.end))
    text = re.sub(r"\s", " ", content.text)
    for match in _FULL_DATE.finditer(text):
        month, day = (match[1], match[2]) if match[1] else (match[4], match[3])
        yield Statement("day", (month, int(day)), Span(*match.span()))
    for match in _MONTH.finditer(text):
        yield Statement("month", match[1], Span(*match.span(1)))
    for match in _WEEKDAY.finditer(text):
        yield Statement("weekday", match[1], Span(*match.span(1)))


def find_counts(content: AnalysedText) -> Iterator[Statement]:
    """Yield the counted things of a text: the stem of the plural noun as the topic, the number as the value.

    Left out are ordinals, years, ages, ranges, approximate numbers, and times that only place an event ("two days
    later").
    """
    ages = {age.start for age in find_ages(content.text)}
    for quantity in find_quantities(content.text):
        written = content.text[quantity.start : quantity.end]
        if quantity.kind == "year" or quantity.start in ages or _ORDINAL.search(written):
            continue
        if _APPROXIMATE.search(content.text[max(quantity.start - 16, 0) : quantity.start]):
            continue
        found = _counted_noun(content, quantity)
        if found is not None and not _RELATIVE_TIME.match(content.text, found[0].end):
            noun, scale = found
            yield Statement(content.stem(noun), quantity.value * scale, Span(quantity.start, noun.end))


def _counted_noun(content: AnalysedText, quantity: Quantity) -> tuple[Word, int] | None:
    """Return the noun that a number counts, and the factor of scale words ("three hundred men") between them."""
    scale, place = 1, quantity.end
    for word in [word for word in content.words if word.start >= quantity.end][:_FARTHEST_NOUN]:
        between = content.text[place : word.start]
        if between.strip() not in {"", "-"} or word.lower in _STOPS:
            return None
        if word.lower in _SCALES:
            scale *= _SCALES[word.lower]
        elif _is_plural(word) or "-" in between:
            return (word, scale) if content.stem(word) else None
        place = word.end
    return None


def _is_plural(word: Word) -> bool:
    lower = word.lower
    return lower in _IRREGULAR_PLURALS or (
        len(lower) > 3 and lower.endswith("s") and not lower.endswith(("ss", "us", "'s")) and lower not in _NOT_PLURAL
    )
