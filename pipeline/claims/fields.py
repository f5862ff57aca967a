"""From a field of a character sheet to sentences about the character; a field that no rule reads honestly has none."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.claims.dates import age_way, at_age_way, when_way, where_way, year_way
from pipeline.claims.labels import NOTHING, UNFILLED, Rule
from pipeline.claims.phrases import (
    Sentences,
    Subject,
    begins_with_verb,
    joined,
    look,
    lowered,
    quality,
    small,
    split_list,
    with_article,
)
from pipeline.claims.relatives import family_way, relation_way, relations_way
from pipeline.language.verbs import is_adverb
from pipeline.language.word_lists import PREPOSITIONS, word_set
from pipeline.language.words import words_of

_BY_VERB = frozenset({"list", "included", "skills", "education", "goal", "belief", "owned", "qualities", "appearance"})
"""Ways in which a value that begins with a verb lacks only its subject."""

_MARKUP = (
    (re.compile(r"!?\[\[(?:[^\[\]|]{0,200}\|)?([^\[\]|]{0,200})\]\]"), r"\1"),
    (re.compile(r"!\[[^\[\]]{0,200}\]\([^()]{0,500}\)"), ""),
    (re.compile(r"\[([^\[\]]{1,200})\]\([^()]{0,500}\)"), r"\1"),
    (re.compile(r"~~[^~]{0,500}~~"), ""),
    (re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`)(?=\S)(.{1,500}?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"<br\s*/?>"), "; "),
    (re.compile(r"\s+"), " "),
)
_SHORT = 8
"""Words of the longest value that a question mark or a “maybe” makes undecided; a longer one is prose."""
_UNDECIDED = re.compile(r"\?\s*$|\(\?\)|\b(?:maybe|perhaps|possibly|probably|to be decided|tbd|todo)\b", re.IGNORECASE)
_FEELING = re.compile(r"^(?:an? )?(?:fear|love|dislike|hatred) of ", re.I)
_MARITAL = (
    "single",
    "married",
    "widowed",
    "divorced",
    "engaged",
    "unmarried",
    "separated",
    "betrothed",
    "never married",
)
_STATES = ("alive", "dead", "missing", "deceased", "living", *_MARITAL)
_GENDERS = {"female": "a woman", "woman": "a woman", "f": "a woman", "male": "a man", "man": "a man", "m": "a man"}
_GENDERS |= {"girl": "a girl", "boy": "a boy"}
_ACTS = word_set(
    "find get save become marry escape protect learn discover avenge win keep return prove leave make build see be "
    "have live stay earn help kill stop reach restore travel go come know own buy pay teach write sail rescue free"
)
"""Bare verbs with which a goal may begin."""
_ACT = re.compile(r"\w{2,}[^\Ws]s (?:her|his|their|the|an?|to|at|on|in|when|with|too|out|off|up) ", re.I)
"""What somebody does: "bites her nails"."""
_JOBLESS = ("retired", "unemployed", "self-employed", "jobless")
_SCHOOL = re.compile(r"\b(?:school|college|university|academy|institute|convent|seminary|oxford|cambridge)\b", re.I)


def clean(value: str) -> str:
    """Return a value without Markdown, links, struck words and its last full stop."""
    for pattern, kept in _MARKUP:
        value = pattern.sub(kept, value)
    value = value.strip(" ;,")
    return value[:-1] if value.endswith(".") and not value.endswith("..") else value


def is_unfilled(value: str) -> bool:
    """Return True if a value is empty, "unknown", "n/a" or the like, or a short one that is marked as undecided."""
    plain = re.sub(r"[^a-z0-9?]+", " ", value.lower()).strip()
    return plain in UNFILLED or (len(plain.split()) <= _SHORT and _UNDECIDED.search(value) is not None)


def field_sentences(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return the sentences that a field with a cleaned value makes, empty where none is honest."""
    if rule.way in _BY_VERB and begins_with_verb(value):
        return [_sentence(f"{subject.name} {value[0].lower()}{value[1:]}")]
    return [_sentence(text) for text in _WAYS[rule.way](rule, value, subject)]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "…", ".”")) else f"{text}."


def _template(rule: Rule, value: str, subject: Subject) -> Sentences:
    return [f"{subject.name} {rule.words.format(value=value)}"]


def _list(rule: Rule, value: str, subject: Subject) -> Sentences:
    if value.lower() in NOTHING:
        return []
    items = (lowered(_FEELING.sub("", item)) for item in split_list(value))
    return [f"{subject.name} {rule.words.format(value=item)}" for item in items if item]


def _attribute(rule: Rule, value: str, subject: Subject) -> Sentences:
    value = ", ".join(map(small, split_list(value))) if rule.fact == "appearance" else lowered(value)
    if words_of(value)[-1:] == words_of(rule.words)[-1:] and len(words_of(value)) > 1:
        return [f"{subject.name} had {with_article(value) if rule.words != 'hair' else value}"]
    return [f"{subject.own} {rule.words} was {_adjectives(value)}"]


def _attributes(rule: Rule, value: str, subject: Subject) -> Sentences:
    value = ", ".join(map(small, split_list(value)))
    if words_of(value)[-1:] == [rule.words]:
        return [f"{subject.name} had {value}"]
    return [f"{subject.own} {rule.words} were {_adjectives(value)}"]


def _adjectives(value: str) -> str:
    parts = split_list(value)
    return joined(parts) if all(len(words_of(part)) <= 2 for part in parts) else value


def _height(rule: Rule, value: str, subject: Subject) -> Sentences:
    words = words_of(value)
    if value.lower() in {"average", "medium"}:
        return [f"{subject.name} was of {value.lower()} height"]
    if words and not any(letter.isdigit() for letter in value) and look(value):
        return [f"{subject.name} {look(value)}"]
    return _attribute(rule, value, subject)


def _marks(rule: Rule, value: str, subject: Subject) -> Sentences:
    found = []
    for item in map(small, split_list(value)):
        words = words_of(item)
        if rule.words and words[0] in PREPOSITIONS:
            found.append(f"{subject.name} had a {rule.words} {item}")
        elif (rule.words and rule.words in " ".join(words)) or look(item):
            found.append(f"{subject.name} {look(item) or f'had {with_article(item)}'}")
        else:
            return []
    return found


def _occupation(rule: Rule, value: str, subject: Subject) -> Sentences:
    if value.lower() in NOTHING:
        return [f"{subject.name} had no {rule.words.removesuffix('s')}"]
    if begins_with_verb(value) and words_of(value)[0] not in _JOBLESS:
        return [f"{subject.name} {value[0].lower()}{value[1:]}"]
    return [f"{subject.name} was {_role(item)}" for item in split_list(value)]


def _role(item: str) -> str:
    item = item if re.match(r"[A-Z]{2}|\S+ [A-Z]", item) else small(item)
    words = words_of(item)
    if words[-1].endswith("ing") and len(words) < 3:
        return f"occupied with {item}"
    first, _, rest = item.partition(" ")
    if rest and (is_adverb(words[0]) or words[0] in {"once", "sometime"}):
        return f"{first} {with_article(rest)}"
    return item if words == [words[0]] and words[0] in _JOBLESS else with_article(item)


def _education(rule: Rule, value: str, subject: Subject) -> Sentences:
    if value.lower() in NOTHING:
        return [f"{subject.name} had no education"]
    if words_of(value)[0] in PREPOSITIONS:
        return [f"{subject.name} was educated {value}"]
    if value.lower() in {"self-taught", "home-schooled", "privately educated", "self-educated", "uneducated"}:
        return [f"{subject.name} was {value.lower()}"]
    if rule.words in {"school", "educated at"} or _SCHOOL.search(value):
        return [f"{subject.name} was educated at {value if value[0].isupper() else with_article(value)}"]
    return [f"{subject.own} education included {with_article(lowered(value))}"]


def _marital(rule: Rule, value: str, subject: Subject) -> Sentences:
    plain = value.lower()
    if plain in {"spinster", "bachelor", "widow", "widower"}:
        return [f"{subject.name} was a {plain}"]
    is_state = any(plain == state or plain.startswith((f"{state} ", f"{state},")) for state in _STATES)
    return [f"{subject.name} was {plain if plain in _STATES else value[0].lower() + value[1:]}"] if is_state else []


def _gender(rule: Rule, value: str, subject: Subject) -> Sentences:
    known = _GENDERS.get(value.lower())
    return [f"{subject.name} was {known}" if known else f"{subject.own} gender was {value}"]


def _qualities(rule: Rule, value: str, subject: Subject) -> Sentences:
    items = [small(item) for item in split_list(value)]
    return [
        f"{subject.name} {quality(item)}" if quality(item) else f"{subject.own} {rule.words} included {item}"
        for item in items
    ]


def _included(rule: Rule, value: str, subject: Subject) -> Sentences:
    if value.lower() in NOTHING:
        return []
    verb = "included" if rule.words.endswith("s") else "was"
    items = split_list(value) if verb == "included" else [value]
    return [
        f"{subject.name} {small(item)}" if _ACT.match(item) else f"{subject.own} {rule.words} {verb} {lowered(item)}"
        for item in items
    ]


def _skills(rule: Rule, value: str, subject: Subject) -> Sentences:
    found = []
    for item in split_list(value):
        words = words_of(item)
        if words[0] in {"good", "bad", "skilled", "fluent", "gifted", "able", "excellent", "poor", "clever", "expert"}:
            found.append(f"{subject.name} was {item[0].lower()}{item[1:]}")
        elif begins_with_verb(item) or words[0] == "can":
            found.append(f"{subject.name} {item[0].lower()}{item[1:]}")
        else:
            found.append(f"{subject.own} skills included {item[0].lower() + item[1:] if not _proper(item) else item}")
    return found


def _proper(item: str) -> bool:
    return item.split()[0] in {"French", "English", "Latin", "Greek", "German", "Italian", "Spanish"} or item.isupper()


def _goal(rule: Rule, value: str, subject: Subject) -> Sentences:
    is_act = words_of(value)[0] in _ACTS and len(words_of(value)) > 1
    return [f"{subject.name} wanted {f'to {small(value)}' if is_act else lowered(value)}"]


def _aim(rule: Rule, value: str, subject: Subject) -> Sentences:
    return [f"{subject.own} {rule.words.removesuffix('s')} was {lowered(value)}"]


def _belief(rule: Rule, value: str, subject: Subject) -> Sentences:
    led = value.lower().startswith(("that ", "in "))
    return [f"{subject.name} believed {value[0].lower() + value[1:] if led else f'in {value}'}"]


def _secret(rule: Rule, value: str, subject: Subject) -> Sentences:
    led = value.lower().startswith(("that ", "to "))
    return [f"{subject.own} secret was {value[0].lower()}{value[1:]}"] if led else []


def _owned(rule: Rule, value: str, subject: Subject) -> Sentences:
    if value.lower() in NOTHING:
        return [f"{subject.name} {rule.words} nothing"] if rule.words == "owned" else []
    return [f"{subject.name} {rule.words} {with_article(lowered(item))}" for item in split_list(value)]


def _appearance(rule: Rule, value: str, subject: Subject) -> Sentences:
    looks = [look(small(re.sub(r"\Awith ", "", item))) for item in split_list(value)]
    return [f"{subject.name} {each}" for each in looks] if all(looks) else []


def _nothing(rule: Rule, value: str, subject: Subject) -> Sentences:
    return []


_WAYS: dict[str, Callable[[Rule, str, Subject], Sentences]] = {
    "age": age_way,
    "when": when_way,
    "where": where_way,
    "template": _template,
    "list": _list,
    "attribute": _attribute,
    "attributes": _attributes,
    "height": _height,
    "marks": _marks,
    "occupation": _occupation,
    "education": _education,
    "marital": _marital,
    "status": _marital,
    "gender": _gender,
    "pronouns": _nothing,
    "qualities": _qualities,
    "included": _included,
    "skills": _skills,
    "goal": _goal,
    "aim": _aim,
    "belief": _belief,
    "secret": _secret,
    "owned": _owned,
    "relation": relation_way,
    "relations": relations_way,
    "family": family_way,
    "appearance": _appearance,
    "prose": _nothing,
    "year": year_way,
    "at_age": at_age_way,
}
