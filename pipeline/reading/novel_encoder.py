"""A novel to a Reading: the global states over all its sentences, and each character's own states over theirs."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from pipeline.config import ReadingConfig
from pipeline.errors import CacheError
from pipeline.reading.checkpoints import Checkpoints, open_checkpoints
from pipeline.reading.encoder import SEPARATOR, Encoder, plain
from pipeline.reading.stream import Saving, SentenceReading, bits_per_byte, stream_sentences
from pipeline.records import Character, Chunk, Novel, Span
from pipeline.states import CharacterState, ChunkState, Reading, Vector
from pipeline.storage.cache import Arrays, ReadingCache, make_key

OnProgress = Callable[[str, int, int], None]
READING_VERSION = 2
"""Raise it with every change after which some text is read with other numbers, or in other segments."""
_SAMPLED = 64
_ALONE_VECTOR = f"alone_{_SAMPLED}"
"""Name, in a stored reading, of the mean vector of so many sentences of the novel, each read by itself."""
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")


def ignore_progress(name: str, read: int, total: int) -> None:
    """Discard the progress of a reading."""


@dataclass(frozen=True)
class NovelEncoder:
    """Encodes novels with one encoder, through one cache.

    ``on_progress`` receives the name of the novel or the character, the tokens just read, and the tokens in all.
    """

    encoder: Encoder
    cache: ReadingCache
    config: ReadingConfig
    on_progress: OnProgress = ignore_progress

    def read(self, novel: Novel, chunks: Sequence[Chunk], characters: Sequence[Character] = ()) -> Reading:
        """Return the states of the novel and of each character, encoding only what is not in the cache.

        The global stream has every sentence once. A character's own stream has the sentences of the chunks that name
        the character, each once. The streams are cached separately.
        """
        sentences = all_sentences(chunks)
        everything = self._stream(novel, sentences, range(len(sentences)), "")
        alone_vector = everything.pop(_ALONE_VECTOR)
        states = tuple(chunk_states(chunks, SentenceReading.from_arrays(everything)))
        del everything  # half a gigabyte of a long series
        tracked = {}
        for character in characters:
            numbers = sentences_of(chunks, character.chunks)
            own = SentenceReading.from_arrays(self._stream(novel, sentences, numbers, character.name))
            tracked[character.name] = tuple(character_states(chunks, character, numbers, own))
        return Reading(states, tracked, alone_vector)

    def claim_vectors(self, reading: Reading, claims: Sequence[str]) -> Vector:
        """Return the content vector of each claim, moved to where the vectors of the novel's chunks lie: (claims, D).

        A text that is read by itself differs from one read within the book by a large common direction, that between
        ``reading.alone_vector`` and the mean of the chunks; it is subtracted.
        """
        assert reading.alone_vector is not None, "claims are compared with a reading of this encoder"
        centre = np.mean([state.content_vector for state in reading.states], axis=0)
        moved: Vector = self.encoder.content_vectors(claims) - reading.alone_vector + centre
        return moved.astype(np.float32)

    def _alone_vector(self, novel: Novel, sentences: Sequence[Span]) -> Arrays:
        """Return, named, the mean vector of a sample of sentences, each read from the initial state."""
        numbers = np.unique(np.linspace(0, len(sentences) - 1, _SAMPLED).astype(int))
        vectors = self.encoder.content_vectors([novel.repaired(*sentences[number]) for number in numbers])
        return {_ALONE_VECTOR: vectors.mean(axis=0)}

    def _stream(self, novel: Novel, sentences: Sequence[Span], numbers: Sequence[int], character: str) -> Arrays:
        """Return the reading of the numbered sentences from the cache, or read them.

        ``character`` is the name of the one whose sentences they are, empty for the whole novel.
        """
        texts = sentence_texts(novel, [sentences[number] for number in numbers])
        key = self._key(texts, character)
        cached = self.cache.load(key) or self._read_once(novel, sentences, texts, key, character)
        if not character and _ALONE_VECTOR not in cached:  # stored by an earlier version
            cached |= self._alone_vector(novel, sentences)
            with suppress(CacheError):  # a read-only cache stays as it is
                self.cache.store(key, cached, about=_describe(novel, texts, character))
        return cached

    def _read_once(
        self, novel: Novel, sentences: Sequence[Span], texts: Sequence[str], key: str, character: str
    ) -> Arrays:
        """Read and store the texts, unless another process does so first."""
        self.cache.prepare()
        with self.cache.locked(key):
            cached = self.cache.load(key)  # another process may have read it while this one waited
            if cached is not None:
                return cached
            read = self._read(novel, texts, key, character)
            if not character:
                read |= self._alone_vector(novel, sentences)
            self.cache.store(key, read, about=_describe(novel, texts, character))
            return read

    def _read(self, novel: Novel, texts: Sequence[str], key: str, character: str) -> Arrays:
        """Stream the texts from where an interrupted reading stopped, and save it on the way."""
        about = _describe(novel, texts, character)
        saving = Saving(
            lambda unfinished: self.cache.store_unfinished(key, unfinished, about=about),
            self.config.save_every_seconds,
        )
        reading = stream_sentences(
            self.encoder,
            texts,
            segment=self.config.segment,
            started=self.cache.load_unfinished(key),
            saving=saving,
            on_progress=lambda read, total: self.on_progress(character or novel.name, read, total),
            checkpoints=Checkpoints(
                open_checkpoints(self.cache, self._depends_on), self.cache, key, novel.name, character
            ),
        )
        return reading.to_arrays()

    def _key(self, texts: Sequence[str], character: str) -> str:
        content = hashlib.sha256("\0".join(texts).encode("utf-8", errors="surrogatepass")).hexdigest()
        return make_key({"sentences": content, "character": character, **self._depends_on})

    @property
    def _depends_on(self) -> dict[str, object]:
        """What the numbers of a stream depend on besides its text."""
        return {
            "weights": self.encoder.weights_sha256,
            "dtype": self.encoder.dtype,
            "device": self.encoder.model.device.type,
            "segment": self.config.segment,
            "reading": READING_VERSION,
        }


def _describe(novel: Novel, texts: Sequence[str], character: str) -> dict[str, str]:
    return {"novel": novel.name, "character": character, "sentences": str(len(texts))}


def all_sentences(chunks: Sequence[Chunk]) -> list[Span]:
    """Return every sentence of the novel once, in order."""
    sentences: list[Span] = []
    for chunk in chunks:
        sentences.extend(chunk.sentences[len(sentences) - chunk.first_sentence :])
    return sentences


def sentences_of(chunks: Sequence[Chunk], indices: Sequence[int]) -> list[int]:
    """Return the numbers of the sentences of some chunks, each once, in order."""
    numbers: set[int] = set()
    for index in indices:
        first = chunks[index].first_sentence
        numbers.update(range(first, first + len(chunks[index].sentences)))
    return sorted(numbers)


def sentence_texts(novel: Novel, sentences: Sequence[Span]) -> list[str]:
    """Return each sentence as the model reads it: repaired, with single spaces, a blank line before a paragraph."""
    texts: list[str] = []
    previous_end = novel.body.start
    for start, end in sentences:
        gap = novel.text[previous_end:start]
        new_paragraph = not texts or start < previous_end or _PARAGRAPH.search(gap) is not None
        texts.append((SEPARATOR if new_paragraph else " ") + plain(novel.repaired(start, end)))
        previous_end = end
    return texts


def chunk_states(chunks: Sequence[Chunk], reading: SentenceReading) -> list[ChunkState]:
    """Return the global state of each chunk from the measurements of its sentences."""
    states: list[ChunkState] = []
    seen = 0
    for chunk in chunks:
        stop = chunk.numbers.stop
        new = slice(seen, stop) if seen < stop else slice(chunk.first_sentence, stop)
        seen = max(seen, stop)
        vector = _mean_vector(reading, new)
        states.append(
            ChunkState(
                chunk_index=chunk.index,
                global_vector=vector,
                content_vector=_mean_vector(reading, slice(chunk.first_sentence, stop)),
                surprisal=bits_per_byte(float(reading.nats[new].sum()), int(reading.bytes[new].sum())),
                activity=_measured(reading.activity[new].mean()),
                state_norm=_measured(reading.norm[stop - 1]),
                drift=_cosine_distance(states[-1].global_vector, vector) if states else 0.0,
            )
        )
    return states


def character_states(
    chunks: Sequence[Chunk], character: Character, numbers: Sequence[int], reading: SentenceReading
) -> list[CharacterState]:
    """Return the state of a character's own stream after each chunk; zero until the character is first named."""
    row_of = {number: row for row, number in enumerate(numbers)}
    present = set(character.chunks)
    vector = np.zeros(reading.hidden.shape[1], np.float32)
    states = []
    for chunk in chunks:
        if chunk.index in present:
            first = row_of[chunk.first_sentence]
            vector = _mean_vector(reading, slice(first, first + len(chunk.sentences)))
        states.append(CharacterState(chunk.index, vector, chunk.index in present))
    return states


def _measured(value: np.float64) -> float | None:
    """Return a measurement, None where the model does not make it."""
    return None if math.isnan(value) else float(value)


def _mean_vector(reading: SentenceReading, rows: slice) -> Vector:
    """Return the mean hidden vector of some sentences, each token counting once."""
    weights = reading.tokens[rows].astype(np.float64)
    total = max(weights.sum(), 1.0)
    mean: Vector = ((reading.hidden[rows].astype(np.float64) * weights[:, None]).sum(axis=0) / total).astype(np.float32)
    return mean


def _cosine_distance(one: Vector, other: Vector) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1.0 - float(one @ other) / norms if norms else 1.0
