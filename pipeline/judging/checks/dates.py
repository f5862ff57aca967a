"""When something is said to have been: years, days of a month, months and days of the week."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.judging.checks.words import Stated, View
from pipeline.language.numbers import find_quantities

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_FULL = re.compile(rf"\b(?:({_MONTHS}),? (?:the )?{_DAY}\b|{_DAY} (?:of )?({_MONTHS})\b)")
_MONTH = re.compile(
    rf"\b(?:in|of|last|next|early|late|mid|until|since|by|one)[\s-]+({_MONTHS})\b(?![-\s][A-Z][a-z]|,? (?:the )?\d)"
)
_WEEKDAY = re.compile(r"\b(Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)(?!s)\b")
_YEAR_LEAD = re.compile(
    rf"(?:\b(?:in|of|since|by|until|from|year|before|after|during|{_MONTHS}),?|\b\d\d?,)\s+$", re.IGNORECASE
)


def find_dates(view: View) -> Iterator[Stated]:
    """Yield the years, days, months and days of the week of a text, each a topic of its own."""
    for quantity in find_quantities(view.text):
        written = view.text[quantity.start : quantity.end]
        lead = view.text[max(quantity.start - 16, 0) : quantity.start]
        if quantity.kind == "year" and written.isdigit() and _YEAR_LEAD.search(lead):
            yield Stated("year", int(quantity.value), quantity.start, quantity.end)
    text = re.sub(r"\s", " ", view.text)
    for match in _FULL.finditer(text):
        month, day = (match[1], match[2]) if match[1] else (match[4], match[3])
        yield Stated("day", (month, int(day)), *match.span())
    for match in _MONTH.finditer(text):
        yield Stated("month", match[1], *match.span(1))
    for match in _WEEKDAY.finditer(text):
        yield Stated("weekday", match[1], *match.span(1))
