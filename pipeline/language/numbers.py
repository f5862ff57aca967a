"""The numbers and ages in a text, in digits or in words, with their offsets."""

from __future__ import annotations

import re
from functools import lru_cache
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

# By themselves these are rarely numbers ("no one", "at first", "a second later").
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
# Most words are not numbers, and their first letters show it: nine times as fast as trying every spelling.
_BEGINS = rf"(?=\d|a[\s-]|{'|'.join(sorted({word[:3] for word in _VALUES}))})"
_NUMBER = re.compile(rf"\b{_BEGINS}(?:{_DIGITS}|{_SPELLED})\b", re.IGNORECASE)


class Quantity(NamedTuple):
    """A number with its offsets in the text; a year is one from 1000 to 2100 in four plain digits."""

    value: float
    kind: Literal["year", "count"]
    start: int
    end: int


@lru_cache(maxsize=1 << 14)  # the claims of a table are compared with the same sentences again and again
def find_quantities(text: str) -> tuple[Quantity, ...]:
    """Return the numbers in ``text``, in reading order.

    Numbers may be digits (``1,200``, ``3rd``, ``1820s``) or words (``twenty-one``, ``five-and-twenty``, ``a hundred and
    three``, ``twelfth``). "One", "first" and "second" by themselves are not counted as numbers.

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


class Age(NamedTuple):
    """An age in whole years, and the range of its words in the text."""

    years: int
    start: int
    end: int


OLDEST = 110
"""Years; a higher number is not an age."""
_LAST_HOUR = 12  # "at nine she left" may be a time of day

_YOUNG = "boy|girl|child|lad|youth|man|woman|infant|baby|orphan|widow|widower|maid|maiden"
_AGE_BEFORE = re.compile(
    rf"\b(?:(?P<sure>age of|aged|age|turned|turning|(?:{_YOUNG}) of)|(?P<at>at|by)"
    r"|(?P<when>when (?:he|she|i|they|we) (?:was|were))"
    r"|(?<!there )(?<!it )(?P<open>was|is|am|were))\s+"
    r"(?:(?:only|just|barely|hardly|scarcely|but|then|now|still|already|exactly|full)\s+)*$",
    re.IGNORECASE,
)
_AGE_AFTER = re.compile(
    r"(?P<sure>(?:\s*-\s*|\s+)years?[-\s]+(?:old|of[-\s]age)\b)"
    r"|(?P<open>\s*(?:[,;:!?)—]|\.(?!\d)|$)|\s+(?:when|and|at the time|while|he|she|his|her"
    r"|(?-i:[A-Z])[\w’'-]*\b(?! (?-i:Street|Road|Lane|Square|Avenue)\b))\b)",
    re.IGNORECASE,
)
_LIFE_YEAR = re.compile(
    r"\s+(?:(?P<birthday>birthday)|year)\b(?!\s+(?:of|in|as|at|on|with|under)\b(?!\s+(?:his|her|my)\s+(?:age|life)\b))",
    re.I,
)
_OWN = re.compile(r"\b(?:his|her|my|their)\s+$", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:st|nd|rd|th|first|second|third)$", re.IGNORECASE)
_RANGED = re.compile(
    r"\b(?:between|from)\b[^.;]{0,24}$|~$"
    r"|\b(?:about|around|over|under|above|below|nearly|almost|approximately|some|or|than|past|towards)\s+"
    r"(?:the age of\s+)?$",
    re.IGNORECASE,
)


def find_ages(text: str, *, clock: bool = True) -> tuple[Age, ...]:
    """Return the ages in ``text``, in reading order; approximate ages ("nearly forty") are left out.

    With ``clock``, "at nine she left" is a time of day, as usual in a novel; without it, an age, as in a backstory.

    >>> [age.years for age in find_ages("At nineteen he left; in his thirtieth year, aged 29, he came back.")]
    [19, 29, 29]
    >>> [age.years for age in find_ages("At nine she left.", clock=False)]
    [9]
    """
    last_hour = _LAST_HOUR if clock else 0
    found = (_age(text, quantity, last_hour) for quantity in find_quantities(text) if 0 < quantity.value <= OLDEST)
    return tuple(age for age in found if age is not None)


def _age(text: str, quantity: Quantity, last_hour: int) -> Age | None:
    before, after = text[max(quantity.start - 32, 0) : quantity.start], text[quantity.end : quantity.end + 32]
    if quantity.value % 1 or _RANGED.search(before) or re.match(r"\s*(?:o['’]clock|[ap]\.?m\b|:\d)", after, re.I):
        return None
    years = int(quantity.value)
    if _ORDINAL.search(text[quantity.start : quantity.end]):
        life_year = _LIFE_YEAR.match(after) if _OWN.search(before) else None
        if life_year is None:
            return None
        return Age(years if life_year["birthday"] else years - 1, quantity.start, quantity.end + life_year.end())
    lead, tail = _AGE_BEFORE.search(before), _AGE_AFTER.match(after)
    if tail and tail["sure"]:
        return Age(years, quantity.start, quantity.end + len(tail["sure"]))
    if lead and lead["when"] and re.match(r"\s+(?:an?|the)\b", after, re.I):
        return Age(years, quantity.start, quantity.end)
    if lead and (lead["sure"] or (tail and years > (last_hour if lead["at"] else 3))):
        return Age(years, quantity.start, quantity.end)
    return None
