"""Find persons with a tagger that sees each sentence, and let the whole book vote on each name.

A tagger decides every place by itself, and errs: it calls "Dover" a person once in thirty times, and misses "Rose" at
the start of a line. A book is consistent about its names, so a name is a person's everywhere or nowhere, as the tagger
says of most of its places. What stands as a name, and how far it reaches, the rules say as well (pipeline.text.names).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from spacy.lang.en.stop_words import STOP_WORDS
from spacy.language import Language

from pipeline.errors import SettingError
from pipeline.language.folding import fold_aligned
from pipeline.records import Novel, Span
from pipeline.text.names import NamePhrase, find_phrases, lower_words, may_be_name, parse_name, person_words
from pipeline.text.sentences import load_model

RULES = "rules"
"""The name of the finder that needs no tagger."""

LONGEST_WINDOW = 2000
_PERSON_LABELS = frozenset(["PERSON", "PER"])
_RECOGNISERS = frozenset(["ner", "entity_ruler", "span_ruler"])
_KEPT_PIPES = _RECOGNISERS | {"tok2vec", "transformer"}
_BATCH = 64
_SAID = "said|says|replied|cried|asked|answered|exclaimed|returned|continued|added"
_DEED = re.compile(
    rf"['’]s\b|[,”\"’]{{0,2}}\s+(?:{_SAID}|resumed|observed|inquired|murmured|whispered|repeated|had|was|did|would|could"
    r"|looked|turned|smiled|laughed|nodded|shook|rose|took|went|came|thought|felt|knew|seemed)\b"
)
_SPEECH = re.compile(rf"\b(?:{_SAID})\s\Z")
_LIKELY = 0.35
_UNLIKELY = 0.9
"""What the vote on a name must reach, with and without contexts that are a person's."""
_ACTING_WEIGHT = 2.0
_ACTING_MOST = 0.25
_RARE = 0.25


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
    touching = list(_touching(phrases, tagged))
    persons = _elected(novel.text, phrases, touching)
    written_small = lower_words(novel.text, novel.body)
    spans = []
    for phrase, touched in zip(phrases, touching, strict=True):
        if phrase.words in persons:
            longer = (tagged[number] for number in touched)
            spans += [
                Span(phrase.start, phrase.end),
                *(_grown(novel.text, phrase, span, written_small) for span in longer),
            ]
    free = set(range(len(tagged))).difference(*touching)
    spans += _free_names(novel.text, [tagged[number] for number in sorted(free)], written_small)
    return list(_joined(spans))


def _touching(phrases: Sequence[NamePhrase], tagged: Sequence[Span]) -> Iterator[range]:
    """Yield for each phrase which of the tagged spans, both in order, overlap it."""
    starts = [span.start for span in tagged]
    for phrase in phrases:
        first = bisect_left(starts, phrase.start)
        first -= first > 0 and tagged[first - 1].end > phrase.start
        yield range(first, bisect_left(starts, phrase.end))


def _elected(text: str, phrases: Sequence[NamePhrase], touching: Sequence[range]) -> frozenset[tuple[str, ...]]:
    """Return the words of the names that are a person's by the tagger, titles and deeds in all their places together.

    The vote is the share of places that are tagged, and of those with a title, and twice that of those where the name
    acts, up to a quarter of them. First and last names and full names lend each other their election.
    """
    count = Counter(phrase.words for phrase in phrases)
    heard = Counter(phrase.words for phrase, touched in zip(phrases, touching, strict=True) if touched)
    titled = Counter(phrase.words for phrase in phrases if phrase.title)
    acting = Counter(phrase.words for phrase in phrases if _acts(text, phrase))
    likely = person_words(text, phrases)

    def is_elected(words: tuple[str, ...]) -> bool:
        acts = _ACTING_WEIGHT * min(acting[words] / count[words], _ACTING_MOST)
        vote = (heard[words] + titled[words]) / count[words] + acts
        return vote >= (_LIKELY if words in likely else _UNLIKELY)

    elected = {words for words in count if may_be_name(words) and is_elected(words)}
    lone = {words[0] for words in elected if len(words) == 1}
    parts = {word for words in elected for word in words}
    by_part = {words for words in likely if not lone.isdisjoint(words) or (len(words) == 1 and words[0] in parts)}
    by_surname = {words for words in count if len(words) > 1 and words[-1] in lone and may_be_name(words)}
    return frozenset(elected | by_part | by_surname)


def _acts(text: str, phrase: NamePhrase) -> bool:
    """Return True if the name owns, speaks, feels or moves here, as persons do and places seldom."""
    return bool(_DEED.match(text, phrase.end) or _SPEECH.search(text, max(0, phrase.start - 12), phrase.start))


def _grown(text: str, phrase: NamePhrase, span: Span, written_small: Mapping[str, int]) -> Span:
    """Return the phrase with what ``span`` adds on either side, where that is names and nothing else.

    A word that the book writes small elsewhere is no name ("Poor Robert"), and no mark parts a name ("Ah! Robert").
    """

    def is_name(added: str) -> bool:
        words = re.findall(r"[^\W\d_]+", added)
        return not re.search(r"[^\w\s.'’-]|--", added) and all(
            word[0].isupper() and not written_small[fold_aligned(word)] for word in words
        )

    start = span.start if is_name(text[span.start : phrase.start]) else phrase.start
    end = span.end if is_name(text[phrase.end : span.end]) else phrase.end
    return Span(min(start, phrase.start), max(end, phrase.end))


def _free_names(text: str, spans: Sequence[Span], written_small: Mapping[str, int]) -> Iterator[Span]:
    """Yield those spans that the rules know nothing of, without titles alone and common words that begin a sentence."""
    names = [parse_name(text[span.start : span.end]).words for span in spans]
    tagged = Counter(word for words in names for word in words)
    for span, words in zip(spans, names, strict=True):
        rare = all(tagged[word] > _RARE * written_small[word] and word not in STOP_WORDS for word in words)
        if rare and text[span.start : span.end] != text[span.start : span.end].lower() and may_be_name(words):
            yield span


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
