"""Find the lines of a novel that look like headings: chapters, books, parts, and sequences of bare numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pipeline.language.words import LETTER_WORD
from pipeline.records import Span

Kind = Literal["chapter", "numeral", "named", "book"]

_ROMAN = r"(?=[MDCLXVI])M{0,3}(?:CM|CD|D?C{0,4})(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})"
_ONES = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen"
)
_ORDINALS = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth"
    "|sixteenth|seventeenth|eighteenth|nineteenth"
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {word: number for words in (_ONES, _ORDINALS) for number, word in enumerate(words.split("|"), start=1)}
_WORDS |= {word: 10 * number for number, word in enumerate(_TENS, start=2)}
_WORDS |= {f"{word[:-1]}ieth": 10 * number for number, word in enumerate(_TENS, start=2)}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_SPELT = rf"(?:the[ ])?(?:last|hundred(?:th)?|(?:{_WORD})(?:[- ](?:{_WORD}))?)"
_NUMBER = rf"(?P<number>\d{{1,4}}|{_ROMAN}|{_SPELT})"
_NUMBER_ENDS = r"(?![^\W_])"
_ORNAMENT = r"[^\S\n]*(?:[#*_=~\[\-]+[^\S\n]*)?"
_KEYWORDS: dict[Kind, str] = {
    "chapter": r"chapter|chap\.?|stave|canto|letter|adventure|episode",
    "book": r"book|part|volume|vol\.?",
}
_MARKED = {
    kind: re.compile(
        rf"^{_ORNAMENT}(?P<keyword>{keyword})[^\S\n]+(?:no\.?[^\S\n]*)?{_NUMBER}{_NUMBER_ENDS}(?P<rest>[^\n]{{0,300}})$",
        re.M | re.I,
    )
    for kind, keyword in _KEYWORDS.items()
}
_NAMED = re.compile(rf"^{_ORNAMENT}(?:prologue|epilogue|interlude)[.:*_]*(?P<rest>)[^\S\n]*$", re.M | re.I)
_LOUD = "|".join(form for word in _WORD.split("|") for form in (word.upper(), word.capitalize()))
_NUMERAL = re.compile(
    rf"^{_ORNAMENT}(?P<number>\d{{1,3}}|{_ROMAN}|(?:{_LOUD})(?:[- ](?:{_LOUD}))?){_NUMBER_ENDS}"
    r"(?P<rest>[^\n]{0,100})$",
    re.M,
)
_NO_TITLE = re.compile(r"[\W_]*")
# A title follows the number after a mark, or begins with a capital: "Chapter two of his story" is prose.
_TITLE_REST = re.compile(r"\s*[.:;,\-–—)\]*_]|\s+[^a-z\s]")
_LONGEST_TITLE = 160
_LITTLE_WORDS = 4
_SHORTEST_RUN = 3
_LARGEST_STEP = 3
_PAGE_BREAK_SHARE = 1 / 3
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


class Heading(NamedTuple):
    """A heading line: its range, its kind, its number if it has one, and whether it has a title."""

    start: int
    end: int
    kind: Kind
    number: int | None
    titled: bool


def find_headings(text: str, body: Span) -> tuple[Heading, ...]:
    """Return the heading lines of ``body`` in order, including those of a table of contents."""
    found = [*_marked(text, body), *_named(text, body), *_numerals(text, body)]
    return tuple(sorted(found))


def kind_of(title: str) -> Kind | None:
    """Return what a title by itself says that it heads, None for words without a number."""
    for kind, pattern in _MARKED.items():
        if pattern.match(title):
            return kind
    if _NAMED.match(title):
        return "named"
    numeral = _NUMERAL.match(title)
    return "numeral" if numeral and _NO_TITLE.fullmatch(numeral["rest"]) else None


def number_of(title: str) -> int | None:
    """Return the number of a title such as "Chapter Two", None for one without."""
    match = next((match for pattern in _MARKED.values() if (match := pattern.match(title))), None)
    return None if match is None else _value(match["number"])


def is_shouted(text: str) -> bool:
    """Return True if ``text`` is printed in capitals."""
    letters = [character for character in text if character.isalpha()]
    return bool(letters) and sum(character.isupper() for character in letters) > 0.8 * len(letters)


def is_title(line: str) -> bool:
    """Return True if ``line`` looks like a title: short, and in capitals or with its long words capitalised."""
    words = LETTER_WORD.findall(line)
    if not words or len(line) > _LONGEST_TITLE or line.startswith("["):
        return False
    if is_shouted(line):
        return True
    capitalised = words[0][0].isupper() and all(word[0].isupper() for word in words if len(word) > _LITTLE_WORDS)
    return capitalised and line[0] not in "\"“‘'" and line[-1] not in ".,;:!?”\"'"


def _unquoted(title: str) -> str:
    """Return a title without the quotation marks around it."""
    return title[1:-1] if title[:1] + title[-1:] in {"“”", "‘’", '""', "''"} else title


def _marked(text: str, body: Span) -> Iterator[Heading]:
    for kind, pattern in _MARKED.items():
        last_end = body.start
        for match in pattern.finditer(text, body.start, body.end):
            bare = _NO_TITLE.fullmatch(match["rest"]) is not None
            if not bare and not _TITLE_REST.match(match["rest"]):
                continue
            # The lines of a contents page follow each other without a break; they are needed to recognise it.
            listed = text[last_end : match.start()] == "\n"
            if listed or bare or match["keyword"].isupper() or _follows_break(text, match.start(), body):
                last_end = match.end()
                yield _heading(match, kind, titled=not bare)


def _named(text: str, body: Span) -> Iterator[Heading]:
    for match in _NAMED.finditer(text, body.start, body.end):
        if _follows_break(text, match.start(), body):
            yield _heading(match, "named", titled=False)


def _numerals(text: str, body: Span) -> Iterator[Heading]:
    """Yield lines with a number alone, or a number and a title, if at least three of them count upwards."""
    lines = []
    for match in _NUMERAL.finditer(text, body.start, body.end):
        bare = _NO_TITLE.fullmatch(match["rest"]) is not None
        alone = _follows_break(text, match.start(), body) and _precedes_break(text, match.end(), body)
        title = _unquoted(match["rest"].strip(" \t.:;,-–—)]*"))
        if alone and (bare or is_title(title)):
            lines.append(_heading(match, "numeral", titled=not bare))
    for run in _ascending_runs(text, _in_order(text, lines)):
        if not _look_like_pages(text, run):
            yield from run


def _in_order(text: str, lines: Sequence[Heading]) -> list[Heading]:
    """Return the lines, with a misprinted number as the one that its neighbours ask for: XVI, XXVII, XVIII.

    The numbers must be printed alike: all Roman, say.
    """
    found = list(lines)
    for place in range(1, len(found) - 1):
        before, line, after = found[place - 1 : place + 2]
        next_number = (before.number or 0) + 1
        is_alike = len({_is_arabic(text, one) for one in (before, line, after)}) == 1
        if is_alike and line.number != next_number and after.number == next_number + 1:
            found[place] = line._replace(number=next_number)
    return found


def _is_arabic(text: str, line: Heading) -> bool:
    return text[line.start : line.end].lstrip("#*_=~[- ")[:1].isdigit()


def _ascending_runs(text: str, lines: Sequence[Heading]) -> Iterator[list[Heading]]:
    runs: list[list[Heading]] = [[]]
    for line in lines:
        if line.number in {0, 1}:
            runs.append([line])
        elif not runs[-1] or _follows(text, runs[-1][-1], line):
            runs[-1].append(line)
    return (run for run in runs if len(run) >= _SHORTEST_RUN)


def _follows(text: str, last: Heading, line: Heading) -> bool:
    """Return True if a number comes next, or is that of the heading before it again with another title.

    Arabic numbers do not repeat: "11 A.M." and "11:30 P.M." are no chapters.
    """
    step = (line.number or 0) - (last.number or 0)
    titles = {text[one.start : one.end].strip() for one in (last, line) if one.titled}
    return 1 <= step <= _LARGEST_STEP or (step == 0 and len(titles) == 2 and not _is_arabic(text, line))


def _look_like_pages(text: str, run: Sequence[Heading]) -> bool:
    """Return True if the numbers interrupt sentences, as page numbers do."""
    before = [text[max(0, line.start - 200) : line.start].rstrip() for line in run[1:]]
    cut = sum(bool(words) and (words[-1].isalnum() or words[-1] in ",;-") for words in before)
    return cut > _PAGE_BREAK_SHARE * len(before) and not all(is_shouted(words[-10:]) for words in before)


def _heading(match: re.Match[str], kind: Kind, *, titled: bool) -> Heading:
    start = match.start() + len(match.group()) - len(match.group().lstrip())
    number = _value(match["number"]) if "number" in match.re.groupindex else None
    return Heading(start, match.end(), kind, number, titled)


def _value(printed: str) -> int | None:
    """Return the value of an Arabic, Roman or spelt-out number, None for "last"."""
    low = printed.lower()
    if low.isdigit():
        return int(low)
    if re.fullmatch(_ROMAN, low, re.I):
        digits = [_ROMAN_VALUES[letter] for letter in low]
        return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0], strict=True))
    if "hundred" in low:
        return 100
    return sum(_WORDS.get(word, 0) for word in re.split(r"[- ]", low)) or None


def _follows_break(text: str, offset: int, body: Span) -> bool:
    """Return True if the line at ``offset`` is the first of the body or follows a blank line."""
    before = text[max(body.start, offset - 200) : offset]
    return not before.strip() or before.rstrip(" \t").endswith("\n\n") or re.search(r"\n\s*\n\s*$", before) is not None


def _precedes_break(text: str, offset: int, body: Span) -> bool:
    after = text[offset : min(body.end, offset + 200)]
    return not after.strip() or re.match(r"[^\S\n]*\n[^\S\n]*\n", after) is not None
