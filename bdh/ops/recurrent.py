"""Linear attention one token at a time: 2 N D work per token at any position."""

import torch

from bdh.shapes import Bool, Float, Tensor


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"],
    decay: Float[Tensor, "H"] | None,
    begins: Bool[Tensor, "B T"] | None = None,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"]]:
    """Return what ``naive.attend`` returns: read a_t = q_t S, then write S = decay (S + q_t outer v_t).

    Where a document ``begins``, S is emptied first. For float16 ``q`` the attention is in the precision of the memory.
    """
    factor = None if decay is None else decay.to(memory.dtype)[:, None, None]
    kind = memory.dtype if q.dtype == torch.float16 else q.dtype
    rows = []
    for t in range(q.shape[2]):
        if begins is not None:
            memory = memory.masked_fill(begins[:, t, None, None, None], 0.0)
        key = q[:, :, t].to(memory.dtype)
        rows.append((key.unsqueeze(-2) @ memory).squeeze(-2).to(kind))
        memory = memory + key.unsqueeze(-1) * v[:, None, t, None].to(memory.dtype)
        memory = memory if factor is None else memory * factor
    return torch.stack(rows, dim=2), memory
