"""Find persons with a tagger for sentences, and a vote of the whole book on each name.

A tagger labels every occurrence by itself, with errors: it labels "Dover" as a person once in thirty times, and misses
"Rose" at the start of a line. A name in a book is consistent, so it is a person everywhere or nowhere, by the majority
of its occurrences. Which words are a name, and where it ends, is decided by rules too (``pipeline.text.names``).
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
from pipeline.text.tagging import RECOGNISERS, Tagged, hash_window, tag_windows

RULES = "rules"
"""The setting for names by rules alone, without a tagger."""

LONGEST_WINDOW = 2000
_SAID = "said|says|replied|cried|asked|answered|exclaimed|returned|continued|added"
_ACTION = re.compile(
    rf"['’]s\b|[,”\"’]{{0,2}}\s+(?:{_SAID}|resumed|observed|inquired|murmured|whispered|repeated|had|was|did|would|could"
    r"|looked|turned|smiled|laughed|nodded|shook|rose|took|went|came|thought|felt|knew|seemed)\b"
)
_SPEECH = re.compile(rf"\b(?:{_SAID})\s\Z")
_LIKELY = 0.35
_UNLIKELY = 0.9
"""The votes that a name needs, with and without the contexts of a person."""
_ACTING_WEIGHT = 2.0
_ACTING_MOST = 0.25
_RARE = 0.25


def load_tagger(name: str) -> Language | None:
    """Return the tagger in this folder or package, None for ``rules``; raise SettingError if it finds no names."""
    if name == RULES:
        return None
    nlp = load_model(name)
    if RECOGNISERS.isdisjoint(nlp.pipe_names):
        raise SettingError(
            f"the spaCy model {name!r} has {', '.join(nlp.pipe_names) or 'no parts'} and no entity recogniser; "
            f"choose a model with 'ner', or {RULES!r} for the built-in name rules"
        )
    return nlp


def tagger_sum(name: str) -> str:
    """Return a hash over the files of a tagger's folder; of a package the name, as ``nlp`` has its meta data."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def find_persons(
    novel: Novel, sentences: Sequence[Span], tagger: Language, windows: Tagged | None = None
) -> list[Span]:
    """Return the mentions of persons in order: those of ``tagger``, made consistent over the book.

    ``windows`` are those tagged in an earlier version, which are not tagged again; it becomes those of this one.
    """
    phrases = find_phrases(novel.text, novel.body)
    tagged = _entities(novel, sentences, tagger, {} if windows is None else windows)
    overlapping = list(_overlapping(phrases, tagged))
    persons = _elected(novel.text, phrases, overlapping)
    lower_case = lower_words(novel.text, novel.body)
    spans = []
    for phrase, overlaps in zip(phrases, overlapping, strict=True):
        if phrase.words in persons:
            longer = (tagged[number] for number in overlaps)
            spans += [
                Span(phrase.start, phrase.end),
                *(_extended(novel.text, phrase, span, lower_case) for span in longer),
            ]
    free = set(range(len(tagged))).difference(*overlapping)
    spans += _free_names(novel.text, [tagged[number] for number in sorted(free)], lower_case)
    return list(_merged(spans))


def _overlapping(phrases: Sequence[NamePhrase], tagged: Sequence[Span]) -> Iterator[range]:
    """Yield for each phrase the indices of the tagged spans that overlap it; both are in order."""
    starts = [span.start for span in tagged]
    for phrase in phrases:
        first = bisect_left(starts, phrase.start)
        first -= first > 0 and tagged[first - 1].end > phrase.start
        yield range(first, bisect_left(starts, phrase.end))


def _elected(text: str, phrases: Sequence[NamePhrase], overlapping: Sequence[range]) -> frozenset[tuple[str, ...]]:
    """Return the words of the names that are persons by tags, titles and actions over all their occurrences.

    The vote is the share of occurrences that are tagged, plus the share with a title, plus twice the share with an
    action, up to a quarter. If a full name is elected, so are its first and last name, and the reverse.
    """
    count = Counter(phrase.words for phrase in phrases)
    found = Counter(phrase.words for phrase, overlaps in zip(phrases, overlapping, strict=True) if overlaps)
    titled = Counter(phrase.words for phrase in phrases if phrase.title)
    acting = Counter(phrase.words for phrase in phrases if _acts(text, phrase))
    likely = person_words(text, phrases)

    def is_elected(words: tuple[str, ...]) -> bool:
        acts = _ACTING_WEIGHT * min(acting[words] / count[words], _ACTING_MOST)
        vote = (found[words] + titled[words]) / count[words] + acts
        return vote >= (_LIKELY if words in likely else _UNLIKELY)

    elected = {words for words in count if may_be_name(words) and is_elected(words)}
    lone = {words[0] for words in elected if len(words) == 1}
    parts = {word for words in elected for word in words}
    by_part = {words for words in likely if not lone.isdisjoint(words) or (len(words) == 1 and words[0] in parts)}
    by_surname = {words for words in count if len(words) > 1 and words[-1] in lone and may_be_name(words)}
    return frozenset(elected | by_part | by_surname)


def _acts(text: str, phrase: NamePhrase) -> bool:
    """Return True if the name owns, speaks, feels or moves here, as persons do and places rarely."""
    return bool(_ACTION.match(text, phrase.end) or _SPEECH.search(text, max(0, phrase.start - 12), phrase.start))


def _extended(text: str, phrase: NamePhrase, span: Span, lower_case: Mapping[str, int]) -> Span:
    """Return the phrase, extended by ``span`` on either side if only names are added.

    A word in lower case elsewhere in the book is not a name ("Poor Robert"), nor is one before a mark ("Ah! Robert").
    """

    def is_name(added: str) -> bool:
        words = re.findall(r"[^\W\d_]+", added)
        return not re.search(r"[^\w\s.'’-]|--", added) and all(
            word[0].isupper() and not lower_case[fold_aligned(word)] for word in words
        )

    start = span.start if is_name(text[span.start : phrase.start]) else phrase.start
    end = span.end if is_name(text[phrase.end : span.end]) else phrase.end
    return Span(min(start, phrase.start), max(end, phrase.end))


def _free_names(text: str, spans: Sequence[Span], lower_case: Mapping[str, int]) -> Iterator[Span]:
    """Yield the spans outside any phrase, except titles alone and common words that begin a sentence."""
    names = [parse_name(text[span.start : span.end]).words for span in spans]
    tagged = Counter(word for words in names for word in words)
    for span, words in zip(spans, names, strict=True):
        rare = all(tagged[word] > _RARE * lower_case[word] and word not in STOP_WORDS for word in words)
        if rare and text[span.start : span.end] != text[span.start : span.end].lower() and may_be_name(words):
            yield span


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans in order, with overlapping ones merged."""
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


def _entities(novel: Novel, sentences: Sequence[Span], tagger: Language, known: Tagged) -> list[Span]:
    """Return the person entities, tagged in windows of whole sentences."""
    windows = list(windows_of(sentences))
    texts = [plain_spaces(novel.text[window.start : window.end]) for window in windows]
    tagged = tag_windows(texts, tagger, known)
    known.clear()
    known.update(tagged)
    found = zip(windows, (tagged[hash_window(text)] for text in texts), strict=True)
    return [
        Span(window.start + person.start, window.start + person.end) for window, persons in found for person in persons
    ]


def plain_spaces(text: str) -> str:
    """Return ``text`` with every white space as a plain space: a tagger must not see a line's end as a word."""
    return "".join(" " if character.isspace() else character for character in text)


def windows_of(sentences: Sequence[Span]) -> Iterator[Span]:
    """Yield windows of whole sentences, of at most ``LONGEST_WINDOW`` characters unless one sentence is longer."""
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
