"""What a note on a relative or friend says: "Tom (older brother)", "her mother Ellen", "two brothers"."""

from __future__ import annotations

import re

from pipeline.claims.labels import LABELS, NOTHING, Rule, normalise
from pipeline.claims.phrases import (
    Sentences,
    Subject,
    begins_with_verb,
    is_number,
    lowered,
    relation_word,
    small,
    split_list,
    with_article,
)

_NAMED = re.compile(r"(?P<name>[A-Z][\w’'-]*(?:\s+(?:[A-Z][\w’'.-]*|de|du|of|von|van|la|le))*)")
_COUNTED = re.compile(
    r"(?P<number>\d{1,2}|no|one|two|three|four|five|six|seven|eight|nine|ten|an?|several|many)\s+(?P<who>.+)"
)


def relative_sentences(item: str, relation: str, name: str) -> list[str]:
    """Return what one note on a relative says: "Tom", "Tom (older brother)", "her mother Ellen", "two brothers"."""
    item = re.sub(r"^(?:his|her|their)\s+", "", item, flags=re.I)
    counted = _COUNTED.fullmatch(item)
    if counted and (normalise(counted["who"]) in LABELS or relation_word(normalise(counted["who"]).removesuffix("s"))):
        return [f"{name} had {item}"]
    named = _NAMED.match(item)
    if named is None or relation_word(named[0]):
        return _led_by_relation(item, name)
    rest = item[named.end() :].strip(" ,(–—-:)")
    if not rest:
        return [f"{named[0]} was {name}'s {relation}"] if relation else []
    first, comma, detail = re.sub(r"^(?:his|her|their|an?|the)\s+", "", rest, flags=re.I).partition(",")
    own = relation_word(first.strip(" )"))
    if own:
        return [f"{named[0]} was {name}'s {own}{comma}{detail}"]
    if not relation:
        return []
    detail = f" ({rest})" if "(" in item else f", {rest}"
    return [f"{named[0]}{detail if detail.startswith(' (') else detail + ','} was {name}'s {relation}"]


def _led_by_relation(item: str, name: str) -> list[str]:
    words = item.split()
    for length in (3, 2, 1):
        relation = relation_word(" ".join(words[:length])) if len(words) > length else ""
        relative = " ".join(words[length:]).strip(" ,(–—-:)")
        if relation and _NAMED.fullmatch(relative):
            return [f"{name}'s {relation} was {relative}"]
    return []


def relation_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return what the field of one relative says: the name, whether dead, or what the relative did."""
    if value.lower() in NOTHING:
        return [f"{subject.name} had no {rule.words}"]
    if value.lower() in {"dead", "deceased", "alive", "living", "missing", "died"}:
        return [f"{subject.own} {rule.words} {_fate(value.lower())}"]
    if begins_with_verb(value) and not value[0].isupper():
        return [f"{subject.own} {rule.words} {value}"]
    fate = re.search(r"\s*[,(]\s*((?:deceased|dead|alive|living|missing|died)\b[^)]*)\)?$", value, re.I)
    name = lowered((value[: fate.start()] if fate else value).replace("†", "").strip())
    found = [f"{subject.own} {rule.words} was {name if name[:1].isupper() else with_article(name)}"]
    ends = [_fate(small(fate[1]))] if fate else ["was dead"] if "†" in value else []
    return found + [f"{subject.own} {rule.words} {end}" for end in ends]


def _fate(words: str) -> str:
    if words.startswith("died"):
        return re.sub(r"^died (?=\d{3,4}\b)", "died in ", words)
    return f"was {words.replace('deceased', 'dead')}"


def relations_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return what the field of several relatives says: how many, or who they were."""
    plural = next(label for label, other in LABELS.items() if other == rule and label != rule.words)
    if value.lower() in NOTHING:
        return [f"{subject.name} had no {plural}"]
    if value.lower() == "only child":
        return [f"{subject.name} was an only child"]
    if is_number(value):
        return [f"{subject.name} had {value.lower()} {rule.words if value.lower() in {'1', 'one'} else plural}"]
    items = [relative_sentences(item, rule.words, subject.name) for item in split_list(value)]
    return [text for found in items for text in found] if all(items) else []


def family_way(rule: Rule, value: str, subject: Subject) -> Sentences:
    """Return what a field of relatives in general says: each with the relation that the value names."""
    if value.lower() in {"orphan", "an orphan", "only child", "an only child"}:
        return [f"{subject.name} was an {value.lower().removeprefix('an ')}"]
    whole = relative_sentences(value, "", subject.name)
    found = [whole] if whole else [relative_sentences(item, "", subject.name) for item in split_list(value)]
    return [text for each in found for text in each] if all(found) else []
