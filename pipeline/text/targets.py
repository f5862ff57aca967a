"""Find the mentions of one person, by full name, surname, first name or alias, and not those of a namesake.

The folded text is searched for the words of the name. The whole name phrase around a match then decides whether it is
the person: "Valentine de Villefort" has the surname of "Gérard de Villefort", and another first name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal, NamedTuple

from spacy.lang.en.stop_words import STOP_WORDS

from pipeline.language.folding import fold_aligned
from pipeline.language.titles import PARTICLES, POLITE, TITLES, TitleClass, classes_clash, title_class
from pipeline.records import Novel
from pipeline.text.names import LONGEST_NAME, NamePhrase, ParsedName, find_phrases, parse_name

Strength = Literal[1, 2, 3]
FIRST_NAME: Strength = 1
SURNAME: Strength = 2
FULL: Strength = 3
"""How certain a mention is: by the first name alone, by the surname or an only name, by the full name."""

_PARTICLE = f"(?:{'|'.join(sorted(PARTICLES))})"
_BETWEEN = rf"\.?[-\s]+(?:{_PARTICLE}\s+)*(?:[dl]')?"
_DOMINANCE = 4
_PRONOUN_WINDOW = 120
_PRONOUN = re.compile(r"\b(?:(?P<man>he|him|his|himself)|(?P<woman>she|her|hers|herself))\b")
_FEWEST = 3


class Hit(NamedTuple):
    """A mention of the person: the range of the whole name as printed, and how certain it is."""

    start: int
    end: int
    strength: Strength


class _Place(NamedTuple):
    """A match of the words of the name: all of them, or those of one part."""

    start: int
    end: int
    part: Literal["full", "surname", "first", "only"]


@dataclass(frozen=True)
class _Family:
    """What the novel contains about persons with a word of the target's name, to distinguish namesakes.

    ``companions`` are further words of the same person's name; ``foreign_titles`` belong to a namesake.
    """

    words: frozenset[str]
    title_class: TitleClass
    companions: frozenset[str]
    foreign_titles: frozenset[str]
    is_called_by_first_name: bool
    is_called_by_surname_alone: bool


def find_target(novel: Novel, names: Iterable[str]) -> tuple[Hit, ...]:
    """Return the mentions of the person with these names in the body of the novel, in order.

    A stop word such as "Nobody" is not a name, though sentences begin with it.
    """
    folded = fold_aligned(novel.text)
    targets = [target for target in map(parse_name, names) if not STOP_WORDS.issuperset(target.words)]
    found = [(target, _search(folded, novel, target)) for target in targets]
    if not any(places for _, places in found):
        return ()
    phrases = [phrase for phrase in find_phrases(novel.text, novel.body) if phrase.end - phrase.start <= LONGEST_NAME]
    hits = [hit for target, places in found for hit in _accepted(target, places, phrases, folded)]
    return _without_overlaps(hits or _at_sentence_starts(novel, found, phrases))


def _at_sentence_starts(
    novel: Novel, found: Iterable[tuple[ParsedName, Sequence[_Place]]], phrases: Sequence[NamePhrase]
) -> list[Hit]:
    """Return the first names and surnames that a text has at the starts of sentences only, and never in lower case."""
    starts = [phrase.start for phrase in phrases]
    hits = []
    for place in (place for _, places in found for place in places if place.part in {"first", "surname"}):
        word = novel.text[place.start : place.end].lower()
        if word in STOP_WORDS or _covering(phrases, starts, place) is not None:
            continue
        if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", novel.text):
            hits.append(Hit(place.start, place.end, SURNAME if place.part == "surname" else FIRST_NAME))
    return hits


def _search(folded: str, novel: Novel, target: ParsedName) -> list[_Place]:
    """Find the full name and its parts, capitalised unless it is only a title or the book never capitalises it."""
    places = [
        _Place(match.start(), match.end(), part)
        for part, words in _parts(target)
        for match in _pattern(words).finditer(folded, *novel.body)
    ]
    capitalised = [place for place in places if novel.text[place.start].isupper()]
    if capitalised and not TITLES.issuperset(target.words):
        return capitalised
    return [place for place in places if place.part in {"full", "only"}]


def _parts(target: ParsedName) -> Iterator[tuple[Literal["full", "surname", "first", "only"], tuple[str, ...]]]:
    if target.surname == 0:
        yield "only", target.words
        return
    yield "full", target.words
    yield "surname", target.words[target.surname :]
    if len(target.words[0]) > 1:
        yield "first", target.words[:1]


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    spelt = (re.escape(word).replace(r"\-", r"[-\s]*") for word in words)
    return re.compile(rf"(?<![^\W_])(?<![^\W_]-){_BETWEEN.join(spelt)}(?![^\W_])(?!-[^\W_])")


def _accepted(
    target: ParsedName, places: Sequence[_Place], phrases: Sequence[NamePhrase], folded: str
) -> Iterator[Hit]:
    """Yield the matches that name the target and not a namesake, extended to the whole name as printed."""
    starts = [phrase.start for phrase in phrases]
    around = [(place, _covering(phrases, starts, place)) for place in places]
    family = _family(target, around, phrases, folded)
    for place, phrase in around:
        strength = _strength(family, target, place, phrase)
        if strength and phrase:
            yield Hit(min(place.start, phrase.start), max(place.end, phrase.end), strength)
        elif strength:
            yield Hit(place.start, place.end, strength)


def _covering(phrases: Sequence[NamePhrase], starts: Sequence[int], place: _Place) -> NamePhrase | None:
    index = bisect_right(starts, place.start) - 1
    return phrases[index] if index >= 0 and phrases[index].end > place.start else None


def _strength(family: _Family, target: ParsedName, place: _Place, phrase: NamePhrase | None) -> Strength | None:
    """Return how certain it is that the match names the target, None if it names another person."""
    if phrase is None:
        return {"full": FULL, "only": SURNAME}.get(place.part)
    words = _flat(phrase.words)
    if target.surname and family.words <= words:
        return FULL
    if not words - family.words <= family.companions or classes_clash(title_class(phrase.title), family.title_class):
        return None
    if place.part == "first":
        return FIRST_NAME if family.is_called_by_first_name else None
    if phrase.title in family.foreign_titles or not (phrase.title or family.is_called_by_surname_alone):
        return None
    return SURNAME


def _family(
    target: ParsedName,
    around: Sequence[tuple[_Place, NamePhrase | None]],
    phrases: Sequence[NamePhrase],
    folded: str,
) -> _Family:
    words = _flat(target.words)
    relatives = [phrase for phrase in phrases if not words.isdisjoint(_flat(phrase.words))]
    full = [target.surname > 0 and words <= _flat(phrase.words) for phrase in relatives]
    own = list(compress(relatives, full))
    partial = [phrase for phrase, is_full in zip(relatives, full, strict=True) if not is_full]
    others = [phrase for phrase in partial if not _flat(phrase.words) <= words]
    called = title_class(target.title) or _called(own) or _class_by_pronouns(target, around, folded)
    companions = frozenset[str]() if target.surname else _companions(target, others, called, words)
    strangers = frozenset(phrase.title for phrase in others if not _flat(phrase.words) - words <= companions)
    return _Family(
        words=words,
        title_class=called,
        companions=companions,
        foreign_titles=strangers - POLITE - {phrase.title for phrase in own} - {target.title, ""},
        is_called_by_first_name=_leads(own, [phrase for phrase in others if phrase.words[0] == target.words[0]]),
        is_called_by_surname_alone=_owns_surname(target, called, around, folded),
    )


def _flat(words: Iterable[str]) -> frozenset[str]:
    return frozenset(part for word in words for part in word.split("-"))


def _leads(own: Sequence[NamePhrase], rivals: Sequence[NamePhrase]) -> bool:
    """Return True if no other full name with the same first name is more frequent than the target's."""
    counts = Counter(_flat(rival.words) for rival in rivals)
    return max(counts.values(), default=0) <= max(len(own), 1)


def _called(phrases: Iterable[NamePhrase]) -> TitleClass:
    """Return the most frequent class of the titles of these phrases."""
    classes = Counter(title_class(phrase.title) for phrase in phrases if title_class(phrase.title))
    return classes.most_common(1)[0][0] if classes else ""


def _owns_surname(
    target: ParsedName, called: TitleClass, around: Iterable[tuple[_Place, NamePhrase | None]], folded: str
) -> bool:
    """Return True if the surname without title or first name can mean the target, and not a man of the family."""
    surname = _flat(target.words[target.surname :])
    bearers = [(place, phrase) for place, phrase in around if phrase and _flat(phrase.words) == surname]
    if not any(title_class(phrase.title) == "man" for _, phrase in bearers):
        return True
    spoken_of = _pronoun_class([place for place, phrase in bearers if not phrase.title], folded)
    return not classes_clash(called, spoken_of or "man")


def _class_by_pronouns(
    target: ParsedName, around: Sequence[tuple[_Place, NamePhrase | None]], folded: str
) -> TitleClass:
    """Return "man" or "woman" by the pronouns after untitled matches.

    A surname alone may be a relative's if the target has a first name too: it counts only if other matches are few.
    """
    untitled = [place for place, phrase in around if phrase is None or phrase.title in {"", target.title}]
    sure = [place for place in untitled if place.part != "surname"]
    return _pronoun_class(sure, folded) or _pronoun_class(untitled, folded)


def _pronoun_class(places: Iterable[_Place], folded: str) -> TitleClass:
    """Return the class of the first pronouns after the matches, if at least three vote and two to one agree."""
    found = (_PRONOUN.search(folded, place.end, place.end + _PRONOUN_WINDOW) for place in places)
    votes = Counter(match.lastgroup for match in found if match)
    men, women = votes["man"], votes["woman"]
    if men + women < _FEWEST or max(men, women) < 2 * min(men, women):
        return ""
    return "man" if men > women else "woman"


def _companions(
    target: ParsedName, others: Iterable[NamePhrase], called: TitleClass, words: frozenset[str]
) -> frozenset[str]:
    """Return the words that complete a single name: those of its title, or of its one frequent bearer."""
    bearers: dict[frozenset[str], list[NamePhrase]] = {}
    for phrase in others:
        bearers.setdefault(_flat(phrase.words) - words, []).append(phrase)
    fitting = {extra: named for extra, named in bearers.items() if not classes_clash(_called(named), called)}
    titled = [extra for extra, named in fitting.items() if target.title in {phrase.title for phrase in named}]
    if target.title and titled:
        return frozenset().union(*titled)
    first = max(fitting, key=lambda extra: len(fitting[extra]), default=frozenset[str]())
    most, all_together = len(fitting.get(first, ())), sum(map(len, bearers.values()))
    return first if most >= _DOMINANCE * (all_together - most) else frozenset()


def _without_overlaps(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.strength, -hit.end)):
        if not chosen or hit.start >= chosen[-1].end:
            chosen.append(hit)
    return tuple(chosen)
