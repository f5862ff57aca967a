"""A sheet whose paragraphs each begin with the name of a character: "Ada Merrow: 34, green eyes, born in Porth"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from pipeline.claims.phrases import is_sentence, split_list
from pipeline.claims.prose import Line
from pipeline.claims.sheet import Field, Heading, Item, Items, Prose
from pipeline.language.words import words_of

NAMED = 0
_ENTRY = re.compile(
    r"\s*(?:[-*+•]\s+|\d+[.)]\s+)?(?:\*\*|__)?(?P<name>[^\W\d_][^:*_|=—–]{1,40}?):?(?:\*\*|__)?(?:\s*:|\s*[—–]|\s+-)\s+(?P<rest>\S.*)"
)
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_AGE = re.compile(r"(?:aged?\s+)?(\d{1,3})(?:\s+years old)?")


def cast_items(lines: Sequence[Line], name_in: Callable[[str], str], is_known: Callable[[str], bool]) -> Items:
    """Return the items of a list of characters, none for any other text.

    Every paragraph or list item must begin with a name, two names at least, and one must be known.
    """
    entries = [_ENTRY.fullmatch(line.text) for line in lines]
    names = [name_in(entry["name"]) if entry else "" for entry in entries]
    starts = [
        place
        for place, line in enumerate(lines)
        if line.text.strip() and not _HEADING.match(line.text) and (not place or _ends(lines, place))
    ]
    found = {names[place] for place in starts}
    if "" in found or len(found) < 2 or not any(map(is_known, found)):
        return ()
    return tuple(_items(lines, entries, names))


def _ends(lines: Sequence[Line], place: int) -> bool:
    """Return True if a line begins a paragraph or is an item of a list."""
    before, text = lines[place - 1].text, lines[place].text
    is_entry = _ENTRY.fullmatch(text) is not None and text[:1] not in " \t"
    return not before.strip() or _HEADING.match(before) is not None or is_entry


def _items(lines: Sequence[Line], entries: Sequence[re.Match[str] | None], names: Sequence[str]) -> Iterator[Item]:
    for line, entry, name in zip(lines, entries, names, strict=True):
        if entry and name:
            yield Heading(name, NAMED, line, names=True)
            yield from _stated(line, entry["rest"], name)
        elif line.text.strip() and not _HEADING.match(line.text):
            yield Prose((line,))


def _stated(line: Line, rest: str, name: str) -> Iterator[Item]:
    """Yield what follows a name: prose if it is a sentence, else a note for each part of a list."""
    if is_sentence(rest, words_of(name)):
        yield Prose((Line(line.number, rest, line.source),))
        return
    for part in split_list(rest.rstrip(".")):
        age = _AGE.fullmatch(part)
        if age:
            yield Field("Age", age[1], (line,))
        elif re.match(r"(?:an?|the)\s", part):
            yield Field("Occupation", part, (line,))
        else:
            yield Prose((Line(line.number, f"- {part}", line.source),))
