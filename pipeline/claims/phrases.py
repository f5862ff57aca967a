"""Make noun phrases, lists and short notes of a character sheet fit into a sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from pipeline.claims.labels import LABELS, normalise
from pipeline.language.numbers import find_quantities
from pipeline.language.verbs import form_of, is_adverb
from pipeline.language.word_lists import FREQUENCIES, PREPOSITIONS, word_set
from pipeline.language.words import words_of

Sentences = list[str]


class Subject(NamedTuple):
    """Whom a sentence is about: a name, or "Ada Merrow's mother", and the person's pronouns."""

    name: str
    pronouns: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """The possessive."""
        return f"{self.name}'s"


_DETERMINERS = word_set(
    "a an the his her their its this that these those some many several few no every each all both one two three four "
    "five six seven eight nine ten any another only most much more half"
)
_MASS = word_set(
    "money land gold silver furniture jewellery jewelry clothing property nothing everything little luggage cash "
    "equipment gear armour armor food wine brandy tobacco stock wealth debt real estate livestock china linen lace"
)
_BODY = word_set(
    "eyes eye hair beard moustache mustache nose face skin complexion build figure hands hand legs arms shoulders "
    "freckles scar scars voice teeth lips mouth jaw chin forehead cheeks cheekbones eyebrows brows ears neck feet limp "
    "frame features stature posture smile curls braid braids plaits dimples wrinkles glasses spectacles tattoo tattoos "
    "birthmark physique gait"
)
_LOOKS = word_set(
    "tall short thin slim slender stout fat plump lean lanky stocky muscular athletic pale dark fair tanned freckled "
    "bald bearded handsome beautiful pretty plain ugly young old elderly blonde blond red-haired dark-haired "
    "fair-haired grey-haired black-haired brown-haired white-haired blue-eyed brown-eyed green-eyed grey-eyed "
    "dark-eyed clean-shaven broad-shouldered left-handed right-handed one-eyed one-legged lame blind deaf small large "
    "wiry delicate frail robust strong petite well-dressed shabby neat short-sighted near-sighted weather-beaten gaunt"
)
_ABSTRACT = re.compile(r"(?:ty|ness|ism|ion|ment|ance|ence|ship|hood|dom|ure|age|ery)$")
_PERSONS = re.compile(r"(?:coward|liar|leader|dreamer|loner|drunkard|\w+(?:ist|ard|monger|maker|holic|seeker|keeper))$")
_TRAITS = word_set("temper sense heart tongue nature memory humour humor streak mind wit spirit will manner manners")
_SUBJECTS = word_set("he she they his her their it")
_PRESENT = word_set(
    "lives loves hates likes dislikes wants fears works plays drinks smokes rides carries speaks smells walks talks "
    "dreams hopes needs prefers enjoys collects paints sings dances cooks hunts fishes swims trusts distrusts believes "
    "sleeps eats suffers comes can cannot could used walked"
)
"""Further words with which a note may begin that lacks its subject."""
_CLAUSES = word_set("who which that because since when while if but although though until before after so as")


def split_list(value: str) -> list[str]:
    """Return the items of a list that semicolons, commas, slashes and a last "and" separate; any other value whole.

    A value with a clause in it, or with an item of more than five words, is no list.
    """
    parts = [part.strip() for part in re.split(r"\s*;\s*", value) if part.strip()]
    if len(parts) > 1:
        return parts
    parts = [part.strip() for part in re.split(r"\s*,\s*(?:and\s+)?|\s+/\s+|\s+&\s+", _outside_brackets(value))]
    parts = [part.replace("\0", ",") for part in parts if part]
    if len(parts) > 1:
        parts = [*parts[:-1], *re.split(r"\s+and\s+", parts[-1])]
    elif len(words_of(value)) <= 5:
        parts = re.split(r"\s+and\s+", value)
    is_list = all(len(words_of(part)) <= 5 and _CLAUSES.isdisjoint(words_of(part)) for part in parts)
    return parts if is_list else [value]


def _outside_brackets(value: str) -> str:
    return re.sub(r"\([^()]{0,200}\)", lambda found: found[0].replace(",", "\0"), value)


def lowered(phrase: str) -> str:
    """Return a phrase without the capital that only its place at the start of a value gives it."""
    first = words_of(phrase)[:1]
    closed = bool(first) and (
        first[0] in _DETERMINERS | PREPOSITIONS | {"to", "that", "being"} or first[0][-3:] == "ing"
    )
    return small(phrase) if closed else phrase


def small(phrase: str) -> str:
    """Return a phrase whose first word is no name with a small first letter."""
    return phrase if phrase[1:2].isupper() or phrase.startswith("I ") else phrase[:1].lower() + phrase[1:]


def joined(parts: Iterable[str]) -> str:
    """Return words as a list in a sentence: "green", "black and long", "one, two and three"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def with_article(phrase: str) -> str:
    """Return a noun phrase with "a" or "an" in front where it is one thing and has no article yet."""
    words = words_of(phrase)
    noun = _noun(words)
    is_plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    if not words or words[0] in _DETERMINERS or words[0].isdigit() or is_plural or noun in _MASS or _is_name(phrase):
        return phrase
    return f"{'an' if words[0][0] in 'aeiou' and not re.match('uni|use|eu|one', words[0]) else 'a'} {phrase}"


def _noun(words: list[str]) -> str:
    """Return the last word before a preposition or a participle: the noun of the phrase."""
    for place, word in enumerate(words[1:], start=1):
        if word in PREPOSITIONS | _CLAUSES | {"above", "below"} or (word.endswith("ing") and place > 1):
            return words[place - 1]
    return words[-1] if words else ""


def _is_name(phrase: str) -> bool:
    return phrase[:1].isupper() and len(words_of(phrase)) < 4 and all(word[:1].isupper() for word in phrase.split())


def is_sentence(value: str, names: Collection[str]) -> bool:
    """Return True if a value is a sentence of its own: a verb, and a subject in front of it."""
    words = words_of(value)
    if len(words) < 3 or begins_with_verb(value) or not any(map(form_of, words[1:])):
        return False
    if words[0] in _SUBJECTS or words[0] in names:
        return True
    opens = value[:1].isupper() or words[0] in {"when", "after", "in", "at", "as", "on"}
    return opens and any(form_of(word) == "finite" for word in words[1:])


def begins_with_verb(value: str) -> bool:
    """Return True if a value begins with a verb, so that it lacks only its subject: "died at sea", "can sail"."""
    words = words_of(value)
    first = words[1] if len(words) > 1 and (is_adverb(words[0]) or words[0] in FREQUENCIES) else "".join(words[:1])
    if len(words) > 1 and first in _PRESENT:
        return True
    return bool(form_of(first)) and (len(words) > 1 or form_of(first) == "finite")


def quality(phrase: str) -> str:
    """Return the predicate for one trait: "was brave", "had a quick temper"; else that it was among the traits."""
    words = words_of(phrase)
    if not words:
        return ""
    last = words[-1]
    if _PERSONS.match(last) and len(words) < 3:
        return f"was {with_article(phrase)}"
    if last in _TRAITS:
        return f"had {with_article(phrase)}"
    if words[0] in {"a", "an", "the"}:
        return f"was {phrase}"
    is_adjective = (
        len(words) == 1
        or words[1] == "to"
        or (len(words) == 2 and (is_adverb(words[0]) or words[0] in {"very", "not", "too"}))
    )
    return f"was {phrase}" if is_adjective and not _ABSTRACT.search(words[0]) and last not in _TRAITS else ""


def look(phrase: str) -> str:
    """Return the predicate for one note on looks: "had green eyes", "was tall"; empty where it is neither."""
    words = words_of(phrase)
    if not words:
        return ""
    if all(word in _LOOKS or is_adverb(word) or word in {"and", "very", "but", "quite", "rather"} for word in words):
        return f"was {phrase}"
    if _noun(words) in _BODY:
        return f"had {phrase if _noun(words) in {'hair', 'skin'} else with_article(phrase)}"
    return ""


def relation_word(phrase: str) -> str:
    """Return the relation that a phrase names, such as "older brother"; empty where it names none."""
    plain = normalise(phrase)
    rule = LABELS.get(plain)
    if rule is not None and rule.way == "relation":
        return " ".join(words_of(phrase))
    first, _, rest = plain.partition(" ")
    rule = LABELS.get(rest)
    adjective = first in word_set(
        "older elder younger eldest youngest late dead estranged adopted only beloved little big childhood old close "
        "former"
    )
    return f"{first} {rest}" if adjective and rule is not None and rule.way == "relation" else ""


def is_number(value: str) -> bool:
    """Return True if a value is a number in digits or words, and nothing else."""
    found = find_quantities(value)
    if value.strip().lower() in {"one", "1"}:
        return True
    return len(found) == 1 and found[0].start == 0 and found[0].end == len(value.strip())
