"""Find the characters of a novel, and the mentions of the target character."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from spacy.language import Language

from pipeline.errors import CharacterError
from pipeline.language.folding import match_key
from pipeline.records import Character, Chunk, Mention, Novel, Span
from pipeline.text.aliases import Alias, names_of
from pipeline.text.cast import group_persons
from pipeline.text.names import LONGEST_NAME, find_person_phrases, parse_name, trim_name
from pipeline.text.persons import find_persons
from pipeline.text.repaired import RepairedNovel, repair_novel, spans_as_read
from pipeline.text.tagging import Tagged
from pipeline.text.targets import find_target

_NEAREST = 5
_SIMILAR = 0.7


def find_mentions(
    novel: Novel, sentences: Sequence[Span], *, tagger: Language | None = None, windows: Tagged | None = None
) -> tuple[Mention, ...]:
    """Return the mentions of persons by ``tagger`` and a vote over the book, or by rules if it is None.

    ``windows`` are those tagged in an earlier version, which are not tagged again; it becomes those of this one.
    """
    read = repair_novel(novel)
    sentences = spans_as_read(read, sentences)
    if tagger is not None:
        return tuple(_mentions(read, sentences, find_persons(read.novel, sentences, tagger, windows)))
    phrases = find_person_phrases(read.novel.text, read.novel.body)
    return tuple(_mentions(read, sentences, (Span(phrase.start, phrase.end) for phrase in phrases)))


def build_cast(
    mentions: Iterable[Mention], chunks: Sequence[Chunk], *, aliases: Sequence[Alias] = (), min_mentions: int = 2
) -> tuple[Character, ...]:
    """Group mentions into characters, most mentioned first, without those named fewer than ``min_mentions`` times.

    Persons with a common alias are one character.
    """
    holders = _holders(chunks)
    return tuple(
        _character(person.name, person.aliases, person.mentions, holders)
        for person in group_persons(mentions, aliases)
        if len(person.mentions) >= min_mentions
    )


def resolve_character(
    target: str,
    novel: Novel,
    sentences: Sequence[Span],
    chunks: Sequence[Chunk],
    *,
    aliases: Sequence[Alias] = (),
) -> Character:
    """Return the mentions of ``target``: by full name, surname, first name, either side of a slash, or an alias.

    Case, accents, hyphens and possessives make no difference. A surname or first name inside another person's full name
    is not a mention. Raises CharacterError, with the most similar names of the novel, if there is no mention.
    """
    names = names_of(target, aliases)
    if not names:
        raise CharacterError(f"the character's name {target!r} is empty; name a person of the novel")
    read = repair_novel(novel)
    spans = (Span(hit.start, hit.end) for hit in find_target(read.novel, names))
    mentions = tuple(_mentions(read, spans_as_read(read, sentences), spans))
    if not mentions:
        nearest = nearest_names(target, build_cast(find_mentions(novel, sentences), chunks, min_mentions=1))
        raise CharacterError(
            f"{target!r} is named nowhere in {novel.name!r}; the nearest names are {nearest}; "
            "correct the name or give an alias"
        )
    printed = Counter(" ".join(mention.text.split()) for mention in mentions)
    forms = dict.fromkeys([*names, *(form for form, _ in printed.most_common())])
    return _character(target, tuple(form for form in forms if form != target), mentions, _holders(chunks))


def nearest_names(target: str, cast: Sequence[Character]) -> str:
    """Return the names of ``cast`` spelt most like ``target``, or the most frequent if none is similar."""
    by_key: dict[str, str] = {}
    for character in cast:
        for form in (character.name, *character.aliases):
            for key in (match_key(form), *parse_name(form).words):
                by_key.setdefault(key, character.name)
    wanted = [match_key(target), *(word for side in target.split("/") for word in parse_name(side).words)]
    close = [key for word in wanted for key in difflib.get_close_matches(word, by_key, n=_NEAREST, cutoff=_SIMILAR)]
    names = dict.fromkeys(by_key[key] for key in close) or dict.fromkeys(character.name for character in cast)
    return ", ".join(repr(name) for name in list(names)[:_NEAREST]) or "none: it names no person"


def _mentions(read: RepairedNovel, sentences: Sequence[Span], spans: Iterable[Span]) -> Iterator[Mention]:
    """Yield the spans with a name as mentions, in the printed text, in the sentence in which they start."""
    text = read.novel.text
    starts = [sentence.start for sentence in sentences]
    for span in spans:
        start, end = trim_name(text, span)
        number = bisect_right(starts, start) - 1
        if start < end <= start + LONGEST_NAME and number >= 0 and start < sentences[number].end:
            yield Mention(text[start:end], *read.printed(Span(start, end)), number)


def _holders(chunks: Sequence[Chunk]) -> dict[int, list[int]]:
    """Map each sentence to its chunks."""
    holders: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks:
        for sentence in chunk.numbers:
            holders[sentence].append(chunk.index)
    return holders


def _character(
    name: str, aliases: tuple[str, ...], mentions: tuple[Mention, ...], holders: dict[int, list[int]]
) -> Character:
    sentences = sorted({mention.sentence for mention in mentions})
    chunks = sorted({chunk for sentence in sentences for chunk in holders.get(sentence, ())})
    return Character(name, aliases, mentions, tuple(sentences), tuple(chunks))
