"""Linear attention in chunks: scores inside a chunk, the memory across chunks. Linear in T, constant memory."""

from collections.abc import Sequence

import torch

from bdh.ops import parallel
from bdh.ops.documents import split_damping
from bdh.shapes import Bool, Float, Tensor


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"] | None,
    decay: Float[Tensor, "H"] | None,
    *,
    chunk_size: int,
    write: bool = True,
    damping: Sequence[parallel.Damping | None] | None = None,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"] | None]:
    """Return what ``naive.attend`` returns, ``chunk_size`` tokens at a time.

    ``damping`` is ``make_dampings`` of ``decay``, for callers that reuse it or have several documents in a row.
    """
    length, parts = q.shape[2], []
    if damping is None:
        damping = make_dampings(decay, length, chunk_size, q.dtype)
    for (start, stop), powers in zip(_cuts(length, chunk_size), damping, strict=True):
        part, memory = parallel.attend(
            q[:, :, start:stop], v[:, start:stop], memory, decay, write=write or stop < length, damping=powers
        )
        parts.append(part)
    return torch.cat(parts, dim=2), memory


def make_dampings(
    decay: Float[Tensor, "H"] | None,
    length: int,
    chunk_size: int,
    dtype: torch.dtype,
    begins: Bool[Tensor, "B T"] | None = None,
) -> list[parallel.Damping | None]:
    """Return the powers for each chunk of a text, split where ``begins`` says that a document begins."""
    powers: dict[int, parallel.Damping | None] = {
        size: None if decay is None else parallel.make_damping(decay, size, dtype)
        for size in chunk_lengths(length, chunk_size)
    }
    cuts = _cuts(length, chunk_size)
    if begins is None:
        return [powers[stop - start] for start, stop in cuts]
    return [split_damping(powers[stop - start], begins[:, start:stop], dtype) for start, stop in cuts]


def chunk_lengths(length: int, chunk_size: int) -> set[int]:
    """Return the different lengths of the chunks of a text of ``length`` tokens."""
    return {min(chunk_size, length), length % chunk_size or min(chunk_size, length)}


def _cuts(length: int, chunk_size: int) -> list[tuple[int, int]]:
    return [(start, min(start + chunk_size, length)) for start in range(0, length, chunk_size)]
