"""Group mentions of names into persons; persons who share only a surname are not merged."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pipeline.language.folding import match_key
from pipeline.language.titles import TitleClass, classes_clash, title_class
from pipeline.records import Mention
from pipeline.text.aliases import Alias, names_of
from pipeline.text.names import parse_name, without_title

_DOMINANCE = 4
_WELL_KNOWN = 20
_ROMAN = re.compile(r"[ivx]+")
_STRETCH = 20_000
"""Characters of a stretch: a name throughout the book outweighs one that is frequent on a single page."""


class _Form(NamedTuple):
    """The key of a name: first and last word, and for a single word also the class of its title."""

    words: tuple[str, ...]
    called: TitleClass


class Person(NamedTuple):
    """A display name, the other forms in the text, most frequent first, and the mentions in order."""

    name: str
    aliases: tuple[str, ...]
    mentions: tuple[Mention, ...]


def group_persons(mentions: Iterable[Mention], aliases: Sequence[Alias] = ()) -> list[Person]:
    """Return the persons that the mentions name, most frequent first.

    A first name or surname alone belongs to the only full name that contains it, or to one that is four times as
    frequent as the others together, or is found in four times as many stretches of the book; where titles contradict,
    or several names share it, it is a person of its own. Persons with a common alias are merged, with the name that the
    alias gives.
    """
    forms = _forms(mentions)
    lone: Counter[tuple[str, ...]] = Counter()
    holders: dict[str, dict[_Form, list[Mention]]] = defaultdict(dict)
    for form, named in forms.items():
        lone[form.words] += len(named)
        if len(form.words) == 2:
            for word in form.words:
                holders[word][form] = named
    groups: dict[_Form, list[Mention]] = defaultdict(list)
    for form, named in forms.items():
        groups[_owner(form, holders, lone)] += named
    persons = _tied([_person(named) for named in groups.values()], aliases)
    return sorted(persons, key=lambda person: (-len(person.mentions), person.name))


def _tied(persons: Sequence[Person], aliases: Sequence[Alias]) -> list[Person]:
    """Merge the persons with a common alias, named by the side of it that is not an alias itself."""
    remaining = list(persons)
    seconds = {match_key(alias.alias) for alias in aliases}
    names = sorted(dict.fromkeys(alias.name for alias in aliases), key=lambda name: match_key(name) in seconds)
    done: set[str] = set()
    for name in names:
        if match_key(name) in done:
            continue
        done |= set(map(match_key, names_of(name, aliases)))
        found = [person for side in names_of(name, aliases) if (person := _called(side, remaining))]
        mentions = {mention for person in found for mention in person.mentions}
        if mentions:
            remaining = [person for person in remaining if person not in found]
            joined = _person(sorted(mentions, key=lambda mention: mention.start))
            others = (form for form in (joined.name, *joined.aliases) if form != name)
            remaining.append(Person(name, tuple(others), joined.mentions))
    return remaining


def _called(side: str, persons: Sequence[Person]) -> Person | None:
    """Return the person with this name most often, or None."""
    wanted = parse_name(side)

    def count(person: Person) -> int:
        named = (parse_name(mention.text) for mention in person.mentions)
        return sum(
            found.words == wanted.words and not classes_clash(title_class(found.title), title_class(wanted.title))
            for found in named
        )

    best = max(persons, key=count, default=None)
    return best if best is not None and count(best) else None


def _forms(mentions: Iterable[Mention]) -> dict[_Form, list[Mention]]:
    by_words: dict[tuple[str, ...], dict[TitleClass, list[Mention]]] = defaultdict(lambda: defaultdict(list))
    for mention in mentions:
        parsed = parse_name(mention.text)
        ends = parsed.words if len(parsed.words) < 2 else (parsed.words[0], parsed.words[-1])
        by_words[ends][title_class(parsed.title)].append(mention)
    forms: dict[_Form, list[Mention]] = {}
    for words, by_class in by_words.items():
        forms |= _split_by_title(words, by_class)
    return forms


def _split_by_title(words: tuple[str, ...], by_class: Mapping[TitleClass, list[Mention]]) -> dict[_Form, list[Mention]]:
    """Separate "Madame de Villefort" from "M. de Villefort"; without a title it is the man, or the more frequent."""
    sizes: dict[TitleClass, int] = {called: len(named) for called, named in by_class.items() if called}
    home: TitleClass = max(sizes, key=lambda called: (called == "man", sizes[called])) if sizes else ""
    apart = len(words) == 1 and any(classes_clash(first, second) for first in sizes for second in sizes)
    forms: dict[_Form, list[Mention]] = defaultdict(list)
    for called, named in by_class.items():
        forms[_Form(words, called if apart and called else home)] += named
    return dict(forms)


def _owner(
    form: _Form, holders: Mapping[str, Mapping[_Form, Sequence[Mention]]], lone: Mapping[tuple[str, ...], int]
) -> _Form:
    """Return the full form to which a single word belongs, or the form itself.

    ``holders`` maps a word to the full forms with it and their mentions, ``lone`` a form's words to its mentions.
    """
    if len(form.words) != 1:
        return form
    known = holders.get(form.words[0], {})
    full = {other: len(named) for other, named in known.items() if not _is_chance(other, len(named), lone)}
    spread = {other: len({mention.start // _STRETCH for mention in known[other]}) for other in full}
    found = _dominant(full) or _dominant(spread)
    return found if found and not classes_clash(form.called, found.called) else form


def _dominant(sizes: Mapping[_Form, int]) -> _Form | None:
    """Return the form that is four times as large as the others together, if there is one."""
    first = max(sizes, key=lambda form: sizes[form], default=None)
    if first is None or sizes[first] < _DOMINANCE * (sum(sizes.values()) - sizes[first]):
        return None
    return first


def _is_chance(full: _Form, count: int, lone: Mapping[tuple[str, ...], int]) -> bool:
    """Return True if two frequent names are adjacent only once, as two persons may be ("Thaouka, Thalcave!")."""
    return count == 1 and all(lone.get((word,), 0) >= _WELL_KNOWN for word in full.words)


def _person(mentions: Sequence[Mention]) -> Person:
    printed = Counter(" ".join(mention.text.split()) for mention in mentions)
    name = _display_name(printed)
    aliases = tuple(form for form, _ in printed.most_common() if form != name)
    return Person(name, aliases, tuple(sorted(mentions, key=lambda mention: mention.start)))


def _display_name(printed: Counter[str]) -> str:
    """Return the fullest name in its most frequent form, with its title only if every mention has one."""
    bare: Counter[str] = Counter()
    for form, count in printed.items():
        bare[without_title(form)] += count
    always_titled = all(form != without_title(form) for form in printed)
    candidates = printed if always_titled else bare
    if printed.total() >= _WELL_KNOWN:  # a form of a frequent name that occurs once is seldom a name
        candidates = Counter({form: count for form, count in candidates.items() if count > 1}) or candidates
    fullest = max(map(_fullness, candidates))
    return max(
        (form for form in candidates if _fullness(form) == fullest),
        key=lambda form: (not form.isupper(), candidates[form], form),
    )


def _fullness(printed: str) -> int:
    """Return 2 for a first name with a surname, else 1; a number or a byname after "the" does not count."""
    words = [word for word in parse_name(printed).words if not _ROMAN.fullmatch(word)]
    return 1 if " the " in printed else min(len(words), 2)
