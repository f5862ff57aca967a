"""Find persons with a tagger that sees each sentence, and let the whole book vote on each name.

A tagger decides every place by itself, and errs: it calls "Dover" a person once in thirty times, and misses "Rose" at
the start of a line. A book is consistent about its names, so a name is a person's everywhere or nowhere, as the tagger
says of most of its places. What stands as a name, and how far it reaches, the rules say as well (pipeline.text.names).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from spacy.language import Language

from pipeline.errors import SettingError
from pipeline.records import Novel, Span
from pipeline.text.names import find_phrases, parse_name, person_words
from pipeline.text.sentences import load_model
from pipeline.text.titles import TITLES

RULES = "rules"
"""The name of the finder that needs no tagger."""

LONGEST_WINDOW = 2000
_PERSON_LABELS = frozenset(["PERSON", "PER"])
_RECOGNISERS = frozenset(["ner", "entity_ruler", "span_ruler"])
_KEPT_PIPES = _RECOGNISERS | {"tok2vec", "transformer"}
_BATCH = 64
_ENOUGH = 0.2
_MAJORITY = 0.6
"""Shares of a name's places: so many make a person of it, with and without contexts that are a person's."""


def load_tagger(name: str) -> Language | None:
    """Return the tagger in this folder or package, None for ``rules``; raise SettingError where it finds no names."""
    if name == RULES:
        return None
    nlp = load_model(name)
    if _RECOGNISERS.isdisjoint(nlp.pipe_names):
        raise SettingError(
            f"the spaCy model {name!r} has {', '.join(nlp.pipe_names) or 'no parts'} and no entity recogniser; "
            f"choose a model with 'ner', or {RULES!r} for the built-in name rules"
        )
    return nlp


def tagger_sum(name: str) -> str:
    """Return a hash over the files of a tagger's folder, or the name of what is no folder (its meta is in ``nlp``)."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def find_persons(novel: Novel, sentences: Sequence[Span], tagger: Language) -> list[Span]:
    """Return where persons are named, in order: what ``tagger`` finds, made consistent over the book."""
    phrases = find_phrases(novel.text, novel.body)
    tagged = list(_entities(novel, sentences, tagger))
    starts = [span.start for span in tagged]
    heard: Counter[tuple[str, ...]] = Counter()
    count: Counter[tuple[str, ...]] = Counter()
    touching = []
    for phrase in phrases:
        first = bisect_left(starts, phrase.start)
        first -= first > 0 and tagged[first - 1].end > phrase.start
        last = bisect_left(starts, phrase.end)
        touching.append(range(first, last))
        count[phrase.words] += 1
        heard[phrase.words] += last > first
    likely = person_words(novel.text, phrases)
    spans = []
    free = set(range(len(tagged)))
    for phrase, touched in zip(phrases, touching, strict=True):
        free.difference_update(touched)
        if heard[phrase.words] >= (_ENOUGH if phrase.words in likely else _MAJORITY) * count[phrase.words]:
            spans += [Span(phrase.start, phrase.end), *(tagged[number] for number in touched)]
    spans += [tagged[number] for number in free if _is_name(novel.text[tagged[number].start : tagged[number].end])]
    return list(_joined(spans))


def _is_name(printed: str) -> bool:
    words = parse_name(printed).words
    return any(character.isupper() for character in printed) and not TITLES.issuperset(words)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans in order, those that overlap as one."""
    current: Span | None = None
    for span in sorted(spans):
        if current is not None and span.start < current.end:
            current = Span(current.start, max(current.end, span.end))
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def _entities(novel: Novel, sentences: Sequence[Span], tagger: Language) -> Iterator[Span]:
    """Yield the person entities, read in windows of whole sentences, without white space at their ends."""
    windows = list(windows_of(sentences))
    unwanted = [name for name in tagger.pipe_names if name not in _KEPT_PIPES]
    with tagger.memory_zone(), tagger.select_pipes(disable=unwanted):
        texts = (plain_spaces(novel.text[window.start : window.end]) for window in windows)
        for window, document in zip(windows, tagger.pipe(texts, batch_size=_BATCH), strict=True):
            for entity in document.ents:
                if entity.label_ in _PERSON_LABELS:
                    yield Span(window.start + entity.start_char, window.start + entity.end_char)


def plain_spaces(text: str) -> str:
    """Return ``text`` with a plain space for every other white space: a line's end is no word to a tagger."""
    return "".join(" " if character.isspace() else character for character in text)


def windows_of(sentences: Sequence[Span]) -> Iterator[Span]:
    """Yield windows of whole sentences, of at most ``LONGEST_WINDOW`` characters where no sentence is longer."""
    window: Span | None = None
    for sentence in sentences:
        if window is not None and sentence.end - window.start <= LONGEST_WINDOW:
            window = Span(window.start, sentence.end)
            continue
        if window is not None:
            yield window
        window = sentence
    if window is not None:
        yield window
