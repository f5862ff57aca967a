"""Other names of a person that the text itself explains: "Silver, whom everybody called Long John".

They are proposals: nothing counts them until the user confirms one as an alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.language.folding import match_key
from pipeline.language.titles import TITLES
from pipeline.records import Character, Novel, Span
from pipeline.text.aliases import Alias, names_of
from pipeline.text.names import parse_name
from pipeline.text.printed_names import PRINTED_NAME, clean_name

LONGEST_QUOTATION = 200
_LONGEST_EPITHET = 5
_NAME = rf"(?P<name>{PRINTED_NAME})"
_QUOTED = r"[“\"‘'_](?P<quoted>(?:[Tt]he\s+)?[^\W\d_][^\"”“’\n.!?]{1,38})[”\"’'_]"
_EPITHET = rf"(?:{_QUOTED}|(?P<other>(?:the\s+)?{PRINTED_NAME}))"
_CALL = (
    r"(?:called|named|nicknamed|dubbed|styled|christened|surnamed|(?:best\s+|better\s+|also\s+|commonly\s+)?known\s+as)"
)
_WHO = r"(?:he|she|they|we|people|everyone|everybody|folk|the\s+\w+|his\s+\w+|her\s+\w+|their\s+\w+)"
_OFTEN = r"(?:\s+(?:always|usually|often|generally|commonly|sometimes|also|still|once|better|best|simply|familiarly))?"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_NAME},\s+whom\s+(?:\w+\s+){{1,4}}?(?:called|call|calls|nicknamed|named|knew\s+as|know\s+as)\s+{_EPITHET}",
        rf"{_NAME},\s+who\s+(?:was|is|had\s+been|went){_OFTEN}\s+(?:{_CALL}|by\s+the\s+name\s+of)\s+{_EPITHET}",
        rf"{_NAME},?\s+(?:otherwise|better|commonly|generally|usually|also|familiarly|often)\s+(?:called\s+|known\s+as\s+)?{_EPITHET}",
        rf"{_NAME},\s+(?:{_CALL}|alias)\s+{_EPITHET}",
        rf"{_NAME}\s+(?:was|is|had\s+been){_OFTEN}\s+(?:nicknamed|called|known\s+as|dubbed|surnamed|styled){_OFTEN}\s+{_EPITHET}",
        rf"{_NAME},?\s+\(?(?:a\.?k\.?a\.?|n[ée]e|formerly)\s+{_EPITHET}",
        rf"{_NAME}\s+\((?:{_CALL}|alias)\s+{_EPITHET}",
        rf"{_NAME},?\s+(?:(?:who\s+)?(?:was|is|had\s+been){_OFTEN}\s+)?known\s+to\s+(?:\w+\s+){{1,4}}as\s+{_EPITHET}",
        rf"{_NAME}\s+(?:went|goes|had\s+gone)\s+by\s+the\s+name\s+(?:of\s+)?{_EPITHET}",
        rf"{_NAME}\s+(?:called|calls|styled|styles)\s+(?:him|her|them)self\s+{_EPITHET}",
        rf"{_EPITHET}\s+(?:was|is)\s+no(?:ne)?\s+other\s+than\s+{_NAME}",
        rf"{_EPITHET}['’]s\s+(?:real|true|own)\s+name\s+(?:was|is)\s+{_NAME}",
        rf"{_EPITHET},\s+as\s+{_WHO}{_OFTEN}\s+(?:called|call|calls|named|nicknamed)\s+{_NAME}",
        rf"\b[Tt]he\s+\w+\s+(?:whom\s+)?{_WHO}\s+(?:called|call|calls)\s+{_EPITHET}\s+(?:was|is)\s+{_NAME}",
        rf"{_EPITHET},\s+in\s+other\s+words,\s+{_NAME}",
        rf"{_EPITHET}(?:\s*[—–]\s*|,\s+){_NAME},\s+that\s+is\b",
        rf"{_NAME}['’]s\s+nickname\s+(?:was|is)\s+{_EPITHET}",
        rf"{_NAME},?\s+or\s+{_EPITHET},?\s+as\s+{_WHO}\s+(?:was|were|is|are|had|have|has|called|call|calls)\b",
        rf"{_EPITHET},\s+as\s+{_NAME}\s+(?:was|is|had\s+been){_OFTEN}\s+{_CALL}",
        rf"{_EPITHET}(?:,|--|—)\s*that\s+is(?:\s+to\s+say)?,\s+{_NAME}",
        rf"{_NAME}(?:,|--|—)\s*that\s+is(?:\s+to\s+say)?,\s+{_EPITHET}",
        rf"(?:call|calls|called|nicknamed|dubbed)\s+{_NAME}\s+{_QUOTED}(?P<other>)",
    )
)
_OF_NARRATOR = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:called|call|calls|nicknamed|dubbed|christened)\s+me\s+{_EPITHET}",
        rf"\bI\s+(?:was|am|had\s+been){_OFTEN}\s+{_CALL}\s+{_EPITHET}",
    )
)


class Proposal(NamedTuple):
    """An alias that the text explains, and the verbatim range that does."""

    alias: Alias
    span: Span


def find_epithets(
    novel: Novel, cast: Sequence[Character], known: Sequence[Alias] = (), *, narrator: str = ""
) -> tuple[Proposal, ...]:
    """Return the other names that the text explains, in order, each pair once, without those that are known.

    ``narrator`` is the name of the person who says "they called me ...", empty if unknown or several.
    """
    forms = {match_key(person.name): set(map(match_key, person.aliases)) for person in cast}
    proposals: dict[tuple[str, str], Proposal] = {}
    for proposal in sorted(_found(novel, cast, narrator), key=lambda one: one.span):
        alias, name = map(match_key, proposal.alias)
        same = set(map(match_key, names_of(proposal.alias.name, known))) | forms.get(name, set()) | {name}
        if alias not in same:
            proposals.setdefault((alias, name), proposal)
    return tuple(proposals.values())


def sentence_around(novel: Novel, span: Span, sentences: Sequence[Span]) -> str:
    """Return the sentence of a proposal on one line, shortened around it."""
    inside = [sentence for sentence in sentences if sentence.start < span.end and sentence.end > span.start]
    start, end = (inside[0].start, inside[-1].end) if inside else span
    if end - start > LONGEST_QUOTATION:
        start, end = max(start, span.start - 40), min(end, span.end + 40)
    return " ".join(novel.text[start:end].split())


def _found(novel: Novel, cast: Sequence[Character], narrator: str) -> Iterator[Proposal]:
    for pattern in _PATTERNS:
        for match in pattern.finditer(novel.text, *novel.body):
            name, epithet = clean_name(match["name"]), _epithet(match)
            person = _person(name, cast) if name else None
            if person and epithet:
                yield Proposal(Alias(epithet, person), Span(*match.span()))
    for pattern in _OF_NARRATOR if narrator else ():
        for match in pattern.finditer(novel.text, *novel.body):
            if epithet := _epithet(match):
                yield Proposal(Alias(epithet, narrator), Span(*match.span()))


def _epithet(match: re.Match[str]) -> str:
    """Return the other name of a match; a title alone ("Captain") or a sentence in marks is not one."""
    printed = " ".join((match["quoted"] or match["other"] or "").strip("_ ,;").split())
    words = parse_name(printed).words if printed else ()
    bare_title = TITLES.issuperset(words) and not printed.lower().startswith("the ")
    if not words or bare_title or "=" in printed or len(printed.split()) > _LONGEST_EPITHET:
        return ""
    if match["quoted"] and not any(word[0].isupper() for word in printed.split()):
        return ""  # "they called him peculiar" is no name
    return printed if match["quoted"] or printed.lower().startswith("the ") else clean_name(printed)


def _person(name: str, cast: Iterable[Character]) -> str | None:
    """Return the name in the cast of the person who is called ``name``, None for nobody."""
    wanted = match_key(name)
    words = set(parse_name(name).words)
    for person in cast:
        if wanted in map(match_key, (person.name, *person.aliases)):
            return person.name
    return next((person.name for person in cast if words <= set(parse_name(person.name).words)), None)
