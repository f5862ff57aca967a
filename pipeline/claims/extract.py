"""From a backstory to claims: statements that name their character, with their type, times and source, by rules.

A claim is read by itself, so its text names its character. A text that names the character already is not changed. A
leading He, She, They, His, Her or Their becomes the name, and so does the subject after a fronted phrase, "At twelve,
Edmond Dantès went to sea"; any other text is preceded by it, "Edmond Dantès: The sea was calm." The character's
pronouns are decided once for the backstory: those that most of its sentences begin with. A field of a character sheet
becomes a sentence by the rule of its label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from spacy.language import Language

from pipeline.claims.antecedents import resolve
from pipeline.claims.attributes import claim_type, stability, time_scope
from pipeline.claims.clauses import split_facts
from pipeline.claims.fact_types import fact_type
from pipeline.claims.files import LONGEST, sheet_of
from pipeline.claims.first_person import in_third_person, is_told_by_character
from pipeline.claims.people import part_of
from pipeline.claims.pronouns import insert_name
from pipeline.claims.prose import ENDED, Sentence, find_blocks, find_sentences, is_heading, split_lines
from pipeline.claims.sheet import Part, SheetText
from pipeline.claims.statements import FieldFact, Stated, Statements, read_statements
from pipeline.claims.subject import Protagonist, find_protagonist
from pipeline.errors import BackstoryError
from pipeline.language.words import words_of
from pipeline.records import Claim, claim_id

_STOPPED = re.compile(r",([”\"’])$")
_INITIAL = re.compile(r"^\W*\w")


Backstory = str | SheetText | Part
"""A backstory: a text, a file with its layout, or the part of one that is about the character."""


class Extracted(NamedTuple):
    """The claims of a backstory, and notices of the lines that are none."""

    claims: tuple[Claim, ...]
    notices: tuple[str, ...]


def extract_claims(backstory: Backstory, character: str, nlp: Language) -> tuple[Claim, ...]:
    """Return the claims of ``read_claims``, without the notices."""
    return read_claims(backstory, character, nlp).claims


def read_claims(backstory: Backstory, character: str, nlp: Language) -> Extracted:
    """Return the claims of a backstory, in its order, without duplicates, with notices of what is no claim.

    ``nlp`` sets sentence boundaries (a blank pipeline with a sentencizer is enough). Of a name with slashes the first
    side is written and every side recognised; without a character no name is inserted. Markdown, bold labels
    ("**Turning Point**:") and headings are removed. Of a text on several characters only the part on this one is read.

    Raises BackstoryError when no claim is found.
    """
    part = backstory if isinstance(backstory, Part) else checked_part(backstory, character)
    statements = read_statements(part, character, nlp)
    sentences, told_by = _by_name(_without_headings(statements), character)
    person = _person(character, sentences, statements)
    facts = [fact for each in _resolved(sentences, person) for fact in _facts(each, person)]
    if not facts:
        told = f"; {'; '.join(statements.notices)}" if statements.notices else ""
        raise BackstoryError(
            "the backstory has no claim; expected at least one sentence of words; write a statement about the character"
            + told
        )
    texts: dict[str, Stated] = {}
    for fact in facts:
        texts.setdefault(fact.text if isinstance(fact, FieldFact) else insert_name(fact.text, person), fact)
    claims = (_claim(number, text, texts[text], person, character) for number, text in enumerate(texts, start=1))
    return Extracted(tuple(claims), (*part.notices, *told_by, *statements.notices))


def checked_part(backstory: str | SheetText, character: str) -> Part:
    """Return the part of a text on this character; raises BackstoryError when it is too long to be a backstory."""
    return part_of(checked_sheet(backstory), character)


def checked_sheet(backstory: str | SheetText) -> SheetText:
    """Return a text with its layout; raises BackstoryError when it is too long to be a backstory."""
    sheet = sheet_of(backstory) if isinstance(backstory, str) else backstory
    if len(sheet.text) > LONGEST:
        raise BackstoryError(
            f"the backstory has {len(sheet.text)} characters; expected at most {LONGEST}; "
            "give the backstory, not the novel"
        )
    return sheet


def split_backstory(backstory: str, character: str, nlp: Language) -> tuple[list[str], Protagonist]:
    """Return the sentences of a prose backstory without its headings, and whom they are about."""
    found = [each for block in find_blocks(split_lines(backstory)) for each in find_sentences(block, nlp)]
    sentences = [each.text for each in found if not is_heading(each.text)] or [each.text for each in found]
    return sentences, find_protagonist(character, sentences)


def _without_headings(statements: Statements) -> list[Stated]:
    """Return the facts of fields and the sentences of prose, in order; of prose alone that is all headings, those."""
    kept = [each for each in statements.found if isinstance(each, FieldFact) or not is_heading(each.text)]
    return kept or statements.found


def _by_name(found: list[Stated], character: str) -> tuple[list[Stated], tuple[str, ...]]:
    """Return what a character tells of itself as "I" with the name, and a notice; anything else as it is."""
    prose = [each for each in found if isinstance(each, Sentence)]
    person = find_protagonist(character, ())
    texts = [each.text for each in prose]
    named = any(map(person.is_named_in, texts))
    if not person.name or not is_told_by_character(texts, names_character=named):
        return found, ()
    told = [
        each._replace(text=in_third_person(each.text, person.name)) if isinstance(each, Sentence) else each
        for each in found
    ]
    return told, (f"the backstory is in the first person: “I” was read as {person.name}",)


def _person(character: str, sentences: list[Stated], statements: Statements) -> Protagonist:
    person = find_protagonist(character, [each.text for each in sentences if isinstance(each, Sentence)])
    return replace(person, pronouns=statements.pronouns) if statements.pronouns else person


def _resolved(found: list[Stated], person: Protagonist) -> Iterator[Stated]:
    """Yield what is stated, each sentence of prose with what it refers to in the sentences before it."""
    earlier: list[str] = []
    for each in found:
        is_prose = isinstance(each, Sentence)
        yield each._replace(text=resolve(each.text, earlier, person)) if is_prose else each
        earlier = [*earlier, each.text] if is_prose else []


def _facts(found: Stated, person: Protagonist) -> Iterator[Stated]:
    if isinstance(found, FieldFact):
        yield found
    else:
        yield from (found._replace(text=_finish(part)) for part in split_facts(found.text, person))


def _finish(part: str) -> str:
    text = _STOPPED.sub(r".\1", part.strip(" \t,;"))
    text = _INITIAL.sub(lambda start: start[0].upper(), text)
    return text if ENDED.search(text) else f"{text}."


def _claim(number: int, text: str, fact: Stated, person: Protagonist, character: str) -> Claim:
    about = person.is_named_in(fact.text) or not set(words_of(fact.text)).isdisjoint(person.pronouns)
    kind = claim_type(fact.text, about_person=about)
    return Claim(
        id=claim_id(number, text, character=character),
        character=character,
        type=kind,
        time_scope=time_scope(fact.text),
        stability=stability(fact.text, kind),
        text=text,
        fact_type=(isinstance(fact, FieldFact) and fact.fact) or fact_type(text, character),
        line=fact.line,
        source=fact.source,
    )
