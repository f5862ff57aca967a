"""What a claim states in figures and names that can be compared: counts, years, ages and places.

Each is read off the text by rules that would rather miss than mistake:

- an *age* is a number of years that the text gives a person: "at twelve", "aged 12", "twelve years old", "a boy of
  ten", "he was nine when", in whole years. "At seven o'clock", "nearly forty" and "in his thirties" give none;
- a *year* is written in four digits. A decade ("the 1820s") is no year, and is left out;
- *numbers* are the counts that are left. Days of a month, hours of a day and ordinals ("37th", "third") count nothing;
- a *place* is a capitalised name behind a preposition of place that is not a person of the text, a title, a month, a
  people or a language. "To" and "from" need a verb of going, or a name that says what it is ("Château", "Street").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.claims.subject import TITLES, words_of
from pipeline.language.numbers import Quantity, find_quantities
from pipeline.language.word_lists import listed

OLDEST = 120
"""Years of the highest age that is taken for one."""
LONGEST_READ = 5_000
"""Characters of a text that are read for facts; a claim of more is a list or a text without full stops."""

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_PERSON = "he|she|they|his|her|their"
_YOUNG = "boy|girl|child|lad|youth|man|woman|infant|baby|orphan|widow|widower|youngster|maid|maiden"

_YEARS_OLD = re.compile(r"[\s-]+(?:years?[\s-]+old|years?[\s-]+of[\s-]+age)\b|[\s-]year-old\b", re.IGNORECASE)
_VAGUE = re.compile(
    r"(?:\b(?:nearly|almost|about|around|over|under|above|below|past|approximately|some|more than|less than)\s+|~)$",
    re.IGNORECASE,
)
_AGE_BEFORE = re.compile(
    rf"\b(?:aged|at age|(?:at|by|of) the age of|age of|turned|(?:{_YOUNG}) of)\s+(?:only |just |barely )?$",
    re.IGNORECASE,
)
_AT_BEFORE = re.compile(r"\b(?:at|by)\s+(?:only |just |barely )?$", re.IGNORECASE)
_WAS_BEFORE = re.compile(
    r"(?<!there )(?<!it )\b(?:was|is|being|were)\s+(?:(?:still|only|just|barely)\s+)*$", re.IGNORECASE
)
# What follows an age that stands alone: the end of a phrase, or the person who had it. "At ten the bell rang" has none.
_AGE_AFTER = re.compile(
    rf"\s*(?:[,;:.)!?’”]|$)|\s+(?:{_PERSON}|and|when|but|or)\b|\s+(?:the|this) (?:{_YOUNG})\b"
    r"|\s+[A-Z][\w’'-]*\b(?! (?:Street|Road|Lane|Square|Avenue)\b)"
)
_HOUR_AFTER = re.compile(
    r"\s*(?:o['’]clock|[ap]\.?m\b|noon|in the (?:morning|afternoon|evening)|at night|B\.?C\b)", re.I
)
_ORDINAL = re.compile(
    r"(?:\d(?:st|nd|rd|th)|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|first|second|twelfth|teenth|tenth|eleventh"
    r"|tieth|hundredth))$",
    re.IGNORECASE,
)
_PLURAL_AFTER = re.compile(r"\s+(?!(?:was|is|has|his|as|this|towards|thus)\b)[a-z]+s\b")
_YEAR_BEFORE = re.compile(
    rf"(?:\b(?:in|since|by|until|till|from|of|before|after|during|circa|to|and|between|about|around|{_MONTHS})"
    r"\s+(?:the year )?|[(–—-]\s*)$",
    re.IGNORECASE,
)
_MONEY = re.compile(r"[$£€]\s*$")
_MONTH_NEAR = re.compile(rf"(?:{_MONTHS})\s+(?:the\s+)?$"), re.compile(rf"\s+(?:of\s+)?(?:{_MONTHS})\b")
_RANGE = re.compile(r"\d{4}\s*[-–—/]\s*$")

_KINDS_AFTER_OWNER = "Park|Square|Street|Hospital|Castle|Abbey|Church|College|Cathedral|Palace|Inn|Head|Bay|Island"
_NAME = rf"[A-Z]\w*(?:[’'-][A-Za-z]\w+)*(?:[’']s(?= (?:{_KINDS_AFTER_OWNER})\b))?"
_LINK = r"(?:of the|of|de la|de l’|de l'|de|du|des|la|le|les|von|van|upon|on|sur|-)"
_RUN = rf"(?:St\.? |Mt\.? |d[’'])?{_NAME}(?:[ ](?:{_LINK}[ ])?(?:d[’'])?{_NAME})*"
_PLACE = re.compile(
    rf"\b(?P<how>[Ii]n|[Aa]t|[Nn]ear|[Ii]nto|[Tt]hrough|[Tt]hroughout|[Ww]ithin|[Oo]utside|[Ii]nside|[Aa]cross|[Bb]eyond"
    rf"|[Aa]round|[Oo]n|[Oo]ff|[Aa]long|[Tt]o|[Ff]rom|[Tt]owards?|[Ff]or|[Vv]ia)\s+"
    rf"(?P<article>(?:the|a|an|his|her|their)\s+)?(?:(?:ancient|old|northern|southern|eastern|western)\s+)?(?P<name>{_RUN})(?P<owner>[’']s?(?=\s))?"
)
_NEEDS_GOING = {"to", "from", "toward", "towards", "for", "via"}
_GOING = re.compile(
    r"\b(?:go|goes|went|gone|going|c[ao]me|coming|fled|flee|flees|fleeing|sail(?:s|ed|ing)?|mov(?:e|es|ed|ing)"
    r"|return(?:s|ed|ing)?|travell?(?:s|ed|ing)?|journey(?:s|ed)?|voyages?|ship(?:s|ped)|sen[dt]s?|transferred|moved"
    r"|escap(?:es?|ed|ing)|exiled|banished|deported|transported|brought|taken|took|marched|rode|rides|walked|walks|ran"
    r"|runs|hurried|retired|withdrew|emigrated|migrated|sent|posted|expelled|left|leaves|trip|departed|set out|route"
    r"|road|bound|headed|embarked|driven|crossed|carried|swam|back|way|tow(?:s|ed)?|invited|north|south|east|west)\b",
)
_ABSTRACT = re.compile(
    r"\b(?:result(?:s|ed|ing)?|interest(?:s|ed)?|belie(?:f|ves?|ved|ving)|confid(?:es?|ed|ing|ence)|trust(?:s|ed|ing)?"
    r"|succe(?:ss|eds?|eded)|faith|love|love[sd]?|engaged?|role|part|change|look(?:s|ed|ing)?|glance[sd]?)\s+$"
)
"""What makes "in" or "at" behind it no preposition of place: "interest in", "looked at"."""
_KINDS = listed(
    "château chateau street road lane square island islands isle sea ocean river lake bay cape mount mountain "
    "mountains prison castle fortress fort tower university college hospital house hall inn abbey convent monastery "
    "cathedral church palace park bridge harbour harbor port desert valley forest wood hill hills strait coast county "
    "kingdom republic empire hemisphere court club academy institute theatre theater hotel station town city village"
)
# A place before one of these, without a preposition of its own, is a place still: "on the Marseille quay".
_SITES = listed(
    "quay quays bar harbour harbor port docks dock prison monastery convent street streets slums market church tavern "
    "inn palace waterfront suburb suburbs coast countryside outskirts garrison shipyard shipyards jail"
)
_NO_PLACES = frozenset(
    f"{_MONTHS}|{_DAYS}|I|Christmas|Easter|Lent|God|Mass|English|French|Spanish|German|Italian|Latin|Greek|Portuguese"
    "|Dutch|Hebrew|Arabic|Russian|Quechua|Sanskrit|Chinese|Turkish|Polish|Swedish|Irish|Welsh|Scots|Persian|Bible"
    "|Parliament|Congress|Revolution|Enlightenment|Renaissance|Napoleon|Army|Navy".replace("|", " ").split()
)
_PEOPLES = re.compile(r".+(?:ians?|ish|ese|ists?|ites?|ims?)$")
# Followed by these a name ends; by another word in lower case it only describes what follows ("in Bible pages").
_GOES_ON = re.compile(r"\s+(?P<word>[a-zà-ÿ][\w-]*)")
_ENDS_NAME = listed(
    "and or but yet then as at by for from in into of on to with without under over after before during since until "
    "till when where while who which that because though although he she they it his her their its the a an was were "
    "is are had has have would could did not never alone again together forever once twice so if than whose about "
    "against among between near through upon via within only also later still there"
)


class Facts(NamedTuple):
    """What a text states: counts, years, ages in years, and names of places, each in reading order, repeats kept."""

    numbers: tuple[float, ...]
    years: tuple[int, ...]
    ages: tuple[float, ...]
    places: tuple[str, ...]


def find_facts(text: str, persons: Iterable[str] = ()) -> Facts:
    """Return what a text states; ``persons`` are names, of any number of words, that are no places. Of a long text the
    first ``LONGEST_READ`` characters are read.

    >>> find_facts("At twelve he left Rome in 1815 for Paris with 3 dogs.")
    Facts(numbers=(3.0,), years=(1815,), ages=(12.0,), places=('Paris',))
    """
    text = text[:LONGEST_READ]
    quantities = [found for found in find_quantities(text) if not _is_no_quantity(text, found)]
    ages = [found for found in quantities if _is_age(text, found)]
    years = [found for found in quantities if found not in ages and _is_year(text, found)]
    counts = [found for found in quantities if found not in ages and found not in years]
    return Facts(
        numbers=tuple(found.value for found in counts),
        years=tuple(int(found.value) for found in years),
        ages=tuple(found.value for found in ages),
        places=tuple(find_places(text, persons)),
    )


def find_ages(text: str) -> list[float]:
    """Return the ages that a text states, in years and in reading order."""
    return [found.value for found in find_quantities(text[:LONGEST_READ]) if _is_age(text, found)]


def find_places(text: str, persons: Iterable[str] = ()) -> Iterator[str]:
    """Yield the names of places in a text, in reading order, as they are written and without an article."""
    strangers = {word for person in persons for word in words_of(person)}
    for match in _PLACE.finditer(text):
        words = words_of(match["name"])
        if (
            not strangers.isdisjoint(words)
            or not TITLES.isdisjoint(words[:1])
            or not _NO_PLACES.isdisjoint(match["name"].split()[:1])
        ):
            continue
        if _PEOPLES.match(words[-1]) or _is_person_elsewhere(text, match):
            continue
        if _may_be_place(text, match, words):
            yield match["name"]


def _is_no_quantity(text: str, found: Quantity) -> bool:
    """Say whether a number counts nothing and is no year: a decade, an ordinal, a day, an hour, the end of a range."""
    written, before, after = text[found.start : found.end], text[: found.start], text[found.end :]
    if _is_age(text, found):
        return False
    if re.fullmatch(r"\d+s", written) or _ORDINAL.search(written) or _HOUR_AFTER.match(after):
        return True
    if found.kind == "year":
        return False
    dated = _MONTH_NEAR[0].search(before) or _MONTH_NEAR[1].match(after)
    return bool(dated and found.value <= 31) or bool(_RANGE.search(before))


def _is_age(text: str, found: Quantity) -> bool:
    before, after = text[: found.start], text[found.end :]
    if (
        found.value > OLDEST
        or found.value % 1
        or _VAGUE.search(before)
        or _ORDINAL.search(text[found.start : found.end])
    ):
        return False
    if re.fullmatch(r"\d+s", text[found.start : found.end]):
        return False
    if _YEARS_OLD.match(after):
        return True
    if _AGE_BEFORE.search(before):
        return not re.match(r"\s+(?:years?|months?|days?|hours?)\b", after)
    alone = _AGE_AFTER.match(after) and not _HOUR_AFTER.match(after)
    if _AT_BEFORE.search(before):
        return bool(alone)
    if _WAS_BEFORE.search(before):
        return bool(alone or re.match(r"\s+(?:an?|the)\b", after)) and not re.match(r"\s+(?:or|and)\b|\s+[A-Z]", after)
    return False


def _is_year(text: str, found: Quantity) -> bool:
    if found.kind != "year":
        return False
    before, after = text[: found.start], text[found.end :]
    if _MONEY.search(before):
        return False
    return bool(_YEAR_BEFORE.search(before)) or not _PLURAL_AFTER.match(after)


def _is_person_elsewhere(text: str, match: re.Match[str]) -> bool:
    """Say whether the name stands somewhere else in the text as somebody with a title or belongings."""
    name = re.escape(match["name"])
    titles = "|".join(sorted(TITLES))
    for other in re.finditer(rf"(?:\b(?i:{titles})\.?\s+)?(?<!\w){name}(?!\w)(?:['’]s\b)?", text):
        if match.start("name") not in range(*other.span()) and other[0] != match["name"]:
            return True
    return False


def _may_be_place(text: str, match: re.Match[str], words: list[str]) -> bool:
    how, after = match["how"].lower(), text[match.end() :]
    follower = _GOES_ON.match(after)
    following = follower["word"] if follower else ""
    is_site = following in _SITES or (follower is not None and _second_word(after) in _SITES)
    named_kind = not _KINDS.isdisjoint(words)
    if match["owner"]:
        return is_site and how not in _NEEDS_GOING
    if _ABSTRACT.search(text[: match.start()]):
        return False
    if following and following not in _ENDS_NAME and not following.endswith(("ed", "ly")):
        return is_site and not words[-1].endswith("an")
    if match["article"] and match["article"].strip() != "the" and not named_kind:
        return False
    if how in _NEEDS_GOING and not named_kind:
        start = max(text.rfind(mark, 0, match.start()) for mark in ".,;:")
        nearby = text[start + 1 : match.start()].split()[-4:]
        return bool(_GOING.search(" ".join(nearby)))
    return how != "on" or named_kind


def _second_word(after: str) -> str:
    found = after.split()[1:2]
    return found[0].strip(",.;:") if found else ""
