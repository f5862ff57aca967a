"""Rank the chunks of a novel as evidence for claims: BM25 fused with the distance of the encoder's states.

Two rankings are fused for every claim: BM25 by shared word stems, and state distance by how near the chunk's content
vector is to the claim's. Chunks that name the character, or are about the claim's life stage, are preferred by small
factors:

    score = (1 + PRESENCE_BONUS * present + t * same time) * ((1 - w) / (k + lexical rank) + w / (k + state rank))

with ``w``, ``k`` and ``t`` (``time_bonus``) from ``RetrievalConfig`` (Cormack, Clarke and Buettcher 2009,
reciprocal-rank fusion). The place of a chunk in the book makes no difference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.config import RetrievalConfig
from pipeline.records import Claim, Evidence, TimeScope
from pipeline.retrieval.index import LexicalIndex
from pipeline.states import Vector

Ranks = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PRESENCE_BONUS = 0.02
"""The relative gain of a chunk that names the character; near the top it is worth about one rank."""
NO_DISTANCE = 1.0
"""The distance of chunks without vectors: that of unrelated directions, which prefers none of them."""

_AT_ONCE = 4096
"""Chunks that are compared at once in double precision; all of a long series would take a gigabyte."""


def retrieve(
    claims: Sequence[Claim],
    *,
    index: LexicalIndex,
    content_vectors: Vector | None,
    claim_vectors: Vector | None,
    present: Collection[int],
    life_stages: Sequence[TimeScope] = (),
    config: RetrievalConfig,
    most: int | None = None,
) -> dict[str, tuple[Evidence, ...]]:
    """Return for every claim id its ``most`` chunks (``top_k`` by default), best first; all when there are fewer.

    ``content_vectors`` is (chunks, D) and ``claim_vectors`` (claims, D), in the order of ``index`` and ``claims``.
    They are compared by cosine after the mean over the novel's chunks is subtracted from both, because hidden states
    share a large common direction that does not distinguish chunks. When either is None the ranking is lexical and
    every distance is ``NO_DISTANCE``. ``present`` holds the indices of the chunks that name the character,
    ``life_stages`` the life stage of each chunk; without it, or for a claim of unspecified time, it adds nothing.

    Chunks that share no stem with the claim all have the rank after the last one that does, so a claim
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
        bonus = PRESENCE_BONUS * named + config.time_bonus * _same_time(claim, life_stages, chunks=len(index))
        fused = _fuse(lexical, distance, weight=weight, constant=config.fusion_k) * (1 + bonus)
        best = np.argsort(-fused, kind="stable")[: most or config.top_k]
        ranked[claim.id] = _evidence(claim, best, fused=fused, lexical=lexical, distance=distance, named=named)
    return ranked


def _same_time(claim: Claim, life_stages: Sequence[TimeScope], *, chunks: int) -> Flags:
    """Return which chunks are about the life stage of the claim: (chunks,)."""
    if life_stages and len(life_stages) != chunks:
        raise ValueError(f"{len(life_stages)} life stages were given for {chunks} chunks; give one each")
    if not life_stages or claim.time_scope == "unspecified":
        return np.zeros(chunks, dtype=np.bool_)
    return np.array([time == claim.time_scope for time in life_stages], dtype=np.bool_)


def _distances(content: Vector | None, claims: Vector | None, *, shape: tuple[int, int]) -> Vector | None:
    """Return 1 - cosine of every claim and chunk, mean-centred over the chunks: (claims, chunks).

    They are rounded to six decimals, so that the order does not depend on how a machine sums.
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
