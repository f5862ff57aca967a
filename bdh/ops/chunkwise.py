"""Linear attention in chunks: scores inside a chunk, the memory across chunks. Linear in T, constant memory."""

from collections.abc import Mapping

import torch

from bdh.ops import parallel
from bdh.shapes import Float, Tensor


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"] | None,
    decay: Float[Tensor, "H"] | None,
    *,
    chunk_size: int,
    write: bool = True,
    damping: Mapping[int, parallel.Damping] | None = None,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"] | None]:
    """Return what ``naive.attend`` returns, ``chunk_size`` tokens at a time.

    ``damping`` maps each length of ``chunk_lengths`` to ``parallel.make_damping`` of ``decay``.
    """
    parts = []
    length = q.shape[2]
    if decay is not None and damping is None:
        damping = {size: parallel.make_damping(decay, size, q.dtype) for size in chunk_lengths(length, chunk_size)}
    for start in range(0, length, chunk_size):
        last = start + chunk_size >= length
        stop = start + chunk_size
        powers = None if damping is None else damping[min(stop, length) - start]
        part, memory = parallel.attend(
            q[:, :, start:stop], v[:, start:stop], memory, decay, write=write or not last, damping=powers
        )
        parts.append(part)
    return torch.cat(parts, dim=2), memory


def chunk_lengths(length: int, chunk_size: int) -> set[int]:
    """Return the different lengths of the chunks of a text of ``length`` tokens."""
    return {min(chunk_size, length), length % chunk_size or min(chunk_size, length)}
