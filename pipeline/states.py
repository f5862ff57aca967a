"""The frozen records of a reading: what the encoder made of a novel, chunk by chunk. No stage, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChunkState:
    """The state of the encoder after a chunk.

    ``global_vector`` (D,) is the mean last hidden vector over the chunk's new sentences, ``content_vector`` (D,) that
    over all of them. ``surprisal`` is in bits per byte of the new sentences, ``activity`` the mean share of active
    neurons, ``state_norm`` the Frobenius norm of the memory (both None for a model that does not measure them),
    ``drift`` the cosine distance of ``global_vector`` from that of the previous chunk.
    """

    chunk_index: int
    global_vector: Vector
    content_vector: Vector
    surprisal: float
    activity: float | None
    state_norm: float | None
    drift: float


@dataclass(frozen=True, slots=True)
class CharacterState:
    """The state of one character's own stream after a chunk; unchanged where the character is absent."""

    chunk_index: int
    vector: Vector
    present: bool


@dataclass(frozen=True)
class Reading:
    """The result of encoding a novel: one global state a chunk, and one list of states a tracked character.

    ``alone_vector`` (D,) is the mean vector of some of its sentences, each encoded by itself from an empty memory: the
    common part of every text without context. None where it was not measured.
    """

    states: tuple[ChunkState, ...]
    characters: dict[str, tuple[CharacterState, ...]] = field(default_factory=dict)
    alone_vector: Vector | None = None

    @cached_property
    def content_vectors(self) -> Vector:
        """The content vectors of all chunks, (chunks, D)."""
        return np.stack([state.content_vector for state in self.states])
