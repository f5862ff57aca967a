"""Split prose into the sentences of its paragraphs and list items, each with the lines that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from typing import NamedTuple

from spacy.language import Language

from pipeline.claims.clauses import SHORTEST
from pipeline.claims.subject import FUNCTION_WORDS
from pipeline.language.long_tokens import break_long_tokens
from pipeline.language.punctuation import is_balanced
from pipeline.language.repairs import apply_repairs, find_repairs
from pipeline.language.titles import ABBREVIATIONS
from pipeline.language.verbs import has_verb
from pipeline.language.words import HYPHENATED_WORD, words_of
from pipeline.records import Repair

LONGEST_JOINED = 1_000
"""Characters from which on nothing is joined to a sentence: "1. 2. 3. ..." would take minutes."""
WRAPPED = 60
"""Characters of a line from which on its break is typesetting, not the end of a statement."""

HEADING = re.compile(r"\s*#{1,6}\s")
BULLET = re.compile(r"^\s*(?:[-*+•–]|\d{1,2}[.)])\s+")
ENDED = re.compile(r"[.!?…][\"”’')\]]*$")
_MARKS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`)(?=\S)(.{1,500}?)(?<=\S)\1(?!\w)")
_LABEL = re.compile(r"(\*{2,3}|_{2,3})(?:[^*_]{1,80}:\s*\1|[^*_]{1,80}\1\s*:)\s*")
_OPENS, _CLOSES = "“‘«\"'([", ".!?…”’»\"')]"
_OPENING = re.compile(r"\s+([“‘«(\[\"'])$")
_TITLE_CUT_SHORT = "|".join(sorted(title.capitalize() for title in ABBREVIATIONS))
# The tokenizer of spaCy knows some of these, and ends a sentence at the full stop of the others.
_ABBREVIATED = re.compile(rf"(?<!\w)(?:{_TITLE_CUT_SHORT}|MM|Mt|Ft|vs|No|Jno|Jas|Jos|Chas|Geo|Thos|Wm)\.$")


class Line(NamedTuple):
    """A line of a file: its number, counted from 1, its text as it is read, and as it is printed where that differs."""

    number: int
    text: str
    printed: str = ""

    @property
    def source(self) -> str:
        """The verbatim line, or lines where a word is broken at the end of one."""
        return self.printed or self.text


class Sentence(NamedTuple):
    """A sentence, the number of the line that it begins on, and its verbatim source."""

    text: str
    line: int
    source: str


class _Piece(NamedTuple):
    """A sentence of a block and its range there."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """A paragraph, a list item, or a single line that is too short to be wrapped, without its marks."""

    text: str
    lines: tuple[Line, ...]
    is_item: bool

    @cached_property
    def _raw(self) -> str:
        return "\n".join(line.source for line in self.lines)

    @cached_property
    def _letters(self) -> list[int]:
        """Offsets in the raw text of the letters and digits of the text; empty where it does not have them in a row."""
        letters = [place for place, letter in enumerate(self._raw) if letter.isalnum()]
        own = "".join(filter(str.isalnum, self.text))
        first = "".join(self._raw[place] for place in letters).rfind(own)
        return letters[first : first + len(own)] if first >= 0 else []

    @cached_property
    def _counts(self) -> list[int]:
        """Letters and digits before each offset of the text."""
        return list(accumulate((letter.isalnum() for letter in self.text), initial=0))

    def origin(self, start: int, end: int) -> tuple[int, str]:
        """Return the number of the line on which this range of the text begins, and its verbatim source."""
        first, last = self._counts[start], self._counts[end]
        if first == last or not self._letters:
            return self.lines[0].number, self._raw
        begin, stop = self._letters[first], self._letters[last - 1] + 1
        while begin and self._raw[begin - 1] in _OPENS:
            begin -= 1
        while stop < len(self._raw) and self._raw[stop] in _CLOSES:
            stop += 1
        numbers = [line.number + more for line in self.lines for more in range(line.source.count("\n") + 1)]
        return numbers[self._raw.count("\n", 0, begin)], self._raw[begin:stop]


def split_lines(text: str) -> tuple[Line, ...]:
    """Return the lines of a text with its words repaired; a word that is broken at a line's end joins two lines."""
    repairs = find_repairs(text)
    read = apply_repairs(text, repairs).splitlines()
    printed = _joined_lines(text, repairs)
    if len(read) != len(printed):
        return tuple(Line(number, line) for number, line in enumerate(read, start=1))
    numbers = accumulate((line.count("\n") + 1 for line in printed), initial=1)
    return tuple(
        Line(number, line, own if own != line else "")
        for number, line, own in zip(numbers, read, printed, strict=False)
    )


def _joined_lines(text: str, repairs: Sequence[Repair]) -> list[str]:
    """Return the lines of a text as printed, those together whose break is inside a repair."""
    inside = {place for repair in repairs for place in range(repair.start, repair.end)}
    found: list[str] = []
    start = end = 0
    for line in text.splitlines(keepends=True):
        end += len(line)
        if end - 1 not in inside:
            found += ["\n".join(text[start:end].splitlines())]
            start = end
    return found + (["\n".join(text[start:].splitlines())] if start < len(text) else [])


def find_blocks(lines: Sequence[Line]) -> Iterator[Block]:
    """Yield paragraphs, list items, and single lines that are too short to be wrapped."""
    block: list[str] = []
    own: list[Line] = []
    for line in lines:
        content = "" if HEADING.match(line.text) else BULLET.sub("", line.text).strip()
        continues = block and content and (len(block[-1]) >= WRAPPED or content[0].islower())
        if block and (BULLET.match(line.text) or not continues):
            yield _block(block, own)
            block, own = [], []
        if content:
            block.append(content)
            own.append(line)
    if block:
        yield _block(block, own)


def _block(contents: Sequence[str], lines: Sequence[Line]) -> Block:
    return Block(_plain(" ".join(contents)), tuple(lines), BULLET.match(lines[0].text) is not None)


def _plain(block: str) -> str:
    label = _LABEL.match(block)
    if label and len(words_of(block[label.end() :])) >= SHORTEST:
        block = block[label.end() :]
    return without_marks(block)


def without_marks(text: str) -> str:
    """Return a text without Markdown's marks of emphasis and code."""
    return _MARKS.sub(r"\2", text)


def find_sentences(block: Block, nlp: Language) -> list[Sentence]:
    """Return the sentences of a block; a fragment is joined to the sentence before it, or after it."""
    return [Sentence(piece.text, *block.origin(piece.start, piece.end)) for piece in _pieces(block.text, nlp)]


def _pieces(block: str, nlp: Language) -> list[_Piece]:
    found: list[_Piece] = []
    for piece in _raw_pieces(block, nlp):
        if found and len(found[-1].text) > LONGEST_JOINED:
            found.append(piece)
            continue
        last = found[-1].text if found else ""
        quoted = bool(found) and is_balanced(block) and not is_balanced(last)
        if quoted or (found and (_ABBREVIATED.search(last) or is_fragment(last) or _continues(piece.text))):
            piece = _Piece(f"{last} {piece.text}", found.pop().start, piece.end)
        found.append(piece)
    return found


def _raw_pieces(block: str, nlp: Language) -> Iterator[_Piece]:
    """Yield the sentences of ``nlp``, with an opening mark moved from the end of one to the start of the next."""
    opening = ""
    for sentence in nlp(break_long_tokens(block)).sents:
        text = opening + block[sentence.start_char : sentence.end_char].strip()
        mark = _OPENING.search(text)
        opening = mark[1] if mark else ""
        text = text[: mark.start()] if mark else text
        if HYPHENATED_WORD.search(text):
            yield _Piece(text, sentence.start_char, sentence.end_char)


def _continues(text: str) -> bool:
    return text[0].islower() or (is_fragment(text) and not _ABBREVIATED.search(text))


def is_fragment(text: str) -> bool:
    """Return True if a text is too short to be a sentence, and has no verb."""
    first = list(islice(HYPHENATED_WORD.finditer(text), SHORTEST))
    return len(first) < SHORTEST and not has_verb(words_of(text))


def is_heading(sentence: str) -> bool:
    """Return True if a sentence has no verb and no end, and each of its words a capital."""
    words = [word for word in HYPHENATED_WORD.findall(sentence) if word.lower() not in FUNCTION_WORDS]
    return not ENDED.search(sentence) and not has_verb(words_of(sentence)) and all(word[0].isupper() for word in words)
