"""Write into a sentence what it refers to in the sentence before it, where that is certain; else it stays.

A pronoun of the other gender than the character's becomes the only person whom the sentence before names, if nothing
earlier can be meant: "He met Mercédès Herrera. He loved her." And "after that" becomes "after the war" where the
sentence before ends with "until the war" or "since the war".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.claims.dangling import MEN, WOMEN
from pipeline.claims.pronouns import is_possessive
from pipeline.claims.rivals import plain_dates
from pipeline.claims.subject import Protagonist
from pipeline.language.titles import BEFORE_NAMES
from pipeline.language.verbs import form_of, has_verb
from pipeline.language.word_lists import PRONOUNS
from pipeline.language.words import HYPHENATED_WORD, words_of

_OTHER = {"he": ("she", WOMEN), "she": ("he", MEN)}
_NAME = re.compile(r"[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)*")
_POINT = re.compile(r"\b(?:since|until|till) ((?:the|a|an|his|her|their|\d{4})\b(?: [\w’'-]+){0,7})[.!]?$")
_BACK = re.compile(r"\b(?P<word>after|before|since) (?:that|then)\b(?=[.,;!?]| (?:he|she|they)\b|$)", re.IGNORECASE)
_BEFORE_PERSONS = frozenset(["with", "by", "and", "than"])


def resolve(text: str, earlier: Sequence[str], person: Protagonist) -> str:
    """Return a sentence without references to the last of the sentences ``earlier`` that are certain."""
    return _with_person(_with_time(text, earlier[-1]), earlier, person) if earlier else text


def _with_time(text: str, before: str) -> str:
    point = _POINT.search(before)
    if point is None or has_verb(words_of(point[1])):
        return text
    return _BACK.sub(lambda back: f"{back['word']} {point[1]}", text)


def _with_person(text: str, earlier: Sequence[str], person: Protagonist) -> str:
    other, nouns = _OTHER.get(person.pronouns[0] if person.pronouns else "", ("", frozenset[str]()))
    family = PRONOUNS.get(other, ())
    word = next((word for word in HYPHENATED_WORD.finditer(text) if word[0].lower() in family), None)
    if word is None or re.search(r"[“\"]", text):
        return text
    before, after = text[: word.start()], text[word.end() :]
    if _names(before, person) or not nouns.isdisjoint(words_of(before)):
        return text
    name = _only_person(earlier, person, family, nouns)
    possessive = is_possessive(before, word[0].lower(), family, after)
    if not name or possessive is None:
        return text
    mark = "’" if "’" in text else "'"
    return f"{before}{name}{f'{mark}s' if possessive else ''}{after}"


def _only_person(earlier: Sequence[str], person: Protagonist, family: Sequence[str], nouns: frozenset[str]) -> str:
    """Return the name of the only person of the last sentence, if no other of that gender can be meant; else ""."""
    last = earlier[-1]
    names = _names(last, person)
    if len(names) != 1:
        return ""
    lead, name = last[: names[0].start()], names[0][0]
    words = words_of(lead)
    noun = words[-1] if words else ""
    others = {word for word in words_of(last) if word in nouns}
    if noun in nouns and others == {noun}:
        return name
    is_person = noun in _BEFORE_PERSONS or form_of(noun) != "" or words_of(name)[0] in BEFORE_NAMES
    known = [word for sentence in earlier for word in words_of(sentence)]
    mentioned = not (nouns | set(family)).isdisjoint(known) or any(_names(each, person) for each in earlier[:-1])
    return name if is_person and not mentioned else ""


def _names(text: str, person: Protagonist) -> list[re.Match[str]]:
    """Return the capitalised words that do not begin the text and are neither the person nor a date."""
    found = _NAME.finditer(plain_dates(text))
    return [name for name in found if name.start() and not person.is_named_in(name[0])]
