"""Choose the windows of retrieved chunks for a claim, by the coverage of its words and by a bi-encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.book import Book
from pipeline.judging.sentence_encoder import SentenceEncoder
from pipeline.judging.windows import Window, sentences_of, standardised, window_of, word_coverage
from pipeline.records import Claim, Evidence
from pipeline.states import Vector
from pipeline.storage.cache import ReadingCache, make_key

WINDOWS = 40
"""Windows of a claim that are chosen."""
_MEANING = 2.0
"""The weight of the bi-encoder's cosine against the coverage of words, both standardised over the sentences."""


@dataclass
class WindowFinder:
    """Chooses the windows of claims; without an encoder by words alone."""

    encoder: SentenceEncoder | None
    _vectors: dict[str, dict[int, Vector]] = field(default_factory=dict)

    def choose(
        self, book: Book, claims: Sequence[Claim], found: Mapping[str, tuple[Evidence, ...]]
    ) -> list[list[Window]]:
        """Return the ``WINDOWS`` best windows in the retrieved chunks of each claim, best first."""
        vectors = [None] * len(claims) if self.encoder is None else self.encoder.encode([one.text for one in claims])
        return [
            self._choose(book, claim, vector, found[claim.id]) for claim, vector in zip(claims, vectors, strict=True)
        ]

    def encode_whole(self, book: Book, cache: ReadingCache) -> None:
        """Encode all sentences of a book in batches of similar length, or load their vectors from ``cache``.

        They are stored with half precision, and used so.
        """
        if self.encoder is None:
            return
        parts = {"novel": book.novel.sha256, "sentences": book.sentences_sha256, "finder": self.encoder.identity}
        key = make_key({"vectors of sentences": parts})
        stored = cache.load_arrays(key)
        if stored is None:
            vectors = self.encoder.encode([_text(book, number) for number in range(len(book.sentences))])
            stored = {"vectors": vectors.astype(np.float16)}
            cache.store_arrays(key, stored, about={"novel": book.novel.name})
        self._vectors_of(book).update(enumerate(stored["vectors"].astype(np.float32)))

    def _choose(self, book: Book, claim: Claim, vector: Vector | None, evidence: Sequence[Evidence]) -> list[Window]:
        sentences = sentences_of(book, evidence)
        if not sentences:
            return []
        scores = standardised(word_coverage(book, claim.text, sentences))
        if self.encoder is not None and vector is not None:
            cosines = self._sentence_vectors(self.encoder, book, sentences) @ vector
            scores = scores + _MEANING * standardised(cosines.astype(np.float64))
        best = np.argsort(-scores, kind="stable")[:WINDOWS]
        return [window_of(book, sentences[place]) for place in best]

    def _sentence_vectors(self, encoder: SentenceEncoder, book: Book, sentences: Sequence[int]) -> Vector:
        """Return the vectors of sentences with those before them mixed in; each is computed once for a book."""
        stored = self._vectors_of(book)
        wanted = {number for sentence in sentences for number in (sentence, max(sentence - 1, 0))}
        missing = sorted(wanted - stored.keys())
        stored.update(zip(missing, encoder.encode([_text(book, number) for number in missing]), strict=True))
        own = np.stack([stored[number] for number in sentences])
        before = np.stack([stored[number - 1] if number else np.zeros_like(own[0]) for number in sentences])
        return encoder.mix(before, own)

    def _vectors_of(self, book: Book) -> dict[int, Vector]:
        stored = self._vectors.get(book.novel.sha256)
        if stored is None:
            stored = {}
            self._vectors.clear()
            self._vectors[book.novel.sha256] = stored
        return stored


def _text(book: Book, number: int) -> str:
    return " ".join(book.novel.text[slice(*book.sentences[number])].split())
