"""A novel to a Reading: the global memory over every sentence, and each character's own over theirs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from pipeline.config import ReadingConfig
from pipeline.errors import CacheError
from pipeline.reading.encoder import SEPARATOR, Encoder, plain
from pipeline.reading.stream import Saving, SentenceReading, bits_per_byte, stream_sentences
from pipeline.records import Character, CharacterState, Chunk, ChunkState, Novel, Reading, Span, Vector
from pipeline.storage.cache import Arrays, ReadingCache, make_key

OnProgress = Callable[[str, int, int], None]
_ALONE = 64
_ALONE_VECTOR = f"alone_{_ALONE}"
"""Under this name the vector of so many sentences read alone is kept with the reading of a novel."""
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")


def ignore_progress(what: str, read: int, total: int) -> None:
    """Do nothing with the progress of a reading."""


@dataclass(frozen=True)
class Reader:
    """Reads novels with one model, through one cache.

    ``on_progress`` hears what is read (the novel's or the character's name), tokens just read, and tokens in all.
    """

    encoder: Encoder
    cache: ReadingCache
    config: ReadingConfig
    on_progress: OnProgress = ignore_progress

    def read(self, novel: Novel, chunks: Sequence[Chunk], characters: Sequence[Character] = ()) -> Reading:
        """Return the states of the novel and of each character, reading only what the cache does not hold.

        Every sentence goes once through the global memory. A character's memory takes the sentences of the chunks
        that hold the character, each once. The two are cached apart.
        """
        sentences = all_sentences(chunks)
        everything = self._sentences(novel, sentences, range(len(sentences)), "")
        alone_vector = everything.pop(_ALONE_VECTOR)
        states = tuple(chunk_states(chunks, SentenceReading.from_arrays(everything)))
        del everything  # half a gigabyte of a long series
        tracked = {}
        for character in characters:
            numbers = sentences_of(chunks, character.chunks)
            own = SentenceReading.from_arrays(self._sentences(novel, sentences, numbers, character.name))
            tracked[character.name] = tuple(character_states(chunks, character, numbers, own))
        return Reading(states, tracked, alone_vector)

    def claim_vectors(self, reading: Reading, claims: Sequence[str]) -> Vector:
        """Return the content vector of each claim, moved to where the vectors of the novel's chunks lie: (claims, D).

        A text read alone differs from one read with the whole book in memory by a large common direction, that between
        ``reading.alone_vector`` and the mean of the chunks; it is taken off.
        """
        assert reading.alone_vector is not None, "claims are compared with a reading of this reader"
        centre = np.mean([state.content_vector for state in reading.states], axis=0)
        moved: Vector = self.encoder.content_vectors(claims) - reading.alone_vector + centre
        return moved.astype(np.float32)

    def _alone_vector(self, novel: Novel, sentences: Sequence[Span]) -> Arrays:
        """Return, named, the mean vector of ``_ALONE`` sentences of the novel, each read from an empty memory."""
        numbers = np.unique(np.linspace(0, len(sentences) - 1, _ALONE).astype(int))
        vectors = self.encoder.content_vectors([novel.text[slice(*sentences[number])] for number in numbers])
        return {_ALONE_VECTOR: vectors.mean(axis=0)}

    def _sentences(self, novel: Novel, sentences: Sequence[Span], numbers: Sequence[int], who: str) -> Arrays:
        """Return the reading of the numbered sentences: kept, gone on with, or begun."""
        pieces = make_pieces(novel, [sentences[number] for number in numbers])
        key = self._key(novel, pieces, who)
        kept = self.cache.load(key) or self._read_once(novel, sentences, pieces, key, who)
        if not who and _ALONE_VECTOR not in kept:  # kept by an earlier version
            kept |= self._alone_vector(novel, sentences)
            with suppress(CacheError):  # a cache that is for reading only stays as it is
                self.cache.store(key, kept, about=_about(novel, pieces, who))
        return kept

    def _read_once(self, novel: Novel, sentences: Sequence[Span], pieces: Sequence[str], key: str, who: str) -> Arrays:
        """Read and keep the pieces, unless another process does so first."""
        self.cache.prepare()
        with self.cache.locked(key):
            kept = self.cache.load(key)  # another process may have read it while this one waited
            if kept is not None:
                return kept
            read = self._read(novel, pieces, key, who)
            if not who:
                read |= self._alone_vector(novel, sentences)
            self.cache.store(key, read, about=_about(novel, pieces, who))
            return read

    def _read(self, novel: Novel, pieces: Sequence[str], key: str, who: str) -> Arrays:
        """Stream the pieces from where an interrupted reading stopped, keeping the place on the way."""
        about = _about(novel, pieces, who)
        saving = Saving(
            lambda place: self.cache.store_unfinished(key, place, about=about), self.config.save_every_seconds
        )
        reading = stream_sentences(
            self.encoder,
            pieces,
            segment=self.config.segment,
            started=self.cache.load_unfinished(key),
            saving=saving,
            on_progress=lambda read, total: self.on_progress(who or novel.name, read, total),
        )
        return reading.to_arrays()

    def _key(self, novel: Novel, pieces: Sequence[str], who: str) -> str:
        content = hashlib.sha256("\0".join(pieces).encode("utf-8", errors="surrogatepass")).hexdigest()
        return make_key(
            {
                "novel": novel.sha256,
                "sentences": content,
                "character": who,
                "weights": self.encoder.weights_sha256,
                "dtype": self.encoder.dtype,
                "device": self.encoder.model.device.type,
                "segment": self.config.segment,
            }
        )


def _about(novel: Novel, pieces: Sequence[str], who: str) -> dict[str, str]:
    return {"novel": novel.name, "character": who, "sentences": str(len(pieces))}


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


def make_pieces(novel: Novel, sentences: Sequence[Span]) -> list[str]:
    """Return what the reader sees of each sentence: white space as single spaces, paragraphs parted by a blank line."""
    pieces: list[str] = []
    before = novel.body.start
    for start, end in sentences:
        gap = novel.text[before:start]
        parted = not pieces or start < before or _PARAGRAPH.search(gap) is not None
        pieces.append((SEPARATOR if parted else " ") + plain(novel.text[start:end]))
        before = end
    return pieces


def chunk_states(chunks: Sequence[Chunk], reading: SentenceReading) -> list[ChunkState]:
    """Return the global state of each chunk from the measurements of its sentences."""
    states: list[ChunkState] = []
    seen = 0
    for chunk in chunks:
        stop = chunk.first_sentence + len(chunk.sentences)
        new = slice(seen, stop) if seen < stop else slice(chunk.first_sentence, stop)
        seen = max(seen, stop)
        vector = _mean_vector(reading, new)
        states.append(
            ChunkState(
                chunk_index=chunk.index,
                global_vector=vector,
                content_vector=_mean_vector(reading, slice(chunk.first_sentence, stop)),
                surprisal=bits_per_byte(float(reading.nats[new].sum()), int(reading.bytes[new].sum())),
                activity=float(reading.activity[new].mean()),
                state_norm=float(reading.norm[stop - 1]),
                drift=_cosine_distance(states[-1].global_vector, vector) if states else 0.0,
            )
        )
    return states


def character_states(
    chunks: Sequence[Chunk], character: Character, numbers: Sequence[int], reading: SentenceReading
) -> list[CharacterState]:
    """Return the state of a character's own memory after each chunk; zero until the character comes."""
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


def _mean_vector(reading: SentenceReading, rows: slice) -> Vector:
    """Return the mean hidden vector of some sentences, each token counting once."""
    weights = reading.tokens[rows].astype(np.float64)
    total = max(weights.sum(), 1.0)
    mean: Vector = ((reading.hidden[rows].astype(np.float64) * weights[:, None]).sum(axis=0) / total).astype(np.float32)
    return mean


def _cosine_distance(one: Vector, other: Vector) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1.0 - float(one @ other) / norms if norms else 1.0
