"""The labels of character sheets, and how a sentence is made of each, as ``labels.toml`` lists them."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import NamedTuple

from pipeline.language.folding import fold
from pipeline.language.numbers import find_quantities
from pipeline.language.word_lists import word_set
from pipeline.records import FactType


class Rule(NamedTuple):
    """How a field becomes a sentence: the way, the type of its fact, and a word or template that the way uses."""

    way: str
    fact: FactType
    words: str = ""


LONGEST_LABEL = 80
"""Characters of a label that are looked at; a longer one is none."""


def normalise(label: str) -> str:
    """Return a label as the table has it: lower case, British spelling, without marks, brackets or accents.

    >>> normalise("**Eye Color(s)**"), normalise("Her D.O.B.")
    ('eye colour', 'd o b')
    """
    folded = re.sub(r"\([^()]{0,40}\)", " ", fold(label[:LONGEST_LABEL]))
    words = re.sub(r"[^a-z0-9']+", " ", folded.replace("&", " and "))
    words = words.replace("color", "colour").replace("favorite", "favourite").strip()
    return re.sub(r"^(?:(?:his|her|their|the) )+(?=\w)", "", words)


def _read_table() -> dict[str, Rule]:
    table = tomllib.loads(resources.files("pipeline.claims").joinpath("labels.toml").read_text(encoding="utf-8"))
    return {
        label: Rule(entry["way"], entry["fact"], entry.get("words", label))
        for entry in table["rule"]
        for label in (each.strip() for each in entry["labels"].replace("\n", " ").split(","))
    }


LABELS: dict[str, Rule] = _read_table()
"""Every label that is read, by its normal form."""

NAMES = frozenset({"name", "character", "character name", "person", "who"})
"""Labels whose value is the name of the character."""
RELATION_COLUMNS = frozenset({"relation", "relationship", "role", "connection", "relation to character"})
GENERAL = word_set(
    "notes note world setting plot themes timeline summary other misc miscellaneous characters cast people dramatis "
    "personae outline chapters locations places story overview contents acknowledgements sources credits"
)
"""Headings that belong to no character where they stand beside the names of characters."""
UNFILLED = frozenset({"", "n a"}) | word_set(
    "? ?? ??? na unknown tbd tba tbc todo null xxx undecided unspecified blank empty idk unsure unclear pending later"
)
UNFILLED |= frozenset(
    {
        "to do",
        "not known",
        "not yet known",
        "not yet decided",
        "to be decided",
        "to be determined",
        "to be confirmed",
        "not specified",
        "not applicable",
        "not stated",
        "not sure",
        "not given",
        "no idea",
        "fill in",
    }
)
"""Values that state nothing, without their marks."""
NOTHING = frozenset({"none", "no", "nobody", "nothing", "nil", "zero", "0", "no one", "none known", "none living"})

_OWNED = re.compile(r"((?:\w+ )?\w+)'s (.+)")
_AT_AGE = re.compile(r"(?:at |age |aged |at age |at the age of )(\d{1,2}|[a-z]+(?: [a-z]+)?)$")
_YEAR = re.compile(r"(?:in |c |ca |around )?1\d{3}$|(?:in )?20\d\d$")


def owner_of(label: str) -> tuple[str, str]:
    """Return the relative whose field this is and the rest of the label; no relative for one of the character's own.

    >>> owner_of("Father's name"), owner_of("Ada's eyes")
    (('father', 'name'), ('', 'eyes'))
    """
    owned = _OWNED.match(normalise(label))
    if owned is None:
        return "", normalise(label)
    rule = LABELS.get(owned[1])
    return (owned[1] if rule is not None and rule.way == "relation" else ""), owned[2]


def rule_of(label: str) -> Rule | None:
    """Return how a field with this label becomes a sentence; None for a label that is not known."""
    owner, plain = owner_of(label)
    if owner and plain in NAMES:
        return LABELS[owner]
    if plain.startswith("favourite ") and len(plain.split()) <= 4:
        return Rule("attribute", "belief_or_trait", plain)
    if _YEAR.match(plain):
        return Rule("year", "event", plain)
    age = _AT_AGE.match(plain)
    if age and any(letter.isalnum() for letter in age[1]) and _is_age(age[1]):
        return Rule("at_age", "event", age[1])
    return LABELS.get(plain) or LABELS.get(plain.split(" and ")[0])


def _is_age(words: str) -> bool:
    return words.isdigit() or bool(find_quantities(words))


def is_name_label(label: str) -> bool:
    """Return True for the label of the character's own name."""
    owner, plain = owner_of(label)
    return not owner and plain in NAMES
