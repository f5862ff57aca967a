"""How old somebody is said to be, and who."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.judging.checks.kinship import NAME, name_words
from pipeline.judging.checks.words import NARRATOR, NO_NAMES, Stated, View, Word, name_of
from pipeline.language.numbers import find_ages, find_quantities
from pipeline.language.word_lists import word_set

_BORN = re.compile(r"\bborn\b[^.;]{0,40}$")
_NEXT_NAME = re.compile(rf"\s+({NAME})")
_BEFORE_PLACES = word_set("of at in to from near for through into")


def find_person_ages(view: View) -> Iterator[Stated]:
    """Yield the ages of a text, each with the name that stands nearest: right behind it, else last before it."""
    for age in find_ages(view.text):
        yield Stated("age", age.years, age.start, age.end, _bearer(view, age.start, age.end))


def find_years_of_birth(view: View) -> Iterator[Stated]:
    """Yield the years in which a text has somebody born."""
    for quantity in find_quantities(view.text):
        if quantity.kind == "year" and _BORN.search(view.text[max(quantity.start - 48, 0) : quantity.start]):
            yield Stated("born", int(quantity.value), quantity.start, quantity.end, last_name(view, quantity.start))


def find_dated_ages(view: View) -> Iterator[Stated]:
    """Yield the year of birth that follows where a text has one age and one year: at nineteen in 1815."""
    ages = list(find_person_ages(view))
    years = [one for one in find_quantities(view.text) if one.kind == "year"]
    if len(ages) == 1 and len(years) == 1 and not list(find_years_of_birth(view)):
        (age,), (year,) = ages, years
        start, end = min(age.start, year.start), max(age.end, year.end)
        yield Stated("born", int(year.value) - int(str(age.value)), start, end, age.who)


def _bearer(view: View, start: int, end: int) -> frozenset[str]:
    after = _NEXT_NAME.match(view.text, end)
    if after and name_words(after[1]) and not name_words(after[1]) & NO_NAMES:
        return name_words(after[1])
    return last_name(view, start)


def last_name(view: View, start: int) -> frozenset[str]:
    """Return the words of the name that stands last before a place in the text; of whoever says I, ``NARRATOR``.

    A name behind a preposition ("of Lowdale") is most often a place and is passed over.
    """
    run: list[Word] = []
    for word in reversed([word for word in view.words if word.end <= start]):
        if run and view.text[word.end : run[-1].start].strip():
            break
        if name_of(word):
            run.append(word)
        elif run and word.lower not in _BEFORE_PLACES:
            break
        elif run:
            run.clear()
        elif word.lower in {"i", "my", "me"}:
            return frozenset({NARRATOR})
    return frozenset(map(name_of, run))
