"""The small words of English that the rules for claims go by: closed classes, listed by hand."""

from __future__ import annotations


def listed(words: str) -> frozenset[str]:
    """Return the words of a text that has nothing else in it."""
    return frozenset(words.split())


PREPOSITIONS = listed(
    "in on at by for from with without into to of over through throughout under against about as off out up away back "
    "down across along around between among toward towards upon until till since before after during beside besides "
    "behind beyond aboard near past within despite like amid following via thanks"
)
OBJECTS = listed(
    "a an the his her their its him himself herself themselves them this that these those another several many some "
    "all every each any it one two three four five six seven"
)
"""Words with which the object of a verb may begin."""
SUBORDINATORS = listed(
    "when while after before although though if because since as once until unless whereas whenever where"
)
FREQUENCIES = listed("never always often once seldom rarely")
