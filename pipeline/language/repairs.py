"""Find what printing, scanning and typing did to the words of a text, and how they are read.

- A word broken at a line's end, by a hyphen, a soft hyphen or ``¬``, is read whole. A real hyphen stays: the book's
  other occurrences of the word decide; if there are none, a capital after the break keeps the hyphen, as does a text
  that breaks its lines at real hyphens only.
- A soft hyphen or an invisible space inside a word is not read.
- Accents, primes and other signs between letters are apostrophes.
- Small capitals and ligatures that are characters of their own are the letters that they show.
- The number of a note that is printed as if it were of the word (``Villefort12``) is not read.
- Letters set apart (``V i l l e f o r t``, ``V ILLEFORT``) are one word, and digits inside a word that occurs elsewhere
  with letters (``Vi1lefort``) are these letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

from pipeline.language.folding import APOSTROPHES
from pipeline.language.words import LETTER_WORD
from pipeline.records import Repair

_LETTER = r"[^\W\d_]"
_REAL_HYPHENS = r"\-\u2010\u2011"
_SOFT_HYPHENS = "\u00ad¬"
# What is rare comes first in each pattern, and what must precede it is looked back for: ten times as fast.
_PAGE = r"[-–—\[({]*\s?(?:p(?:g|age)?\.?\s?)?\d{1,4}\s?[-–—\])}]*"
_LINE_END = re.compile(
    rf"[{_REAL_HYPHENS}{_SOFT_HYPHENS}](?<={_LETTER}.)(?:[^\S\n\f]*[\n\f]\s*{_PAGE}[^\S\n\f]*(?=[\n\f]))?\s+(?={_LETTER})",
    re.I,
)
"""A hyphen at a line's end, also with the number of a page between it and the next line."""
_LEFT = re.compile(rf"{_LETTER}+(?:['’{_REAL_HYPHENS}]{_LETTER}+)*\Z")
_LONGEST_WORD = 60
_FEW = 30
_UNSEEN = r"\u00ad¬\u034f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_INVISIBLE = re.compile(rf"[{_UNSEEN}](?<={_LETTER}.)[{_UNSEEN}]*(?={_LETTER})")
_APOSTROPHE = re.compile(rf"[{APOSTROPHES}](?<={_LETTER}.)(?={_LETTER})")
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢᴁɶ", "ABCDEFGHIJKLMNOPQRSTUVWYZÆŒ", strict=True))
_SHOWN = rf"{''.join(_SMALL_CAPITALS)}ﬀ-ﬆſＡ-Ｚａ-ｚ\U0001d400-\U0001d6a3"  # noqa: RUF001
_SHOWN_LETTERS = re.compile(f"[{_SHOWN}]+")
_RARE = re.compile(f"[{_UNSEEN}{_SHOWN}]")
_SPACE = "[ \u00a0\u2009\u200a\u202f]"
_TWO_APART = re.compile(rf"{_SPACE}\w{_SPACE}\w(?!\w)")
_LETTERS_APART = re.compile(rf"(?<![^\W_]|['’]){_LETTER}(?:{_SPACE}{_LETTER}){{2,}}(?![^\W_]|['’{APOSTROPHES}-])")
_FEWEST_APART = 4
_BETWEEN_WORDS = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ]{2})(?=[a-zß-ÿ]\Z)")
_INITIAL_APART = re.compile(r"([B-HJ-NP-ZÀ-Þ])(?<![^\W_].)(?<!['’].) ([A-ZÀ-Þ]{2,}|[a-zß-ÿ]{2,})(?!['’]?[^\W_])")
_DIGIT = re.compile(
    rf"[015|!](?:(?<={_LETTER}.)(?=[01|]?{_LETTER})|(?<![^\W_].)(?=['’]?{_LETTER}{{3}})|(?<={_LETTER}{{3}}.)(?!\w))"
)
_CAPITAL_INSIDE = re.compile("I(?<=[a-zß-ÿ].)(?=[a-zß-ÿ])")
_WORD_START = re.compile(r"(?:[^\W_]|[|!])*\Z")
_WORD_REST = re.compile(rf"(?:[^\W_]|[|!](?={_LETTER})){{1,60}}(?:['’][^\W_]{{1,60}})?(?!\w)")
_LETTERS_OF_DIGITS = str.maketrans("015I|!", "olslll")
_CAPITALS_OF_DIGITS = str.maketrans("015|!", "OISII")
_NUMBER_OF_NOTE = re.compile(rf"\d(?<={_LETTER}{{3}}.)\d{{0,2}}(?!\w)")


def find_repairs(text: str) -> tuple[Repair, ...]:
    """Return what is read otherwise than it is printed, in order and without overlaps."""
    words = _Words(text)
    found = [
        *_breaks(text, words),
        *(Repair(*match.span(), "’") for match in _APOSTROPHE.finditer(text)),
        *_rare_signs(text),
        *_letters_apart(text, words),
        *_digits(text, words),
    ]
    return tuple(_without_overlaps(sorted(found)))


class _Words:
    """How often each word, in any case, is in a text, hyphens inside and possessive endings aside.

    The first few words are looked for one by one, which takes milliseconds; for more, all words are counted.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._asked = 0

    def count(self, word: str) -> int:
        self._asked += 1
        key = _key(word).removesuffix("'s").removesuffix("’s")
        return self._count_one(key) if self._asked <= _FEW else self._counts[key]

    def _count_one(self, key: str) -> int:
        if key not in self._lower:
            return 0
        alone = rf"(?<!{_LETTER}.{{{len(key)}}})(?<!{_LETTER}['’-].{{{len(key)}}})(?:['’]s)?(?!['’-]?{_LETTER})"
        return len(re.findall(re.escape(key) + alone, self._lower, re.DOTALL))

    @cached_property
    def _lower(self) -> str:
        return _key(self._text)

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(word.removesuffix("'s").removesuffix("’s") for word in LETTER_WORD.findall(self._lower))


def _key(text: str) -> str:
    return text.lower().replace("\u2010", "-").replace("\u2011", "-")


def _without_overlaps(repairs: list[Repair]) -> Iterator[Repair]:
    end = 0
    for repair in repairs:
        if repair.start >= end:
            yield repair
            end = repair.end


def _rare_signs(text: str) -> Iterator[Repair]:
    if _RARE.search(text):
        yield from (Repair(*match.span(), "") for match in _INVISIBLE.finditer(text))
        yield from (Repair(*match.span(), _shown(match[0])) for match in _SHOWN_LETTERS.finditer(text))


def _shown(letters: str) -> str:
    return unicodedata.normalize("NFKC", "".join(_SMALL_CAPITALS.get(letter, letter) for letter in letters))


def _breaks(text: str, words: _Words) -> Iterator[Repair]:
    """Yield the breaks of words at line ends; what nothing decides is as most of those that the book decides."""
    keeps = joins = 0
    undecided: list[re.Match[str]] = []
    for match in _LINE_END.finditer(text):
        lines = match[0].count("\n") + any(map(str.isdigit, match[0]))
        if match[0][0] in _SOFT_HYPHENS:
            kept = False if lines else None
        else:
            before, after = _halves(text, match)
            whole, hyphenated = (words.count(before + hyphen + after) for hyphen in ("", "-"))
            kept = hyphenated > whole if whole or hyphenated else None
            keeps, joins = keeps + (kept is True), joins + (kept is False)
            if kept is None and lines == 1 and after[0].isupper():
                kept = not (before.isupper() and after.isupper())
        if kept is not None:
            yield Repair(match.start() + kept, match.end(), "")
        elif lines == 1:
            undecided.append(match)
    yield from (Repair(match.start() + (keeps > joins), match.end(), "") for match in undecided)


def _halves(text: str, match: re.Match[str]) -> tuple[str, str]:
    """Return the word before the break and the word after it, with their own hyphens."""
    before = _LEFT.search(text, max(0, match.start() - _LONGEST_WORD), match.start())
    after = LETTER_WORD.match(text, match.end())
    assert before is not None and after is not None, "there is a letter on either side"
    return before[0], after[0]


def _letters_apart(text: str, words: _Words) -> Iterator[Repair]:
    """Yield words whose letters, or whose first letter, are set apart."""
    for match in _runs_apart(text):
        whole = re.sub(_SPACE, "", match[0])
        without_article = next((part for part in (whole[1:], whole[:-1]) if len(part) > 2 and words.count(part)), "")
        if words.count(whole) or (len(whole) >= _FEWEST_APART and not without_article):
            yield Repair(*match.span(), _BETWEEN_WORDS.sub(" ", whole))
        elif without_article:
            start = match.start() + 2 * whole.endswith(without_article)
            yield Repair(start, start + 2 * len(without_article) - 1, without_article)
    initials = list(_INITIAL_APART.finditer(text))
    cut = Counter(match[2].lower() for match in initials)
    for match in initials:
        together = words.count(match[1] + match[2])
        if together and together > words.count(match[2]) - cut[match[2].lower()]:
            yield Repair(*match.span(), match[1] + match[2])


def _runs_apart(text: str) -> Iterator[re.Match[str]]:
    """Yield the runs of three single letters or more; two of them are looked for first, as the full pattern is slow."""
    end = 0
    for two in _TWO_APART.finditer(text):
        for place in (max(0, two.start() - 1), two.start() + 1):
            if place >= end and (match := _LETTERS_APART.match(text, place)):
                end = match.end()
                yield match


def _digits(text: str, words: _Words) -> Iterator[Repair]:
    """Yield the words with digits, or a capital I, in the place of letters, if the book has the word with letters."""
    for match in chain(_DIGIT.finditer(text), _CAPITAL_INSIDE.finditer(text)):
        before = _WORD_START.search(text, max(0, match.start() - _LONGEST_WORD), match.start())
        after = _WORD_REST.match(text, match.start())
        if before is None or after is None or before.end() - before.start() == _LONGEST_WORD:
            continue
        printed = before[0] + after[0]
        letters = printed.translate(_LETTERS_OF_DIGITS)
        capital = printed[0].translate(_CAPITALS_OF_DIGITS) + letters[1:]
        found = next((word for word in (capital, letters) if words.count(word)), None)
        if found is not None:
            yield Repair(before.start(), after.end(), found)
    yield from _numbers_of_notes(text, words)


def _numbers_of_notes(text: str, words: _Words) -> Iterator[Repair]:
    """Yield the numbers at the ends of words that the book has more often without one."""
    found = [
        (_LEFT.search(text, max(0, match.start() - _LONGEST_WORD), match.start()), match)
        for match in _NUMBER_OF_NOTE.finditer(text)
    ]
    numbered = Counter(before[0].lower() for before, _ in found if before)
    for before, match in found:
        if before and words.count(before[0]) > 2 * numbered[before[0].lower()]:
            yield Repair(*match.span(), "")


def repair(text: str) -> str:
    """Return a text, such as a backstory, as it is read.

    >>> repair("He was a sol-\\ndier of G a s c o n y.")
    'He was a soldier of Gascony.'
    """
    return apply_repairs(text, find_repairs(text))


def apply_repairs(text: str, repairs: Sequence[Repair]) -> str:
    """Return a text with its repairs."""
    if not repairs:
        return text
    ends = [0, *(repair.end for repair in repairs)]
    pieces = (text[end : repair.start] + repair.text for end, repair in zip(ends, repairs, strict=False))
    return "".join(pieces) + text[ends[-1] :]
