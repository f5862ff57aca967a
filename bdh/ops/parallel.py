"""Linear attention over a whole piece of text at once: T * N work per token, best for short pieces."""

import torch

from bdh.shapes import Float, Tensor


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"] | None,
    decay: Float[Tensor, "H"] | None,
    *,
    write: bool = True,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"] | None]:
    """Return what ``naive.attend`` returns, from all T x T scores; ``memory`` None stands for an empty one.

    The memory is written in float32 sums (float64 for float64 ``q``) whatever the dtype of ``q``; without ``write``
    None is returned in its place.
    """
    length = q.shape[2]
    scores = q @ q.mT  # (B, H, T, T)
    scores = scores.tril(-1) if decay is None else scores * _damping(decay, length).to(scores.dtype)
    attended = scores @ v.to(q.dtype)[:, None]
    if memory is not None:
        recalled = q @ memory.to(q.dtype)
        attended = attended + (recalled if decay is None else recalled * _powers(decay, 0, length).to(q.dtype))
    if not write:
        return attended, None
    return attended, _write(q, v, memory, decay)


def _write(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"] | None,
    decay: Float[Tensor, "H"] | None,
) -> Float[Tensor, "B H N D"]:
    """Return decay^T S + sum over s of decay^(T-s) q_s outer v_s."""
    length = q.shape[2]
    values = v.to(q.dtype)[:, None]  # (B, 1, T, D)
    if decay is not None:
        values = values * _powers(decay, 0, length).flip(-2).to(q.dtype) * decay[:, None, None].to(q.dtype)
    wide = torch.promote_types(q.dtype, torch.float32)
    written = (q.mT @ values).to(wide)
    if memory is None:
        return written
    kept = memory if decay is None else memory * decay.to(wide).pow(length)[:, None, None]
    return kept + written


def _powers(decay: Float[Tensor, "H"], first: int, length: int) -> Float[Tensor, "H T 1"]:
    """Return decay^first .. decay^(first + length - 1) of each head."""
    exponents = torch.arange(first, first + length, device=decay.device, dtype=decay.dtype)
    return torch.exp(torch.log(decay)[:, None] * exponents)[:, :, None]


def _damping(decay: Float[Tensor, "H"], length: int) -> Float[Tensor, "H T T"]:
    """Return decay^(t-s) where s < t, and 0 elsewhere."""
    steps = torch.arange(length, device=decay.device)
    distance = (steps[:, None] - steps[None, :]).clamp(min=0).to(decay.dtype)
    return torch.exp(torch.log(decay)[:, None, None] * distance).tril(-1)
