"""Whom a backstory is about, and how a sentence may name the person.

A namesake is another person: "Louis Dantès" and "Edmond Smith" are not Edmond Dantès, "Captain Dantès" is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, takewhile

from pipeline.language.folding import fold
from pipeline.language.titles import BEFORE_NAMES
from pipeline.language.word_lists import ANAPHORS, PREPOSITIONS, PRONOUNS, SUBORDINATORS, word_set
from pipeline.language.words import HYPHENATED_WORD, words_of

FUNCTION_WORDS = SUBORDINATORS | word_set("the a of de du des la le di von van and at in on but then so by to for from")
_AFTER_NAMES = PREPOSITIONS | ANAPHORS | SUBORDINATORS | word_set("and or but was is had has did")
_ATTRIBUTE = re.compile(
    rf"\b(?:the|an?|this|that|old|whole) [A-Z][\w’'-]* (?=[a-z]\w)(?!(?:{'|'.join(sorted(_AFTER_NAMES))})\b)"
)


@dataclass(frozen=True)
class Protagonist:
    """The person of a backstory: the name to write, the names and their words to recognise, and the pronouns.

    ``pronouns`` are subject, possessive and object, or empty where they are unknown.
    """

    name: str
    names: tuple[str, ...]
    words: frozenset[str]
    pronouns: tuple[str, ...]

    def is_named_in(self, text: str) -> bool:
        """Return True if the text names the person; a namesake does not count."""
        folded = fold(text)
        if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded) for name in self.names):
            return True
        return any(self._is_name(run) for run in _capitalised_runs(text))

    def has_only_attributes_in(self, text: str) -> bool:
        """Return True if the text names the person in "the Gordon farm" and the like alone."""
        return not self.is_named_in(_ATTRIBUTE.sub(" ", text))

    def begins(self, clause: str) -> bool:
        """Return True if the subject of the clause is the person alone: the pronoun, or the name and then a verb."""
        words = clause.split()
        if words[0] in self.pronouns[:1]:
            return not self.is_named_in(clause)
        subject = list(takewhile(lambda word: word[0].isupper(), words))
        verb = words[len(subject) :][:1]
        return self._is_name([fold(word) for word in subject]) and (ANAPHORS | FUNCTION_WORDS).isdisjoint(verb)

    def _is_name(self, run: Sequence[str]) -> bool:
        rest = [word for word in run if word in self.words or word not in BEFORE_NAMES]
        return bool(rest) and all(word in self.words for word in rest)


def find_protagonist(character: str, sentences: Sequence[str]) -> Protagonist:
    """Return the person with the names between the slashes of ``character`` and the pronouns of ``sentences``."""
    sides = [" ".join(side.split()) for side in character.split("/") if side.strip()]
    names = [fold(side) for side in sides]
    words = {word for name in names for word in words_of(name) if len(word) > 1 and word not in FUNCTION_WORDS}
    return Protagonist(
        name=sides[0] if sides else "",
        names=tuple(names),
        words=frozenset(words - BEFORE_NAMES or words),
        pronouns=_find_pronouns(sentences),
    )


def _find_pronouns(sentences: Sequence[str]) -> tuple[str, ...]:
    """Return the pronouns that most sentences begin with; of a tie, those that come first.

    "They" is often several people, and counts only where no sentence begins with "he" or "she". Where no sentence
    begins with a pronoun, the more frequent of "he" and "she" is taken, and none of a tie.
    """
    words = [words_of(sentence) for sentence in sentences]
    leading = Counter(_family(found[0]) for found in words if found)
    singular = Counter({name: leading[name] for name in leading if name in {"he", "she"}})
    if singular or "they" in leading:
        return PRONOUNS[singular.most_common(1)[0][0] if singular else "they"]
    anywhere = Counter(_family(word) for found in words for word in found)
    if anywhere["he"] == anywhere["she"]:
        return ()
    return PRONOUNS["he" if anywhere["he"] > anywhere["she"] else "she"]


def _family(word: str) -> str:
    return next((name for name, family in PRONOUNS.items() if word in family), "")


def _capitalised_runs(text: str) -> Iterator[list[str]]:
    """Yield the runs of capitalised words one space apart, folded, without function words at their start."""
    runs: list[list[str]] = []
    end = -1
    for word in HYPHENATED_WORD.finditer(text):
        if word[0][0].isupper():
            if text[end : word.start()] != " ":
                runs.append([])
            runs[-1] += words_of(word[0])
            end = word.end()
        else:
            end = -1
    for run in runs:
        yield list(dropwhile(FUNCTION_WORDS.__contains__, run))
