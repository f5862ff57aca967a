"""Insert the character's name where a text has a pronoun for it, or omits it as the subject.

A pronoun is replaced only if it surely means the character: it begins the text, or has no other possible antecedent
before it. Where no pronoun is sure, the name precedes the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.claims.fronted import is_fronted_clause, is_fronted_phrase, is_inverted, is_relative, is_time_phrase
from pipeline.claims.rivals import DETERMINERS, mentions_no_person
from pipeline.claims.subject import Protagonist
from pipeline.language.verbs import HAVE, PASSIVE, form_of, is_adverb, is_participle, is_past
from pipeline.language.word_lists import FREQUENCIES, POSSESSIVES, PREPOSITIONS, SUBORDINATORS, word_set
from pipeline.language.words import HYPHENATED_WORD, words_of

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|‘[^’]*’(?!\w)")
_SINGULAR = {"were": "was", "are": "is", "have": "has"}
_KIN = word_set("father mother brother sister son uncle nephew wife husband daughter aunt parents")
_AFTER_OBJECT = word_set(
    "to from in on at by with and or but for as of the a an this that when while where who which because if until "
    "after before into out up off away down over back again once alone his their too so then there twice through "
    "without about against among across along toward towards home"
)
"""Words after "her" as an object; before any other word it is a possessive."""
_TWO_OBJECTS = word_set("gave give gives told tell tells taught showed offered sent bought made called paid")
_OPENERS = SUBORDINATORS | word_set("that which whom and but or how why what")
_ELLIPTICAL = re.compile(
    r"\w+ (?:still |yet |only |barely )?"
    r"(?:young|in|at|on|under|an? (?:\w+ )?(?:boy|girl|child|baby|lad|youth|man|woman))\b"
)
_ALIAS = re.compile(
    r"(?:\w+ ){0,4}(?:[Aa]s|alias|name|name of) [“\"‘]?[A-Z][\w ]*[”\"’]? he\b|(?:\w+ ){1,3}he \w+ the (?:alias|name)\b"
)
_STYLES = ("Majesty", "Highness", "Excellency", "Holiness", "Grace", "Lordship", "Ladyship", "Honour")


def insert_name(text: str, person: Protagonist) -> str:
    """Return ``text`` with the person's name in it, so that it can be read by itself.

    A text that names the person is returned unchanged, unless it begins with a pronoun and has the name as an attribute
    alone ("His mother died at the Gordon farm"), and any text where the person has no name. Where neither a
    pronoun nor an omitted subject is surely the person, the name and a colon precede the text.
    """
    if not person.name:
        return text
    if person.is_named_in(text) and not (person.has_only_attributes_in(text) and words_of(text)[0] in person.pronouns):
        alias = _ALIAS.match(text) if person.pronouns else None
        named = name_for_pronoun(text, person.name, person.pronouns) if alias else None
        return text if named is None or named.startswith(person.name) else named
    first, _, rest = text.partition(" ")
    if first.lower() in POSSESSIVES and rest.startswith(_STYLES):
        return f"{person.name}: {text}"
    named = name_for_subject(text, person.name, person.pronouns)
    if named is None and person.pronouns:
        named = name_for_pronoun(text, person.name, person.pronouns)
    named = f"{person.name}: {text}" if named is None else named
    return named[0].upper() + named[1:]


def name_for_pronoun(text: str, name: str, pronouns: Sequence[str]) -> str | None:
    """Return ``text`` with ``name`` in place of the first of ``pronouns``, or None if that may mean another person.

    ``pronouns`` are subject, possessive and object; for "she" the last two are one.
    """
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    own = set(pronouns)
    for word in HYPHENATED_WORD.finditer(text):
        if word[0].lower() in own:
            if any(start <= word.start() < end for start, end in quoted):
                return None
            fronted = _replace_fronted(text, name, pronouns)
            return fronted or _replace_pronoun(text, name, pronouns, word.start(), word.end())
    return None


def name_for_subject(text: str, name: str, pronouns: Sequence[str]) -> str | None:
    """Return ``text`` with ``name`` as the subject that it omits: "Joined the navy", "Born in Rome".

    None where the text has a subject or that is uncertain.
    """
    words = [word[0].lower() for word in HYPHENATED_WORD.finditer(text)]
    if not words or (not words[0].isalpha() and "-" not in words[0]):
        return None
    first = 0
    while first < min(len(words) - 1, 2) and (is_adverb(words[first]) or words[first] in FREQUENCIES):
        first += 1
    verb, following = words[first], words[first + 1] if first + 1 < len(words) else ""
    if verb == "born" or (verb in PASSIVE and (following in PREPOSITIONS or not following)):
        if _has_subject_later(text, pronouns):
            return None
        return f"{name} was {_lowered(text)}"
    if not (verb in {"was", "is"} or verb in HAVE or is_past(verb)) or following == "of":
        return None
    if first and words[0] in FREQUENCIES:
        return f"{name} {_lowered(text)}"
    if _has_subject_later(text, pronouns) or (form_of(verb) == "open" and not _has_object(following)):
        return None
    return f"{name} {_lowered(text)}"


def _has_object(following: str) -> bool:
    return following in DETERMINERS | PREPOSITIONS | {"his", "her", "their", "him", "out", "up", "off", "and"} or (
        following.isdigit() or following.endswith("ly")
    )


def _has_subject_later(text: str, pronouns: Sequence[str]) -> bool:
    """Return True if a comma and a subject follow, so that the text begins with a phrase."""
    later = rf",\s+(?:{'|'.join(map(re.escape, pronouns))}|[A-Z]\w+|the|an?)\b" if pronouns else r",\s+[A-Z]"
    return re.search(later, text) is not None


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:]


def _replace_pronoun(text: str, name: str, pronouns: Sequence[str], start: int, end: int) -> str | None:
    before, word, after = text[:start], text[start:end].lower(), text[end:]
    possessive = is_possessive(before, word, pronouns, after)
    if possessive is None:
        return None
    if possessive:
        sure = _is_sure_possessive(before, after, pronouns)
        return f"{before}{name}’s{after}" if sure and "’" in text else (f"{before}{name}'s{after}" if sure else None)
    if word == pronouns[0]:
        if not _is_sure_subject(before):
            return None
        fronted = _with_comma(before) if _may_take_comma(before, after, pronouns) else before
        return f"{fronted}{name}{_in_singular(word, after)}"
    return f"{before}{name}{after}" if _is_sure_object(before) else None


def _replace_fronted(text: str, name: str, pronouns: Sequence[str]) -> str | None:
    """Replace the subject after a fronted phrase or clause that surely is the person: "For her wedding she"."""
    subject = re.search(rf"\b{re.escape(pronouns[0])}\b", text)
    if subject is None:
        return None
    before, after = text[: subject.start()], text[subject.end() :]
    relative = is_relative(before, after, pronouns)
    if not (
        is_inverted(before)
        or (is_fronted_phrase(before) and not relative)
        or is_fronted_clause(before, after, pronouns)
    ):
        return None
    return f"{before if is_inverted(before) else _with_comma(before)}{name}{_in_singular(pronouns[0], after)}"


def _with_comma(before: str) -> str:
    """Return a fronted phrase with a comma after it, so that its last word does not join the name."""
    joins = before[-2:-1].isalnum() or before[-2:-1] in {")", "”"}
    return f"{before.rstrip()}, " if joins else before


def _may_take_comma(before: str, after: str, pronouns: Sequence[str]) -> bool:
    """Return True for a fronted phrase of several words; not for "The violin" in "The violin he played"."""
    words = words_of(before)
    if len(words) < 2 or words[-1] in _OPENERS or is_relative(before, after, pronouns):
        return False
    nominal = words[0] in DETERMINERS | {"one", "it"} and not is_time_phrase(before)
    return not nominal


def _in_singular(word: str, after: str) -> str:
    """Return the text after a subject, with its verb in the singular if the subject was "they"."""
    verb = re.match(r"\s+(\w+)", after)
    if word != "they" or verb is None:
        return after
    return after[: verb.start(1)] + _SINGULAR.get(verb[1], verb[1]) + after[verb.end(1) :]


def is_possessive(before: str, word: str, pronouns: Sequence[str], after: str) -> bool | None:
    """Return True if the pronoun is a possessive; None where that is uncertain."""
    if word in {"his", "their"}:
        return True
    if word != "her":
        return False
    following = re.match(r"\s+([^\W\d_]+)", after)
    if following is None or following[1].lower() in _AFTER_OBJECT or following[1].lower().endswith("ly"):
        return False
    previous = [found[0].lower() for found in HYPHENATED_WORD.finditer(before)][-1:]
    return None if previous and previous[0] in _TWO_OBJECTS else True


def _is_sure_subject(before: str) -> bool:
    """Return True if the pronoun begins the text, or follows a phrase without a subject and verb."""
    words = [word[0].lower() for word in HYPHENATED_WORD.finditer(before)]
    if not words or (len(words) == 1 and words[0] in SUBORDINATORS) or words in (["it", "was"], ["it", "is"]):
        return True
    if before.rstrip().endswith((":", ";", "—", "”")) and words[0] not in PREPOSITIONS:
        return mentions_no_person(before)
    leads = words[1:] if len(words) > 1 and (is_adverb(words[0]) or words[0] in {"first", "once"}) else words
    phrase = (
        words[0] in PREPOSITIONS | {"while", "when", "next"}
        or leads[0] in PREPOSITIONS
        or leads[0].endswith("ing")
        or is_participle(leads[0])
    )
    rest = leads[1:] if phrase else words
    gerund = words[0] in SUBORDINATORS and len(words) > 1 and words[1].endswith("ing")
    if words[0] in SUBORDINATORS - PREPOSITIONS and not gerund and len(words) > 1:
        is_short = len(words) < 4 and before.endswith(", ") and mentions_no_person(before)
        verbless = is_participle(words[1]) or is_short or bool(_ELLIPTICAL.match(before))
        return verbless and not any(form_of(word) for word in words[2:])
    acts = [word for word in rest if form_of(word) == "finite" or (form_of(word) == "open" and not phrase)]
    if words[0] in SUBORDINATORS & PREPOSITIONS and not gerund:
        acts += [word for word in rest if form_of(word)]
    return not acts and (phrase or mentions_no_person(before))


def _is_sure_possessive(before: str, after: str, pronouns: Sequence[str]) -> bool:
    """Return True if no other person is mentioned before the pronoun, nor, in a fronted phrase, soon after it."""
    if not before:
        return True
    if not mentions_no_person(before):
        return False
    words = [word[0].lower() for word in HYPHENATED_WORD.finditer(before)]
    if not words:
        return True
    fronted = words[0] in PREPOSITIONS | SUBORDINATORS or words[0].endswith("ing")
    if not fronted:
        return True
    rest = re.split(r"[;:.—]", after)[0]
    rest = re.sub(rf"\b(?:{'|'.join(pronouns[1:])})\s+\w+", "", rest)
    owned = re.match(r"\s+(\w+)", rest)
    if owned and owned[1] in _KIN:
        rest = rest[owned.end() :]
    subject = re.search(rf"\b{re.escape(pronouns[0])}\b", rest)
    return mentions_no_person("x " + (rest[: subject.start()] if subject else rest))


def _is_sure_object(before: str) -> bool:
    """Return True if the pronoun is the object of the first verb, and its subject the only other person before it."""
    if re.search(r"['’]s\b|[;:—“\"]|\b(?:he|she|they|who|which|that|his|her|their)\b", before, re.IGNORECASE):
        return False
    words = list(HYPHENATED_WORD.finditer(before))
    verbs = [place for place, word in enumerate(words) if form_of(word[0].lower())]
    if not words or verbs not in ([len(words) - 1], [len(words) - 2]):
        return False
    if verbs == [len(words) - 2] and form_of(words[-2][0].lower()) and words[-1][0].lower() not in PREPOSITIONS:
        return False
    runs = re.findall(r"[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*", before)
    return len([run for run in runs if run.lower() not in DETERMINERS | PREPOSITIONS]) <= 1 or "of" in before.split()
