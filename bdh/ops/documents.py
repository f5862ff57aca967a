"""Several documents in one text: nothing is read across the end of a document, and none but the last is remembered.

The powers of the damping factors, with 0 wherever two tokens belong to different documents, do all of it: scores,
reading and writing stay as they are.
"""

import torch

from bdh.ops.parallel import Damping
from bdh.shapes import Bool, Int, Tensor


def find_begins(documents: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
    """Return which tokens begin a document: those whose id is not that of the token to the left.

    The first token of a row never does: its document continues the state that the row starts from.
    """
    begins = torch.zeros_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return begins


def find_edges(
    begins: Bool[Tensor, "B T"],
) -> tuple[Bool[Tensor, "B T"], Bool[Tensor, "B T"], Bool[Tensor, "B"]]:
    """Return which tokens are in the first document of a row, which in its last, and which rows have only one."""
    numbers = begins.cumsum(dim=1)
    return numbers == 0, numbers == numbers[:, -1:], numbers[:, -1] == 0


def find_starts(begins: Bool[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """Return the place of the first token of each token's document, 0 if that is to the left of the row."""
    places = torch.arange(begins.shape[1], dtype=torch.int32, device=begins.device)
    return torch.where(begins, places, 0).cummax(dim=1).values


def split_damping(damping: Damping | None, begins: Bool[Tensor, "B T"], dtype: torch.dtype) -> Damping:
    """Return ``damping`` (None for the published form) with an axis for the rows, and 0 across ends."""
    first, last, single = find_edges(begins)
    starts = find_starts(begins)
    inside = (starts[:, None, :, None] == starts[:, None, None, :]).to(dtype)
    read, write, whole = first[:, None, :, None], last[:, None, :, None], single[:, None, None, None]
    if damping is None:
        return Damping(
            inside.tril(-1), read.to(dtype), write.to(dtype), whole.to(torch.promote_types(dtype, torch.float32))
        )
    return Damping(inside * damping.inside, read * damping.read, write * damping.write, whole * damping.whole)
