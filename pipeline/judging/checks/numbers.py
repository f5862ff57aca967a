"""How many of a thing: a number and the plural noun that it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.judging.checks.words import Stated, View, Word
from pipeline.language.numbers import Quantity, find_ages, find_quantities
from pipeline.language.word_lists import word_set

MEASURES = word_set(
    "year month week day night hour minut second mile yard feet foot inch leagu knot acr ton dollar pound franc crown "
    "guinea livr shill penc cent louis mark time degre"
)
"""Stems of units: everything lasts some days and lies some miles off, so that more must say it is the same fact."""
_NOT_PLURAL = word_set("is was has his this its as us does goes says always perhaps towards besides")
_IRREGULAR = word_set("men women children people feet teeth mice geese oxen sheep")
_STOPS = word_set(
    "of in on at to for from with by and or but a an the that who which when while after before than into was were is "
    "are had has have did he she they it his her their i you we"
)
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "dozen": 12}
_ROUGH = re.compile(
    r"(?:\b(?:about|nearly|almost|some|over|than|least|most|around|approximately|roughly|another|other|every|or|to|and|"
    r"between|next|last|chapter|page|no|number|first|within|under|these|those|all|up)\W+|[-–—/.:$£,]\s*)$",
    re.IGNORECASE,
)
_LOOKS_BACK = re.compile(r"\W+(?:ago|later|before|after|earlier|hence|since)\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:\dst|\dnd|\drd|th|ths|first|second|third|\ds)$", re.IGNORECASE)
_FARTHEST = 4


def find_counts(view: View) -> Iterator[Stated]:
    """Yield the counted things of a text: the stem of the noun, and how many.

    Left out are ordinals, years, ages, ranges, spans of time that only place an event ("two days later"), and what is
    only about so many.
    """
    ages = {age.start for age in find_ages(view.text)}
    for quantity in find_quantities(view.text):
        written = view.text[quantity.start : quantity.end]
        if quantity.kind == "year" or quantity.start in ages or _ORDINAL.search(written):
            continue
        if _ROUGH.search(view.text[max(quantity.start - 16, 0) : quantity.start]):
            continue
        found = _counted(view, quantity)
        if found is not None and not _LOOKS_BACK.match(view.text, found[0].end):
            noun, scale = found
            yield Stated(view.stem(noun), quantity.value * scale, quantity.start, noun.end)


def _counted(view: View, quantity: Quantity) -> tuple[Word, int] | None:
    scale, place = 1, quantity.end
    for word in [word for word in view.words if word.start >= quantity.end][:_FARTHEST]:
        between = view.text[place : word.start]
        if between.strip() not in {"", "-"} or word.lower in _STOPS:
            return None
        if word.lower in _SCALES:
            scale *= _SCALES[word.lower]
        elif _is_plural(word) or "-" in between:
            return (word, scale) if view.stem(word) else None
        place = word.end
    return None


def _is_plural(word: Word) -> bool:
    lower = word.lower
    return lower in _IRREGULAR or (
        len(lower) > 3 and lower.endswith("s") and not lower.endswith(("ss", "us", "'s")) and lower not in _NOT_PLURAL
    )
