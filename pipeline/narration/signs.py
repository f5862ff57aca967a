"""Signs of who "I" is: introductions ("my name is ..."), and the names by which others address the narrator.

The strongest sign needs no phrase at all: a narrator is addressed by name again and again in what others say, and
hardly ever named in the narration, where every other person is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.narration.quotations import Quotations
from pipeline.records import Mention, Novel, Span
from pipeline.text.cast import Person, group_persons
from pipeline.text.names import find_phrases, may_be_name, parse_name
from pipeline.text.printed_names import PRINTED_NAME, clean_name

Force = Literal["sure", "said", "byname", "weak"]
"""How certain an introduction is: by the narration, by "I" in speech (perhaps a lie), a byname, or a mere "I am"."""

_SAID = (
    r"(?:said|says|say|replied|cried|asked|answered|exclaimed|returned|continued|added|told|whispered|shouted|called"
    r"|murmured|repeated|interrupted|explained|protested|began|stammered|gasped|remarked|observed|responded)"
)
_I_SAID = re.compile(rf"\bI\s+(?:\w+ly\s+|had\s+|then\s+)?{_SAID}\b|\b{_SAID},?\s+I\b")
_TAG = 45
_MARK = r"[\"“‘'_]?"
_NAME = rf"{_MARK}(?P<name>{PRINTED_NAME})"
_INTRODUCTIONS: tuple[tuple[Force, re.Pattern[str]], ...] = (
    ("sure", re.compile(rf"\b[Mm]y\s+(?:own\s+|full\s+|real\s+|true\s+)?name(?:\s+(?:is|was|being)|['’]s)\s+{_NAME}")),
    ("sure", re.compile(rf"(?<![\w'’])I,\s+{_NAME}(?=,)")),
    ("sure", re.compile(rf"\bI\s+(?:was|had\s+been)\s+(?:christened|baptized|baptised)\s+{_NAME}")),
    ("sure", re.compile(rf"\b(?:christened|baptized|baptised)\s+me\s+{_NAME}")),
    ("byname", re.compile(rf"\b(?:[Cc]all|[Cc]alls|called|calling|named|nicknamed|dubbed)\s+me\s+{_NAME}")),
    ("byname", re.compile(rf"\bI\s+(?:was|am|had\s+been|have\s+been)\s+(?:called|named|nicknamed)\s+{_NAME}")),
    ("byname", re.compile(rf"\bI\s+(?:am|was|have\s+been|had\s+been)\s+(?:\w+\s+)?known\s+as\s+{_NAME}")),
    ("weak", re.compile(rf"(?<![\w'’])(?:I\s+am|I['’]m)\s+{_NAME}(?=[,.;!])")),
)
_ASKED = re.compile(r"\b(?:your name|who are you|are you called|call you)\b[^\"”’]*\?", re.IGNORECASE)
_ONLY_A_NAME = re.compile(rf"[\"“‘'](?P<name>{PRINTED_NAME})(?:,?\s+(?:sir|ma['’]am|madam|your\s+\w+))?[.,!][\"”’']")
_NEAR = 200
_BEFORE_ADDRESS = re.compile(
    r"(?:[\"“‘'—–-]\s*|[,;]\s+|\b(?:dear|dearest|old|poor|oh|ah|o|young|little|good|my|now|hello|hullo|hallo|why|well"
    r"|yes|no|mr|mrs|miss|master|dr|doctor|captain|sir|lady|lord)[,.!]?\s+)\Z",
    re.IGNORECASE,
)
_AFTER_ADDRESS = re.compile(r"\s*(?:[,!?.;:”\"]|[’'](?!\s?[^\W\d_])|--|—)")
_INNER = re.compile(r"‘[^’]*(?:’(?=\w)[^’]*)*’?|(?<![\w])'[^']*(?:'(?=\w)[^']*)*'?|“[^”]*”?|\"[^\"]*\"?")


@dataclass(frozen=True)
class Introduction:
    """A name that "I" gives, or is given: its offset, and how certain it is."""

    name: str
    offset: int
    force: Force


@dataclass(frozen=True)
class Address:
    """How a person of the novel is named in some ranges of it.

    ``addressed`` counts the times others speak to the person by name, ``by_me`` those in which "I" does, ``quoted``
    all mentions inside quotations, ``narrated`` those outside.
    """

    person: Person
    addressed: int
    by_me: int
    quoted: int
    narrated: int

    @property
    def weight(self) -> int:
        """The times that the person is addressed, less twice those by "I" itself."""
        return self.addressed - 2 * self.by_me


def find_introductions(novel: Novel, quotations: Quotations) -> tuple[Introduction, ...]:
    """Return the introductions outside quotations, and those that "I" says, in order."""
    found = [*_by_phrase(novel, quotations), *_by_answer(novel.text, quotations)]
    return tuple(sorted(found, key=lambda one: one.offset))


def _by_phrase(novel: Novel, quotations: Quotations) -> Iterator[Introduction]:
    for force, pattern in _INTRODUCTIONS:
        for match in pattern.finditer(novel.text, *novel.body):
            quoted = quotations.at(match.start())
            name = clean_name(match["name"])
            if name and (quoted is None or said_by_me(novel.text, quoted)):
                in_speech: Force = "said" if force == "sure" else "weak"
                yield Introduction(name, match.start("name"), in_speech if quoted else force)


def _by_answer(text: str, quotations: Quotations) -> Iterator[Introduction]:
    """Yield the names that "I" answers when asked for one: “What is your name?” “Jim Penrose,” said I."""
    for quoted in quotations.spans:
        match = _ONLY_A_NAME.fullmatch(text, *quoted)
        if match and said_by_me(text, quoted) and _ASKED.search(text, max(0, quoted.start - _NEAR), quoted.start):
            name = clean_name(match["name"])
            if name:
                yield Introduction(name, match.start("name"), "said")


def said_by_me(text: str, quoted: Span) -> bool:
    """Return True if "I said" is next to a quotation."""
    after = text[quoted.end : quoted.end + _TAG].split("\n\n")[0].split(".")[0]
    before = text[max(0, quoted.start - _TAG) : quoted.start].split("\n\n")[-1]
    return bool(_I_SAID.search(after) or (_I_SAID.search(before) and before.rstrip()[-1:] in {",", ":"}))


def find_all_names(novel: Novel) -> tuple[Mention, ...]:
    """Return every name phrase as a mention; their sentences are not known here."""
    phrases = find_phrases(novel.text, novel.body)
    return tuple(
        Mention(novel.text[phrase.start : phrase.end], phrase.start, phrase.end, 0)
        for phrase in phrases
        if may_be_name(phrase.words)
    )


def count_addresses(
    novel: Novel, quotations: Quotations, mentions: Sequence[Mention], spans: Iterable[Span]
) -> list[Address]:
    """Return how each person is named inside ``spans``, the most often addressed first."""
    inside = [mention for span in spans for mention in mentions if span.start <= mention.start < span.end]
    titled = Counter(
        surname for mention in inside if not quotations.covers(mention.start) for surname in _titled_surname(mention)
    )
    addresses = [_count(novel.text, quotations, person, titled) for person in group_persons(inside)]
    return sorted(addresses, key=lambda address: (-address.weight, address.person.name))


def _count(text: str, quotations: Quotations, person: Person, titled: Counter[str]) -> Address:
    """Count the mentions of a person; "Mrs. Todd" in the narration counts for "Almira Todd", who may be the same."""
    quoted = [(mention, quotations.at(mention.start)) for mention in person.mentions]
    spoken = [(mention, span) for mention, span in quoted if span is not None]
    addressed = [span for mention, span in spoken if is_address(text, mention, span)]
    by_me = sum(said_by_me(text, span) for span in addressed)
    narrated = [mention for mention, span in quoted if span is None]
    surnames = {words[-1] for form in (person.name, *person.aliases) if len(words := parse_name(form).words) > 1}
    own = Counter(surname for mention in narrated for surname in _titled_surname(mention))
    others = sum(titled[surname] - own[surname] for surname in surnames)
    return Address(person, len(addressed) - by_me, by_me, len(spoken), len(narrated) + others)


def _titled_surname(mention: Mention) -> tuple[str, ...]:
    """Return the surname of "Mrs. Todd", nothing for a name without a title or with a first name."""
    parsed = parse_name(mention.text)
    return parsed.words if parsed.title and len(parsed.words) == 1 else ()


def is_address(text: str, mention: Mention, quoted: Span) -> bool:
    """Return True if a name in a quotation is that of the person spoken to, and not in a quotation within it."""
    before = text[max(quoted.start, mention.start - 12) : mention.start]
    return bool(
        _BEFORE_ADDRESS.search(before)
        and _AFTER_ADDRESS.match(text, mention.end)
        and not any(span.start < mention.start < span.end for span in _inner(text, quoted))
    )


def _inner(text: str, quoted: Span) -> Iterator[Span]:
    for match in _INNER.finditer(text, quoted.start + 1, quoted.end - 1):
        yield Span(*match.span())
