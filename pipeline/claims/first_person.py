"""A backstory that its character tells: "I was born in Porth" is "Ada Merrow was born in Porth"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline.language.verbs import form_of, is_adverb, is_past
from pipeline.language.word_lists import FREQUENCIES, word_set

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|‘[^’]*’(?!\w)")
_I = re.compile(r"\bI\b(?!['’.]\s?[A-Z])")
_THIRD = re.compile(r"(?:He|She|His|Her)\b")
_PRONOUN = re.compile(r"\b(?P<word>I|[Mm]y|[Mm]yself|[Mm]ine|[Mm]e)\b(?P<short>['’](?:m|ve|d|ll))?(?!\.\s?[A-Z]\.)")
_VERB = re.compile(
    r"(?P<before>(?:\s+\w+ly|\s+(?:also|never|always|often|still|once|usually|sometimes))*)\s+(?P<verb>[a-z]+)"
)
_SHORT = {"m": " is", "ve": " has", "d": " had", "ll": " will"}
_THIRD_PERSON = {"am": "is", "have": "has", "do": "does", "don": "doesn", "haven": "hasn", "go": "goes", "were": "was"}
_SAME = word_set(
    "was had did could would should might must may can will shall cannot never put set let cut hit hurt cost"
)
_FEWEST_SHARE = 0.3


def is_told_by_character(sentences: Sequence[str], *, names_character: bool) -> bool:
    """Return True if a text speaks of its character as "I", outside quotations, and never by name, "he" or "she"."""
    plain = [_QUOTED.sub("", text) for text in sentences]
    own = sum(_I.search(text) is not None or re.match(r"My\b", text) is not None for text in plain)
    return own > 0 and own >= _FEWEST_SHARE * len(plain) and not names_character and not any(map(_THIRD.match, plain))


def in_third_person(text: str, name: str) -> str:
    """Return a sentence with the name for "I", "my" and "me" outside quotations, and the verb after "I" to match.

    >>> in_third_person("I am tall, and my mother said “I know” to me.", "Ada")
    "Ada is tall, and Ada's mother said “I know” to Ada."
    """
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    pieces: list[str] = []
    end = 0
    for match in _PRONOUN.finditer(text):
        if match.start() < end or _is_inside(match.start(), quoted):
            continue
        word = match["word"].lower()
        pieces += [text[end : match.start()], f"{name}'s" if word in {"my", "mine"} else name]
        end = match.end()
        if word == "i" and match["short"]:
            pieces.append(_SHORT[match["short"][1:]])
        elif word == "i" and (verb := _VERB.match(text, end)):
            pieces += [verb["before"], " ", _agreeing(verb["verb"])]
            end = verb.end()
    return "".join([*pieces, text[end:]])


def _is_inside(place: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= place < stop for start, stop in spans)


def _agreeing(verb: str) -> str:
    """Return the form of a verb after a name, where its form after "I" is another."""
    if verb in _THIRD_PERSON:
        return _THIRD_PERSON[verb]
    if verb in _SAME or is_past(verb) or is_adverb(verb) or verb in FREQUENCIES or form_of(verb) == "finite":
        return verb
    if re.search(r"(?:s|x|z|ch|sh|o)\Z", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y\Z", verb) else f"{verb}s"
