"""Claims times chunks to ranked evidence: words first, the reader's memory second, then person and time of life.

Three orders of the chunks are fused for every claim. BM25 ranks by shared word stems, state distance by how near the
chunk's content vector lies to the claim's, and chunks that name the character, or tell of the time of life that the
claim speaks of, are preferred by small factors:

    score = (1 + PRESENCE_BONUS * present + t * same time) * ((1 - w) / (k + lexical rank) + w / (k + state rank))

with ``w``, ``k`` and ``t`` (``time_bonus``) from ``RetrievalConfig`` (Cormack, Clarke and Buettcher 2009,
reciprocal-rank fusion). Where in the book a chunk stands makes no difference.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import Stemmer

from pipeline.bm25 import BM25, STOPWORDS_EN_PLUS
from pipeline.config import RetrievalConfig
from pipeline.errors import NovelError
from pipeline.records import Claim, Evidence, TimeScope, Vector

Ranks = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PRESENCE_BONUS = 0.02
"""The share by which a chunk that names the character gains; near the top it is worth about one rank."""
NO_DISTANCE = 1.0
"""The distance of chunks when there are no vectors: that of unrelated directions, which prefers none of them."""

_AT_ONCE = 4096
"""Chunks that are compared at one time in double precision; the whole of a long series would take a gigabyte."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_CONTRACTION = re.compile(r"'(?:s|d|m|t|ll|re|ve)$")
# The list holds the halves of "won't" and "don't", which are words of their own.
_STOP_WORDS = frozenset(STOPWORDS_EN_PLUS) - {"won", "don", "ma"}
_STEMMER = Stemmer.Stemmer("english")

# It tells of every index it builds, at a level of its own that the user's settings do not reach.
logging.getLogger("bm25s").setLevel(logging.WARNING)


@lru_cache(maxsize=1 << 14)
def stems(text: str) -> tuple[str, ...]:
    """Return the word stems of a text, in its order and with repetitions, as the index analyses its chunks.

    Lower case, without accents, possessive endings and stop words; numbers stay. Hyphens part words. Answers are kept:
    the claims of a table meet the same sentences of their novel again and again.
    """
    return _analyse(text)


def _analyse(text: str) -> tuple[str, ...]:
    whole = (word for word in _WORD.findall(_fold(text)) if word not in _STOP_WORDS)
    bare = (_CONTRACTION.sub("", word) for word in whole)
    return tuple(_STEMMER.stemWords([word for word in bare if word not in _STOP_WORDS]))


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    return text.replace("’", "'").translate(_WITHOUT_MARKS).casefold()


class _WithoutMarks(dict[int, str]):
    """Each character without its accents, found when it is first met."""

    def __missing__(self, number: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(number))
        self[number] = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
        return self[number]


_WITHOUT_MARKS = _WithoutMarks()


class LexicalIndex:
    """BM25 over the chunks of one novel, and the weight of each word stem in it.

    Raises NovelError when there is no chunk: nothing can be retrieved from an empty novel.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        if not texts:
            raise NovelError("the novel has no chunk; expected at least one sentence; give a novel with text in it")
        self._vocabulary: dict[str, int] = {}
        documents = [self._number(_analyse(text)) for text in texts]
        self._frequencies = Counter(number for document in documents for number in set(document))
        self._size = len(texts)
        self._bm25: BM25 | None = None
        if self._vocabulary:
            self._bm25 = BM25(method="lucene", backend="numpy")
            self._bm25.index((documents, self._vocabulary), create_empty_token=False, show_progress=False)

    def __len__(self) -> int:
        return self._size

    def scores(self, text: str) -> Vector:
        """Return the BM25 score of every chunk for the text, each distinct stem counted once: (chunks,)."""
        known = dict.fromkeys(stem for stem in self.stems(text) if stem in self._vocabulary)
        if self._bm25 is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        found = self._bm25.get_scores_from_ids([self._vocabulary[stem] for stem in known])
        return np.asarray(found, dtype=np.float32)

    def weight(self, stem: str) -> float:
        """Return the inverse document frequency of a stem; one that the novel never uses weighs most."""
        holding = self._frequencies[self._vocabulary[stem]] if stem in self._vocabulary else 0
        return float(np.log1p((self._size - holding + 0.5) / (holding + 0.5)))

    @staticmethod
    def stems(text: str) -> tuple[str, ...]:
        """Return the stems of a text as the index analyses it; see ``pipeline.retrieval.stems``."""
        return stems(text)

    def _number(self, words: Sequence[str]) -> list[int]:
        return [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in words]


def retrieve(
    claims: Sequence[Claim],
    *,
    index: LexicalIndex,
    content_vectors: Vector | None,
    claim_vectors: Vector | None,
    present: Collection[int],
    told: Sequence[TimeScope] = (),
    config: RetrievalConfig,
) -> dict[str, tuple[Evidence, ...]]:
    """Return for every claim id its ``top_k`` chunks, best first; all chunks when the novel has fewer.

    ``content_vectors`` is (chunks, D) and ``claim_vectors`` (claims, D), in the order of ``index`` and ``claims``.
    They are compared by cosine after the mean over the novel's chunks is taken off both, because hidden states share
    a large common direction that says nothing about a chunk. When either is None the ranking is lexical and every
    distance is ``NO_DISTANCE``. ``present`` holds the indices of the chunks that name the character, ``told`` the time
    of life that each chunk tells of; without it, or for a claim of no certain time, no chunk gains by its time.

    Chunks that share no stem with the claim stand together on the rank after the last one that does, so a claim
    without any known word is decided by state distance and presence. Remaining ties go to the earlier chunk.
    """
    distances = _distances(content_vectors, claim_vectors, shape=(len(claims), len(index)))
    weight = 0.0 if distances is None else config.state_weight
    if distances is None:
        distances = np.full((len(claims), len(index)), NO_DISTANCE, dtype=np.float32)
    named = np.isin(np.arange(len(index)), list(present))
    ranked = {}
    for claim, distance in zip(claims, distances, strict=True):
        lexical = index.scores(claim.text)
        bonus = PRESENCE_BONUS * named + config.time_bonus * _same_time(claim, told, chunks=len(index))
        fused = _fuse(lexical, distance, weight=weight, constant=config.fusion_k) * (1 + bonus)
        best = np.argsort(-fused, kind="stable")[: config.top_k]
        ranked[claim.id] = _evidence(claim, best, fused=fused, lexical=lexical, distance=distance, named=named)
    return ranked


def _same_time(claim: Claim, told: Sequence[TimeScope], *, chunks: int) -> Flags:
    """Return which chunks tell of the time of life that the claim speaks of: (chunks,)."""
    if told and len(told) != chunks:
        raise ValueError(f"{len(told)} times were given for {chunks} chunks; give one each")
    if not told or claim.time_scope == "unspecified":
        return np.zeros(chunks, dtype=np.bool_)
    return np.array([time == claim.time_scope for time in told], dtype=np.bool_)


def _distances(content: Vector | None, claims: Vector | None, *, shape: tuple[int, int]) -> Vector | None:
    """Return 1 - cosine of every claim and chunk, mean-centred over the chunks: (claims, chunks).

    Six decimals are kept, so that the order does not hang on how a machine sums.
    """
    if content is None or claims is None:
        return None
    found = (len(claims), len(content))
    if found != shape:
        raise ValueError(f"vectors of {found} (claims, chunks) were given for {shape}; give one vector each")
    mean = content.mean(axis=0, dtype=np.float64)
    units = _unit(claims - mean)
    distances = np.empty(shape, np.float32)
    for first in range(0, len(content), _AT_ONCE):
        cosines = units @ _unit(content[first : first + _AT_ONCE] - mean).T
        distances[:, first : first + _AT_ONCE] = np.round(1 - np.clip(cosines, -1, 1), 6)
    return distances


def _unit(vectors: Doubles) -> Doubles:
    """Return the rows at length one; a row of zeros stays, and so is unrelated to every other."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


def _fuse(lexical: Vector, distance: Vector, *, weight: float, constant: int) -> Doubles:
    return (1 - weight) / (constant + _ranks(-lexical)) + weight / (constant + _ranks(distance))


def _ranks(values: Vector) -> Ranks:
    """Return the rank of each value from 1, smallest first; equal values share the best of their ranks."""
    return 1 + np.searchsorted(np.sort(values), values)


def _evidence(
    claim: Claim, best: Ranks, *, fused: Doubles, lexical: Vector, distance: Vector, named: Flags
) -> tuple[Evidence, ...]:
    lexical_ranks = _ranks(-lexical)
    return tuple(
        Evidence(
            claim_id=claim.id,
            chunk_index=int(chunk),
            rank=rank,
            score=float(fused[chunk]),
            lexical_score=float(lexical[chunk]),
            lexical_rank=int(lexical_ranks[chunk]),
            distance=float(distance[chunk]),
            character_present=bool(named[chunk]),
        )
        for rank, chunk in enumerate(best, start=1)
    )
