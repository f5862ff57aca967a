"""The small words of English that the rules for claims go by: closed classes, listed by hand."""

from __future__ import annotations


def word_set(words: str) -> frozenset[str]:
    """Return the words of a list that white space separates."""
    return frozenset(words.split())


PREPOSITIONS = word_set(
    "in on at by for from with without into to of over through throughout under against about as off out up away back "
    "down across along around between among toward towards upon until till since before after during beside besides "
    "behind beyond aboard near past within despite like amid following via thanks"
)
OBJECTS = word_set(
    "a an the his her their its him himself herself themselves them this that these those another several many some "
    "all every each any it one two three four five six seven"
)
"""Words with which the object of a verb may begin."""
SUBORDINATORS = word_set(
    "when while after before although though if because since as once until unless whereas whenever where"
)
FREQUENCIES = word_set("never always often once seldom rarely")
