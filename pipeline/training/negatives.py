"""Contrastive negatives: true statements with one detail replaced by another that is as plausible without the book.

Replacements come from the book itself, or are mined from pairs of a true claim and its negative. Each mined change is
used in both directions, so that no word is a sign of a false claim by itself.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from pipeline.language.folding import fold
from pipeline.language.titles import BEFORE_NAMES
from pipeline.language.word_lists import word_set

Changes = dict[str, list[str]]

LONGEST_CHANGE = 4
_EDGE = ",.;:!?\"'“”‘’()"
_NAME = re.compile(r"\b[A-Z][\w’'-]*[a-z][\w’'-]*\b")
_SENTENCE_START = re.compile(r"(?:^|(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?][\"”’)]*\s+)[\"“‘(]*$")
_NUMBER_TEXT = "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred"
_NUMBER_WORDS = tuple(f"{_NUMBER_TEXT} thousand".split())
_NUMBER = re.compile(r"\b(?:\d[\d,]*|" + "|".join(_NUMBER_WORDS) + r")\b")
_CLAUSE_START = re.compile(
    r"(?:, (?:and |but |which |who |where |while |leading |causing )?"
    r"| (?:and|but|to|with|while|because|after|before|by|from|in|at|that) )"
)
_FUNCTION_WORDS = word_set("""
a an the and but or as of at in on from to by is was are were be been being with that this these those their his her its
who which it he she they him them also then potentially due for into while where when has had have
""")
_NOT_NAMES = BEFORE_NAMES | word_set(
    "a an he she it they we i his her their in on at after before when while during as but and or if"
)


@dataclass(frozen=True)
class Edit:
    """A change of ``old`` words to ``new`` words; ``exchanged`` if the two were swapped."""

    old: str
    new: str
    exchanged: bool = False


@dataclass(frozen=True)
class Negative:
    """A false statement, and the edit that made it; None if the same edit cannot be applied to evidence."""

    text: str
    edit: Edit | None


def find_names(text: str) -> list[str]:
    """Return the capitalised words that do not start a sentence, in order, without titles.

    >>> find_names("When Mr. Dimsdale met Hester he wept.")
    ['Dimsdale', 'Hester']
    """
    found = (match for match in _NAME.finditer(text) if not _SENTENCE_START.search(text[: match.start()]))
    names = (match.group().removesuffix("'s").removesuffix("’s") for match in found)
    return [name for name in names if fold(name) not in _NOT_NAMES]


def mine_changes(pairs: Iterable[tuple[str, str]]) -> Changes:
    """Return the replacements in pairs of a true claim and its negative, in both directions and without names."""
    found: Changes = defaultdict(list)
    for true, false in pairs:
        for old, new in changed_spans(true, false):
            if _is_content(old) and _is_content(new):
                found[old.lower()].append(new.lower())
                found[new.lower()].append(old.lower())
    return dict(found)


def changed_spans(one: str, other: str) -> list[tuple[str, str]]:
    """Return the runs of at most ``LONGEST_CHANGE`` words that differ, without punctuation at their edges."""
    first, second = one.split(), other.split()
    return [
        (" ".join(first[a:b]).strip(_EDGE), " ".join(second[c:d]).strip(_EDGE))
        for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
        if kind != "equal" and b - a <= LONGEST_CHANGE and d - c <= LONGEST_CHANGE
    ]


def _is_content(words: str) -> bool:
    """Return True if the words have a content word and no name."""
    parts = words.split()
    return any(part.lower() not in _FUNCTION_WORDS for part in parts) and not any(part[:1].isupper() for part in parts)


@dataclass
class NegativeMaker:
    """Makes negatives of the statements of one book."""

    names: Sequence[str]
    fragments: dict[str, list[str]]
    changes: Changes
    rng: random.Random = field(default_factory=random.Random)

    @classmethod
    def of_book(cls, statements: Sequence[str], changes: Changes, rng: random.Random) -> NegativeMaker:
        """Collect the names and the endings of clauses of a book's statements."""
        names = [name for text in statements for name in find_names(text)]
        fragments: dict[str, list[str]] = defaultdict(list)
        for text in statements:
            for match in _CLAUSE_START.finditer(text):
                fragments[match.group()].append(text[match.end() :])
        return cls(names, dict(fragments), changes, rng)

    def make(self, text: str) -> Negative | None:
        """Return a negative of ``text``, None if no kind of change applies."""
        kinds = [self._change, self._change, self._name, self._name, self._exchange, self._ending, self._number]
        self.rng.shuffle(kinds)
        for kind in kinds:
            negative = kind(text)
            if negative is not None and negative.text != text:
                return negative
        return None

    def _name(self, text: str) -> Negative | None:
        own = find_names(text)
        if not own or not self.names:
            return None
        old, new = self.rng.choice(own), self.rng.choice(self.names)
        return None if new in text else Negative(replace_words(text, {old: new}), Edit(old, new))

    def _exchange(self, text: str) -> Negative | None:
        own = list(dict.fromkeys(find_names(text)))
        if len(own) < 2:
            return None
        old, new = self.rng.sample(own, 2)
        if f"{old} {new}" in text or f"{new} {old}" in text:
            return None
        return Negative(replace_words(text, {old: new, new: old}), Edit(old, new, exchanged=True))

    def _number(self, text: str) -> Negative | None:
        found = [match.group() for match in _NUMBER.finditer(text)]
        if not found:
            return None
        old = self.rng.choice(found)
        new = self.rng.choice(_NUMBER_WORDS)
        if old[0].isdigit():
            new = str(max(1, int(old.replace(",", "")) + self.rng.choice([-10, -3, -2, -1, 1, 2, 3, 5, 10])))
        return Negative(replace_words(text, {old: new}), Edit(old, new))

    def _change(self, text: str) -> Negative | None:
        words = text.split()
        spans = [
            (start, length)
            for length in (1, 2, 3)
            for start in range(len(words) - length + 1)
            if " ".join(words[start : start + length]).strip(_EDGE) in self.changes
        ]
        if not spans:
            return None
        longest = self.rng.choice([1, 2, 3])
        spans = [span for span in spans if span[1] >= longest] or spans
        start, length = self.rng.choice(spans)
        old = " ".join(words[start : start + length]).strip(_EDGE)
        new = self.rng.choice(self.changes[old])
        place = len(" ".join(words[:start])) + (start > 0)
        head, tail = " ".join(words)[:place], " ".join(words)[place:]
        return Negative(head + tail.replace(old, new, 1), Edit(old, new))

    def _ending(self, text: str) -> Negative | None:
        starts = [match for match in _CLAUSE_START.finditer(text) if match.start() > len(text) // 4]
        if not starts:
            return None
        start = self.rng.choice(starts)
        other = self.rng.choice(self.fragments.get(start.group(), [""]))
        if not other or other in text:
            return None
        return Negative(text[: start.end()] + self._rename_ending(other, text), None)

    def _rename_ending(self, ending: str, text: str) -> str:
        """Replace the names of an ending by names of ``text``, so that no foreign name marks the negative as false."""
        ours, theirs = find_names(text), list(dict.fromkeys(find_names(ending)))
        if not ours:
            return ending
        return replace_words(ending, {name: self.rng.choice(ours) for name in theirs if name not in ours})


def replace_words(text: str, changes: dict[str, str]) -> str:
    """Return ``text`` with whole words replaced, all at once."""
    if not changes:
        return text
    pattern = "|".join(re.escape(word) for word in sorted(changes, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda match: changes[match.group()], text)
