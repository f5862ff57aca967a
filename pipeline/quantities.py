"""The numbers a text states, in digits or in words, with where they stand."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple


def _named(words: str, values: range) -> dict[str, int]:
    return dict(zip(words.split(), values, strict=True))


_UNITS = _named("one two three four five six seven eight nine", range(1, 10))
_UNITS |= _named("first second third fourth fifth sixth seventh eighth ninth", range(1, 10))
_TEENS = _named("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", range(10, 20))
_TEENS |= {"twelfth": 12} | {f"{word}th": value for word, value in _TEENS.items() if word != "twelve"}
_TENS = _named("twenty thirty forty fifty sixty seventy eighty ninety", range(20, 100, 10))
_TENS |= {f"{word[:-1]}ieth": value for word, value in _TENS.items()}
_VALUES = _UNITS | _TEENS | _TENS

# Common words far more often than numbers when they stand alone ("no one", "at first", "a second later").
_NOT_ALONE = frozenset({"one", "first", "second"})


def _any_of(words: dict[str, int]) -> str:
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_GAP = r"(?:\s*-\s*|\s+)"
_BELOW_100 = (
    rf"(?:{_any_of(_UNITS)}{_GAP}and{_GAP}{_any_of(_TENS)}\b"
    rf"|{_any_of(_TENS)}(?:{_GAP}{_any_of(_UNITS)}\b)?|{_any_of(_TEENS)}\b|{_any_of(_UNITS)}\b)"
)
_TAIL = rf"(?:{_GAP}(?:and{_GAP})?{_BELOW_100})?"
_BELOW_1000 = rf"(?:(?:{_BELOW_100}|a){_GAP}hundred(?:th)?\b{_TAIL}|{_BELOW_100})"
_SPELLED = rf"(?:(?:{_BELOW_1000}|a){_GAP}thousand\b(?:{_GAP}(?:and{_GAP})?{_BELOW_1000})?|{_BELOW_1000})"
_DIGITS = r"(?P<digits>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?:st|nd|rd|th|s)?"
_NUMBER = re.compile(rf"\b(?:{_DIGITS}|{_SPELLED})\b", re.IGNORECASE)


class Quantity(NamedTuple):
    """A number as it stands in a text; a year is one between 1000 and 2100 written in plain digits."""

    value: float
    kind: Literal["year", "count"]
    start: int
    end: int


def find_quantities(text: str) -> tuple[Quantity, ...]:
    """Return the numbers of ``text`` in reading order.

    Read are digits (``1,200``, ``3rd``, ``1820s``) and words (``twenty-one``, ``five-and-twenty``, ``a hundred and
    three``, ``twelfth``). "One", "first" and "second" by themselves are not taken for numbers.

    >>> [quantity.value for quantity in find_quantities("At five-and-twenty he owed 1,200 francs.")]
    [25.0, 1200.0]
    """
    return tuple(_quantity(match) for match in _NUMBER.finditer(text) if match.group().casefold() not in _NOT_ALONE)


def _quantity(match: re.Match[str]) -> Quantity:
    digits = match.group("digits")
    if digits is None:
        return Quantity(_spelled_value(match.group()), "count", *match.span())
    value = float(digits.replace(",", ""))
    year = len(digits) == 4 and digits.isdigit() and 1000 <= value <= 2100
    return Quantity(value, "year" if year else "count", *match.span())


def _spelled_value(text: str) -> float:
    total = part = 0
    for word in re.findall(r"[a-z]+", text.casefold()):
        if word.startswith("hundred"):
            part = max(part, 1) * 100
        elif word == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        else:
            part += _VALUES.get(word, 0)
    return float(total + part)
