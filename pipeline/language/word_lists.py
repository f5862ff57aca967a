"""Closed classes of English words, listed by hand."""

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
CLAUSE_OPENERS = word_set(
    "who whom whose which that what when while where because if though although how why whether lest unless than "
    "wherever whenever whoever having"
)
"""Words that open a clause inside a sentence."""
CLAUSE_PREPOSITIONS = word_set("as before after until till since once so for")
"""Words that open a clause if a verb follows, and a phrase otherwise."""
ANAPHORS = word_set(
    "the it its this that these those such who which whom whose there thus hence both each neither nor or former "
    "latter one others another two"
)
"""Words that refer to something named earlier, where a text begins with them."""
PRONOUNS = {"he": ("he", "his", "him"), "she": ("she", "her"), "they": ("they", "their", "them")}
"""The third-person pronouns by subject: subject, possessive and object; for "she" the last two are one."""
POSSESSIVES = word_set("his her their")
FREQUENCIES = word_set("never always often once seldom rarely")
