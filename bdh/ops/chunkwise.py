"""Linear attention in pieces: scores inside a piece, the memory across. Linear in T, constant memory."""

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
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"] | None]:
    """Return what ``naive.attend`` returns, ``chunk_size`` tokens at a time."""
    pieces = []
    length = q.shape[2]
    for start in range(0, length, chunk_size):
        last = start + chunk_size >= length
        stop = start + chunk_size
        piece, memory = parallel.attend(q[:, :, start:stop], v[:, start:stop], memory, decay, write=write or not last)
        pieces.append(piece)
    return torch.cat(pieces, dim=2), memory
