"""Divide a sheet among the characters that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from pipeline.claims.cast_list import cast_items
from pipeline.claims.labels import GENERAL, LABELS, is_name_label, normalise, rule_of
from pipeline.claims.layout import is_evidence, read_items
from pipeline.claims.prose import split_lines
from pipeline.claims.sheet import Field, Heading, Item, Items, Part, Prose, SheetText, lines_of, listed
from pipeline.claims.structured import structured_items
from pipeline.claims.subject import find_protagonist
from pipeline.errors import BackstoryError
from pipeline.language.folding import fold
from pipeline.language.titles import BEFORE_NAMES, PARTICLES
from pipeline.language.verbs import has_verb
from pipeline.language.words import words_of

_PREFIX = re.compile(r"^(?:character(?: sheet| profile)?|profile|name|sheet|about|\d+)\s*[:.–—-]\s*", re.IGNORECASE)
_SUFFIX = re.compile(r"\s*(?:\([^)]*\)|[,;:].*|\s[–—-]\s.*)$")

_SHOWN = 12

IsKnown = Callable[[str], bool]
"""Whether a name is that of a character."""


def read_parts(sheet: SheetText, is_known: IsKnown) -> tuple[Part, ...]:
    """Return the parts of a sheet by character, in its order; what it says of nobody it names comes first, unnamed.

    A name is what a field, a column or a key says is one. A heading is one where it looks like a name, and it or
    another heading of its level ``is_known``. A sheet with at most one name is one part.
    """
    items = structured_items(sheet) if sheet.layout != "text" else _text_items(sheet.text, is_known)
    parts = _merged(_divide(items, is_known))
    named = [part for part in parts if part.name]
    if len(named) < 2:
        name = named[0].name if named else ""
        is_prose = sheet.layout == "text" and not any(map(is_evidence, items))
        whole: Items = (Prose(split_lines(sheet.text)),) if is_prose else items
        # With one name the lines before it are about that person, too.
        return (Part(name, whole, sheet.notices),)
    return tuple(replace(part, notices=sheet.notices) for part in parts if part.items or part.name)


def _text_items(text: str, is_known: IsKnown) -> Items:
    return cast_items(split_lines(text), _name_in, is_known) or read_items(text)


def part_of(sheet: SheetText, character: str) -> Part:
    """Return what a sheet says of one character, the whole of a sheet that names nobody or one person.

    Raises BackstoryError where a sheet of several characters has none of this name, or several.
    """
    parts = read_parts(sheet, lambda name: same_person(character, name))
    named = [part for part in parts if part.name]
    fitting = [part for part in named if same_person(character, part.name)]
    exact = [part for part in fitting if fold(part.name) == fold(character)]
    if len(named) < 2:
        return _only(parts[0], character)
    if len(exact or fitting) != 1:
        found = "several parts" if fitting else "no part"
        raise BackstoryError(
            f"the sheet has {found} for {character!r}; it names {_quoted(part.name for part in named)}; give one of "
            "these names as the character, or none to judge all of them"
        )
    own = (exact or fitting)[0]
    others = _quoted(part.name for part in named if part is not own)
    told = (f"only the part on {own.name} was judged; the sheet has others, on {others}", *unassigned(parts))
    return replace(own, notices=(*own.notices, *told))


def _only(part: Part, character: str) -> Part:
    if not part.name or same_person(character, part.name):
        return part
    return replace(
        part, notices=(*part.notices, f"the sheet names {part.name!r}; it was judged as one on {character!r}")
    )


def unassigned(parts: Sequence[Part]) -> tuple[str, ...]:
    """Return a notice of the lines that belong to none of several characters."""
    general = [part for part in parts if not part.name]
    stated = [item for part in general for item in part.items if not isinstance(item, Heading)]
    numbers = [line.number for item in stated for line in lines_of(item) if line.text.strip()]
    if not numbers or len(parts) < 2:
        return ()
    return (f"{listed(numbers)} of the sheet belong to no character that it names, and are no claims",)


def same_person(first: str, second: str) -> bool:
    """Return True if one of two names can be a form of the other: "Ada Merrow" and "Captain Merrow"."""
    pairs = ((first, second), (second, first))
    return any(side and find_protagonist(side, ()).is_named_in(other) for side, other in pairs)


def _quoted(names: Iterable[str]) -> str:
    quoted = [repr(name) for name in names]
    more = len(quoted) - _SHOWN
    return ", ".join(quoted[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


@dataclass
class _Open:
    """A part that is being filled; ``is_named`` once a field has given its name."""

    name: str = ""
    items: list[Item] = field(default_factory=list)
    is_named: bool = False


def _divide(items: Items, is_known: IsKnown) -> list[_Open]:
    levels = _name_levels(items, is_known)
    parts = [_Open()]
    section = ""
    for item in items:
        if isinstance(item, Heading):
            section = item.title
            opened = _opened(item, levels)
            if opened is not None:
                parts.append(opened)
                continue
        elif isinstance(item, Field) and is_name_label(item.label) and not _is_relation(section):
            if parts[-1].is_named or not parts[-1].name:
                parts.append(_Open())
            parts[-1].name, parts[-1].is_named = _name_in(item.value) or item.value or parts[-1].name, True
            continue
        parts[-1].items.append(item)
    return parts


def _opened(heading: Heading, levels: frozenset[int]) -> _Open | None:
    """Return the part that a heading opens: one with a name, or the unnamed one; None where it opens none."""
    if heading.names:
        return _Open(heading.title, is_named=True)
    if not levels or heading.level > max(levels):
        return None
    name = _name_in(heading.title) if heading.level in levels else ""
    if name:
        return _Open(name)
    is_general = normalise(heading.title).split(" ")[0] in GENERAL
    return _Open() if is_general or (rule_of(heading.title) is None and heading.level < min(levels)) else None


def _name_levels(items: Items, is_known: IsKnown) -> frozenset[int]:
    headings = [item for item in items if isinstance(item, Heading) and not item.names and item.title]
    names = ((item.level, _name_in(item.title)) for item in headings)
    return frozenset(level for level, name in names if name and is_known(name))


def _name_in(title: str) -> str:
    """Return the name that a title is, without what a sheet adds to it; empty where it does not look like a name."""
    name = _SUFFIX.sub("", _PREFIX.sub("", title.strip())).strip(' *_"“”')
    words = name.split()
    shaped = all(word[0].isupper() or word[0] in "\"“‘('" or fold(word) in PARTICLES | BEFORE_NAMES for word in words)
    is_label = normalise(name) in LABELS or normalise(name).split(" ")[0] in GENERAL
    if not 0 < len(words) < 6 or not shaped or is_label or any(letter.isdigit() for letter in name):
        return ""
    return "" if has_verb(words_of(name)[1:]) else name


def _is_relation(section: str) -> bool:
    rule = LABELS.get(normalise(section))
    return rule is not None and rule.way == "relation"


def _merged(parts: Iterable[_Open]) -> tuple[Part, ...]:
    """Return the parts with those of one name joined."""
    by_name: dict[str, Part] = {}
    for part in parts:
        key = fold(part.name)
        known = by_name.get(key)
        by_name[key] = (
            Part(part.name, tuple(part.items)) if known is None else replace(known, items=(*known.items, *part.items))
        )
    return tuple(part for part in by_name.values() if part.name or part.items)
