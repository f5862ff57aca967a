"""Linear attention one token at a time: 2 N D work per token at any position."""

import torch

from bdh.shapes import Float, Tensor


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"],
    decay: Float[Tensor, "H"] | None,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"]]:
    """Return what ``naive.attend`` returns: read a_t = q_t S, then write S = decay (S + q_t outer v_t)."""
    factor = None if decay is None else decay.to(memory.dtype)[:, None, None]
    rows = []
    for t in range(q.shape[2]):
        key = q[:, :, t].to(memory.dtype)
        rows.append((key.unsqueeze(-2) @ memory).squeeze(-2).to(q.dtype))
        memory = memory + key.unsqueeze(-1) * v[:, None, t, None].to(memory.dtype)
        memory = memory if factor is None else memory * factor
    return torch.stack(rows, dim=2), memory
