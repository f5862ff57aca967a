"""Linear attention with damping by its definition, one token pair at a time. Slow; all modes are tested against it."""

import torch

from bdh.shapes import Float, Int, Tensor


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"],
    decay: Float[Tensor, "H"] | None,
    documents: Int[Tensor, "B T"] | None = None,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"]]:
    """Return a_t = decay^t q_t S + sum over s < t of decay^(t-s) (q_t . q_s) v_s, and the memory after the text.

    ``q`` is rope(x): keys equal queries. ``memory`` S is that of the earlier text, already damped for the first token.
    With ``documents``, whose numbers grow along a row, s and t are of one document: the first document of a row
    continues S, and the memory after the text is that of the last.
    """
    factor = torch.ones(q.shape[1], dtype=v.dtype, device=v.device) if decay is None else decay.to(v.dtype)
    memory, length = memory.to(v.dtype), q.shape[2]
    number = q.new_zeros(q.shape[0], max(length, 1)) if documents is None else documents
    same = (number[:, :, None] == number[:, None, :]).to(v.dtype)[:, :, :, None]  # (B, T, T, 1)
    rows = []
    for t in range(length):
        row = (same[:, t, 0] * factor.pow(t))[..., None] * torch.einsum("bhn,bhnd->bhd", q[:, :, t], memory)
        for s in range(t):
            score = torch.einsum("bhn,bhn->bh", q[:, :, t], q[:, :, s]) * factor.pow(t - s) * same[:, t, s]
            row = row + score[:, :, None] * v[:, None, s]
        rows.append(row)
    after = (same[:, -1, 0] * factor.pow(length))[..., None, None] * memory
    for s in range(length):
        weight = (same[:, -1, s] * factor.pow(length - s))[..., None, None]
        after = after + weight * torch.einsum("bhn,bd->bhnd", q[:, :, s], v[:, s])
    attended = torch.stack(rows, dim=2) if rows else q.new_zeros(*q.shape[:3], v.shape[-1])
    return attended, after
