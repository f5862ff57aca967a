"""Tag persons in windows of a novel, each window once: an edited novel is tagged where it changed.

What a tagger finds in a window depends on the window alone, not on those in its batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from spacy.language import Language

from pipeline.records import Span

_PERSON_LABELS = frozenset(["PERSON", "PER"])
RECOGNISERS = frozenset(["ner", "entity_ruler", "span_ruler"])
"""The parts of a spaCy model that find entities."""
_USED_PIPES = RECOGNISERS | {"tok2vec", "transformer"}
_BATCH = 64
Tagged = dict[bytes, tuple[Span, ...]]
"""The persons of each window, counted from its start, by a hash of its text."""


def tag_windows(texts: Sequence[str], tagger: Language, known: Mapping[bytes, tuple[Span, ...]]) -> Tagged:
    """Return the persons in each window; those that are ``known`` are not tagged again."""
    wanted = dict(zip(map(hash_window, texts), texts, strict=True))
    missing = {key: text for key, text in wanted.items() if key not in known}
    found = dict(zip(missing, _persons(missing.values(), tagger), strict=True))
    return {key: found[key] if key in found else known[key] for key in wanted}


def hash_window(text: str) -> bytes:
    """Return the hash of the text of a window."""
    return hashlib.blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=16).digest()


def _persons(texts: Iterable[str], tagger: Language) -> Iterator[tuple[Span, ...]]:
    unwanted = [name for name in tagger.pipe_names if name not in _USED_PIPES]
    with tagger.memory_zone(), tagger.select_pipes(disable=unwanted):
        for document in tagger.pipe(texts, batch_size=_BATCH):
            persons = (entity for entity in document.ents if entity.label_ in _PERSON_LABELS)
            yield tuple(Span(entity.start_char, entity.end_char) for entity in persons)


def to_tables(tagged: Tagged) -> dict[str, Sequence[Sequence[int]]]:
    """Return the windows as tables of integers: the halves of each hash with the number of persons, and the persons."""
    windows = [(_signed(key[:8]), _signed(key[8:]), len(spans)) for key, spans in tagged.items()]
    return {"windows": windows, "persons": [tuple(span) for spans in tagged.values() for span in spans]}


def from_tables(tables: Mapping[str, Sequence[Sequence[int]]]) -> Tagged:
    """Return the windows of which ``to_tables`` returned these tables."""
    persons = iter(tables["persons"])
    return {
        b"".join(half.to_bytes(8, signed=True) for half in (one, other)): tuple(
            Span(*next(persons)) for _ in range(count)
        )
        for one, other, count in tables["windows"]
    }


def _signed(half: bytes) -> int:
    return int.from_bytes(half, signed=True)
