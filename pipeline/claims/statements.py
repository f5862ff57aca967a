"""What a part of a sheet states, in its order: the sentences of its prose, and those that its fields make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from spacy.language import Language

from pipeline.claims.fields import clean, field_sentences, is_unfilled
from pipeline.claims.labels import LABELS, NAMES, Rule, is_name_label, normalise, owner_of, rule_of
from pipeline.claims.layout import is_evidence
from pipeline.claims.phrases import Subject, begins_with_verb, is_sentence, look, small
from pipeline.claims.prose import ENDED, WRAPPED, Block, Line, Sentence, find_blocks, find_sentences, is_fragment
from pipeline.claims.relatives import relative_sentences
from pipeline.claims.sheet import Field, Heading, Part, Prose, Reason, Unread, listed
from pipeline.claims.subject import find_protagonist
from pipeline.language.repairs import repair
from pipeline.language.verbs import has_verb
from pipeline.language.word_lists import FREQUENCIES, PRONOUNS
from pipeline.language.words import words_of
from pipeline.records import FactType

_SHORT = 6
"""Words of the longest list item that is a note and no statement, unless it has a verb."""
_TIED = re.compile(r"(?:engaged|married|betrothed|related|devoted|attached|apprenticed) to\b", re.IGNORECASE)
_ADVERBS = FREQUENCIES | {"usually", "sometimes", "occasionally", "still", "generally"}
_NOTE = Rule("prose", "other")
_NO_CLAIM: dict[Reason, str] = {
    "empty": "the value is missing, unknown or undecided",
    "comment": "a comment, a tag, or a note of what is to be done",
}
PRONOUN_WORDS = frozenset(word for family in PRONOUNS.values() for word in family)
_LONGEST_VALUE = 1_000
"""Characters of a value from which on it is prose, whatever its label."""
_MOST_SHOWN = 20
"""Lines without a sentence that have a notice each; of more the numbers are told."""
_GENDER_PRONOUNS = {"a woman": "she", "a man": "he", "a girl": "she", "a boy": "he"}


class FieldFact(NamedTuple):
    """A sentence that a field makes, its line, its source, and the type that its label gives the fact, if any."""

    text: str
    line: int
    source: str
    fact: FactType | None


Stated = Sentence | FieldFact
"""A sentence of prose, or one that a field makes."""


@dataclass
class Statements:
    """Sentences of prose and of fields in their order, the pronouns that a field gives, and lines that are no claim."""

    found: list[Stated] = field(default_factory=list)
    pronouns: tuple[str, ...] = ()
    lines: dict[Reason, dict[int, Line]] = field(default_factory=dict)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of lines that are no claims: those of a kind in one notice."""
        told = (
            f"no claim was made of {listed(list(self.lines[reason]))} of the backstory: {words}"
            for reason, words in _NO_CLAIM.items()
            if reason in self.lines
        )
        unread = list(self.lines.get("unread", {}).values())
        shown = (
            f"line {line.number} of the backstory ({_shown(line.source)}) could not be made into a sentence, and was "
            "not judged; write it as one"
            for line in unread[:_MOST_SHOWN]
        )
        more = [line.number for line in unread[_MOST_SHOWN:]]
        rest = (f"neither could {listed(more)}",) if more else ()
        return (*told, *shown, *rest)

    def add(self, line: Line, reason: Reason) -> None:
        """Note a line that is no claim, once."""
        self.lines.setdefault(reason, {}).setdefault(line.number, line)


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text[:77]}...”" if len(text) > 80 else f"“{text}”"


def read_statements(part: Part, character: str, nlp: Language) -> Statements:
    """Return what a part states about its character."""
    reader = _Reader(part, character, nlp)
    for item in part.items:
        if isinstance(item, Heading):
            reader.enter(item)
        elif isinstance(item, Field):
            reader.read_field(item)
        elif isinstance(item, Unread):
            reader.statements.add(item.line, item.reason)
        else:
            reader.read_prose(item)
    return reader.statements


class _Reader:
    """Goes through the items of a part, and knows the sections that it is in."""

    def __init__(self, part: Part, character: str, nlp: Language) -> None:
        self.statements, self._nlp = Statements(), nlp
        self._is_sheet = any(map(is_evidence, part.items))
        self._name = find_protagonist(character, ()).name or "The character"
        self._sections: list[tuple[int, str]] = []

    def enter(self, heading: Heading) -> None:
        """Enter the section of a heading; leave those of its level and below."""
        self._sections = [(level, title) for level, title in self._sections if level < heading.level]
        if heading.title:
            self._sections.append((heading.level, heading.title))

    @property
    def _section(self) -> Rule | None:
        """The rule of the innermost section whose title is a known label."""
        rules = (LABELS.get(normalise(title)) or rule_of(title) for _, title in reversed(self._sections))
        return next((rule for rule in rules if rule is not None), None)

    @property
    def _subject(self) -> Subject:
        """Whom a field is about: the character, or a relative whose section it is in."""
        titles = [normalise(title) for _, title in self._sections]
        kin = [title for title in titles if title in LABELS and LABELS[title].way == "relation"]
        return Subject("'s ".join([self._name, *kin]), () if kin else self.statements.pronouns)

    def read_field(self, item: Field) -> None:
        """Note the sentences of a field, its prose, or that it has none."""
        value, rule = clean(repair(item.value)), self._rule(item)
        if is_name_label(item.label) and (rule is None or rule.way != "relation"):
            return  # whom the part is about
        if is_unfilled(value) or not words_of(value):
            self.statements.add(item.lines[0], "empty")
        elif rule is None:
            self._read_unknown(item, value)
        elif len(value) > _LONGEST_VALUE:
            self._read_note(item, value)
        elif rule.way == "pronouns":
            self._set_pronouns(words_of(value)[0])
        elif self._is_statement(value):
            self._read_value(item, value, rule)
        else:
            self._read_rule(item, value, rule)

    def _rule(self, item: Field) -> Rule | None:
        """The rule of a field by its label, or by its section and label: "colour" below "hair"."""
        section = self._section
        if is_name_label(item.label):
            return section
        return rule_of(item.label) or (rule_of(f"{section.words} {item.label}") if section is not None else None)

    def _is_statement(self, value: str) -> bool:
        return is_sentence(value, words_of(self._name))

    def _set_pronouns(self, word: str) -> None:
        family = next((family for family in PRONOUNS.values() if word in family), ())
        self.statements.pronouns = family or self.statements.pronouns

    def _read_value(self, item: Field, value: str, rule: Rule) -> None:
        """Note a value that is prose: its sentences, without the label unless that is a year or an age."""
        found = find_sentences(Block(value, item.lines, is_item=True), self._nlp)
        if rule.way in {"year", "at_age"}:
            when = f"In {rule.words.removeprefix('in ')}" if rule.way == "year" else f"At the age of {rule.words}"
            first = found[0].text
            is_pronoun = words_of(first)[0] in PRONOUN_WORDS
            found[0] = found[0]._replace(text=f"{when}, {first[0].lower() if is_pronoun else first[0]}{first[1:]}")
        self.statements.found += found

    def _read_rule(self, item: Field, value: str, rule: Rule) -> None:
        subject = self._subject
        owner, rest = owner_of(item.label)
        if owner and rest not in NAMES:
            subject = Subject(f"{subject.own} {owner}")
        if rule == self._section and is_name_label(item.label):
            subject = Subject(subject.name.removesuffix(f"'s {rule.words}"))
        found = find_sentences(Block(value, item.lines, is_item=True), self._nlp)
        if rule.way == "prose" or not found:
            return self._read_note(item, value)
        sentences = field_sentences(rule, clean(found[0].text), subject)
        if not sentences:
            return self.statements.add(item.lines[0], "unread")
        if rule.way == "gender":
            self._set_pronouns(next((word for key, word in _GENDER_PRONOUNS.items() if key in sentences[0]), ""))
        self._add(sentences, item.lines[0].number, item.source, rule.fact)
        self.statements.found += found[1:]
        return None

    def _read_note(self, item: Field, value: str) -> None:
        """Note what a field such as "Notes" holds: words with a verb as prose, others not."""
        if has_verb(words_of(value)):
            self.statements.found += find_sentences(Block(value, item.lines, is_item=True), self._nlp)
        else:
            self.statements.add(item.lines[0], "unread")

    def _read_unknown(self, item: Field, value: str) -> None:
        """Read a label that is not known: a relative by name, "Tom: her brother", or a sentence; else it is told."""
        if max(len(item.label), len(value)) > _LONGEST_VALUE:
            return self._read_note(item, value)
        bracket = re.fullmatch(r"([A-Z][^()]+?)\s*\((.+)\)", item.label)
        named = relative_sentences(item.label, "", self._subject.name) if bracket else []
        if bracket and named and begins_with_verb(value):
            named = [*named, f"{bracket[1]} {small(value)}"]
            return self._add([f"{text}." for text in named], item.lines[0].number, item.source, "kinship")
        relative = field_sentences(LABELS["family"], f"{item.label} ({value})", self._subject)
        words = words_of(item.label)
        if relative and item.label[:1].isupper() and len(words) < 5:
            self._add(relative, item.lines[0].number, item.source, "kinship")
        elif self._is_statement(value):
            self.statements.found += find_sentences(Block(value, item.lines, is_item=True), self._nlp)
        else:
            self.statements.add(item.lines[0], "unread")
        return None

    def read_prose(self, item: Prose) -> None:
        """Note the sentences of prose; a short note in a list becomes one by the section that it is in."""
        section = self._section
        are_notes = self._is_sheet and section is not None and section.way != "prose"
        blocks = find_blocks(item.lines) if not are_notes else self._notes(item.lines)
        for block in blocks:
            if not self._read_item(block):
                for sentence in find_sentences(block, self._nlp):
                    self._read_sentence(sentence, are_notes=are_notes)

    def _read_sentence(self, sentence: Sentence, *, are_notes: bool) -> None:
        """Note a sentence of prose; one without a verb in a section such as "Appearance" is a note of its own."""
        value, section = clean(sentence.text), self._section
        is_note = are_notes and bool(words_of(value)) and not has_verb(words_of(value)) and not is_unfilled(value)
        made = list(self._note(value, section)) if is_note else []
        for rule, text in made:
            self._add([text], sentence.line, sentence.source, None if rule is _NOTE else rule.fact)
        self.statements.found += [] if made else [sentence]

    def _notes(self, lines: tuple[Line, ...]) -> Iterator[Block]:
        """Yield the blocks of a section such as "Appearance", where a short line is a note of its own."""
        short = [len(line.text) < WRAPPED and not ENDED.search(line.text.strip()) for line in lines]
        yield from (block for line in lines for block in find_blocks([line])) if all(short) else find_blocks(lines)

    def _read_item(self, block: Block) -> bool:
        """Return True if a block was a note in a list or section, and was made into a sentence or noted as unread."""
        value, section = clean(block.text), self._section
        in_list = block.is_item or (self._is_sheet and section is not None)
        if not in_list or self._is_statement(value) or len(words_of(value)) > _SHORT * 3:
            return False
        if is_unfilled(value):
            self.statements.add(block.lines[0], "empty")
            return True
        sentences = list(self._note(value, section))
        if sentences:
            number, source = block.origin(0, len(block.text))
            for rule, text in sentences:
                self._add([text], number, source, None if rule is _NOTE else rule.fact)
            return True
        if has_verb(words_of(value)) or len(words_of(value)) > _SHORT or not (block.is_item or is_fragment(value)):
            return False
        self.statements.add(block.lines[0], "unread")
        return True

    def _note(self, value: str, section: Rule | None) -> Iterator[tuple[Rule, str]]:
        """Yield the sentences that a note makes by its section, else by what it says of looks or relatives."""
        if _TIED.match(value):
            yield LABELS["family"], f"{self._subject.name} was {small(value)}."
            return
        if words_of(value)[0] == "born":
            yield _NOTE, f"{self._name} was {small(value)}."
            return
        if section is not None and section.way != "prose":
            yield from ((section, text) for text in field_sentences(section, value, self._subject))
            return
        if begins_with_verb(value) and (words_of(value)[0] in _ADVERBS or not has_verb(words_of(value))):
            yield _NOTE, f"{self._subject.name} {small(value)}."
            return
        if len(words_of(value)) > _SHORT:
            return
        for rule in (LABELS["appearance"], LABELS["family"]):
            sentences = (
                field_sentences(rule, value, self._subject) if not has_verb(words_of(value)) or look(value) else []
            )
            if sentences:
                yield from ((rule, text) for text in sentences)
                return

    def _add(self, sentences: Iterable[str], line: int, source: str, fact: FactType | None) -> None:
        self.statements.found += (FieldFact(text, line, source, fact) for text in sentences)
