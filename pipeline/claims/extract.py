"""From a backstory to claims: sentences, split into facts, that name their character, with attributes by rules.

A claim is read by itself, so its text names its character. A text that names the character already is not changed; a
leading He, She, They, His, Her or Their becomes the name; any other text is preceded by it, "Edmond Dantès: At twelve
he went to sea." The character's pronouns are decided once for the backstory: those that most of its sentences begin
with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from spacy.language import Language

from pipeline.claims.attributes import claim_type, stability, time_scope
from pipeline.claims.clauses import SHORTEST, split_facts
from pipeline.claims.files import LONGEST
from pipeline.claims.pronouns import insert_name
from pipeline.claims.subject import FUNCTION_WORDS, Protagonist, find_protagonist
from pipeline.errors import BackstoryError
from pipeline.language.long_tokens import break_long_tokens
from pipeline.language.punctuation import is_balanced
from pipeline.language.repairs import repair
from pipeline.language.titles import ABBREVIATIONS
from pipeline.language.verbs import has_verb
from pipeline.language.words import HYPHENATED_WORD, words_of
from pipeline.records import Claim, claim_id

LONGEST_JOINED = 1_000
"""Characters from which on nothing is joined to a sentence: "1. 2. 3. ..." would take minutes."""
WRAPPED = 60
"""Characters of a line from which on its break is typesetting, not the end of a statement."""

_MARKS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`)(?=\S)(.{1,500}?)(?<=\S)\1(?!\w)")
_LABEL = re.compile(r"(\*{2,3}|_{2,3})(?:[^*_]{1,80}:\s*\1|[^*_]{1,80}\1\s*:)\s*")
_HEADING = re.compile(r"\s*#{1,6}\s")
_BULLET = re.compile(r"^\s*(?:[-*+•–]|\d{1,2}[.)])\s+")
_ENDED = re.compile(r"[.!?…][\"”’')\]]*$")
_OPENING = re.compile(r"\s+([“‘«(\[\"'])$")
_STOPPED = re.compile(r",([”\"’])$")
_INITIAL = re.compile(r"^\W*\w")
_TITLE_CUT_SHORT = "|".join(sorted(title.capitalize() for title in ABBREVIATIONS))
# The tokenizer of spaCy knows some of these, and ends a sentence at the full stop of the others.
_ABBREVIATED = re.compile(rf"(?<!\w)(?:{_TITLE_CUT_SHORT}|MM|Mt|Ft|vs|No|Jno|Jas|Jos|Chas|Geo|Thos|Wm)\.$")


def extract_claims(backstory: str, character: str, nlp: Language) -> tuple[Claim, ...]:
    """Return the claims of a backstory, in its order, without duplicates.

    ``nlp`` sets sentence boundaries (a blank pipeline with a sentencizer is enough). Of a name with slashes the first
    side is written and every side recognised; without a character no name is inserted. Markdown, bold labels
    ("**Turning Point**:") and headings are removed.

    Raises BackstoryError when no claim is found.
    """
    sentences, person = split_backstory(backstory, character, nlp)
    parts = [_finish(part) for sentence in sentences for part in split_facts(sentence, person)]
    if not parts:
        raise BackstoryError(
            "the backstory has no claim; expected at least one sentence of words; write a statement about the character"
        )
    texts = {insert_name(part, person): part for part in parts}
    return tuple(_claim(number, text, texts[text], person, character) for number, text in enumerate(texts, start=1))


def split_backstory(backstory: str, character: str, nlp: Language) -> tuple[list[str], Protagonist]:
    """Return the sentences of a backstory without its headings, and whom they are about.

    Raises BackstoryError when the backstory is too long to be one.
    """
    if len(backstory) > LONGEST:
        raise BackstoryError(
            f"the backstory has {len(backstory)} characters; expected at most {LONGEST}; "
            "give the backstory, not the novel"
        )
    sentences = [sentence for block in _blocks(repair(backstory)) for sentence in _sentences(block, nlp)]
    sentences = [sentence for sentence in sentences if not _is_heading(sentence)] or sentences
    return sentences, find_protagonist(character, sentences)


def _blocks(text: str) -> Iterator[str]:
    """Yield paragraphs, list items, and single lines that are too short to be wrapped."""
    block: list[str] = []
    for line in text.splitlines():
        content = "" if _HEADING.match(line) else _BULLET.sub("", line).strip()
        continues = block and content and (len(block[-1]) >= WRAPPED or content[0].islower())
        if block and (_BULLET.match(line) or not continues):
            yield _plain(" ".join(block))
            block = []
        block += [content] if content else []
    if block:
        yield _plain(" ".join(block))


def _plain(block: str) -> str:
    label = _LABEL.match(block)
    if label and len(words_of(block[label.end() :])) >= SHORTEST:
        block = block[label.end() :]
    return _MARKS.sub(r"\2", block)


def _sentences(block: str, nlp: Language) -> list[str]:
    """Return the sentences of a block; a fragment is joined to the sentence before it, or after it."""
    found: list[str] = []
    for text in _raw_sentences(block, nlp):
        if found and len(found[-1]) > LONGEST_JOINED:
            found.append(text)
            continue
        quoted = bool(found) and is_balanced(block) and not is_balanced(found[-1])
        if quoted or (found and (_ABBREVIATED.search(found[-1]) or _is_fragment(found[-1]) or _continues(text))):
            text = f"{found.pop()} {text}"
        found.append(text)
    return found


def _raw_sentences(block: str, nlp: Language) -> Iterator[str]:
    """Yield the sentences of ``nlp``, with an opening mark moved from the end of one to the start of the next."""
    opening = ""
    for sentence in nlp(break_long_tokens(block)).sents:
        text = opening + block[sentence.start_char : sentence.end_char].strip()
        mark = _OPENING.search(text)
        opening = mark[1] if mark else ""
        text = text[: mark.start()] if mark else text
        if HYPHENATED_WORD.search(text):
            yield text


def _continues(text: str) -> bool:
    return text[0].islower() or (_is_fragment(text) and not _ABBREVIATED.search(text))


def _is_fragment(text: str) -> bool:
    first = list(islice(HYPHENATED_WORD.finditer(text), SHORTEST))
    return len(first) < SHORTEST and not has_verb(words_of(text))


def _is_heading(sentence: str) -> bool:
    words = [word for word in HYPHENATED_WORD.findall(sentence) if word.lower() not in FUNCTION_WORDS]
    return not _ENDED.search(sentence) and not has_verb(words_of(sentence)) and all(word[0].isupper() for word in words)


def _finish(part: str) -> str:
    text = _STOPPED.sub(r".\1", part.strip(" \t,;"))
    text = _INITIAL.sub(lambda start: start[0].upper(), text)
    return text if _ENDED.search(text) else f"{text}."


def _claim(number: int, text: str, part: str, person: Protagonist, character: str) -> Claim:
    about = person.is_named_in(part) or not set(words_of(part)).isdisjoint(person.pronouns)
    kind = claim_type(part, about_person=about)
    return Claim(
        id=claim_id(number, text, character=character),
        character=character,
        type=kind,
        time_scope=time_scope(part),
        stability=stability(part, kind),
        text=text,
    )
