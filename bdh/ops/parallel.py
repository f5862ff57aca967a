"""Linear attention over a whole text at once: T * N work per token, best for short texts."""

from typing import NamedTuple

import torch

from bdh.shapes import Float, Tensor

_ROOT = 2.0**-5
"""Factor on q in float16, which ends at 65,504: a trained model has scores of 26,000 and sums of two million."""


class Damping(NamedTuple):
    """The powers of each head's damping factor for a text of T tokens.

    ``inside`` (H, T, T) is decay^(t-s) where s < t, else 0; ``read`` (H, T, 1) is decay^t; ``write`` (H, T, 1) is
    decay^(T-t); ``whole`` (H, 1, 1) is decay^T. With several documents in a row each has the rows of the batch as a
    first axis (``bdh.ops.documents``).
    """

    inside: Float[Tensor, "*B H T T"]
    read: Float[Tensor, "*B H T 1"]
    write: Float[Tensor, "*B H T 1"]
    whole: Float[Tensor, "*B H 1 1"]


def make_damping(decay: Float[Tensor, "H"], length: int, dtype: torch.dtype) -> Damping:
    """Return the powers for ``length`` tokens, in ``dtype`` except for ``whole``."""
    steps = torch.arange(length, device=decay.device, dtype=decay.dtype)
    log = torch.log(decay)[:, None, None]
    distance = (steps[:, None] - steps[None, :]).clamp(min=0)
    inside = torch.exp(log * distance).tril(-1)
    read = torch.exp(log * steps[:, None])
    write = torch.exp(log * (length - steps)[:, None])
    return Damping(inside.to(dtype), read.to(dtype), write.to(dtype), torch.exp(log * length))


def attend(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"] | None,
    decay: Float[Tensor, "H"] | None,
    *,
    write: bool = True,
    damping: Damping | None = None,
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B H N D"] | None]:
    """Return what ``naive.attend`` returns, from all T x T scores; ``memory`` None is an empty one.

    The memory is summed in float32 (float64 for float64 ``q``) whatever the dtype of ``q``; without ``write`` None is
    returned instead. ``damping`` is ``make_damping`` of ``decay``, for callers that reuse it. For float16 the attention
    is float32, and its parts are scaled inside so that they do not overflow.
    """
    if decay is not None and damping is None:
        damping = make_damping(decay, q.shape[2], q.dtype)
    root = scale_root(q.dtype)
    q = q if root == 1.0 else q * root
    scores = q @ q.mT  # (B, H, T, T)
    scores = scores.tril(-1) if damping is None else scores * damping.inside.to(scores.dtype)
    attended = scores @ v.to(q.dtype)[:, None]
    if memory is not None:
        recalled = q @ (memory if root == 1.0 else memory * root).to(q.dtype)
        attended = attended + (recalled if damping is None else recalled * damping.read.to(recalled.dtype))
    if root != 1.0:
        attended = attended.float() / root**2
    return attended, _write(q, v, memory, damping, root) if write else None


def scale_root(dtype: torch.dtype) -> float:
    """Return the factor on queries and keys, hence twice on the attention, while it is computed in ``dtype``."""
    return _ROOT if dtype == torch.float16 else 1.0


def _write(
    q: Float[Tensor, "B H T N"],
    v: Float[Tensor, "B T D"],
    memory: Float[Tensor, "B H N D"] | None,
    damping: Damping | None,
    root: float,
) -> Float[Tensor, "B H N D"]:
    """Return decay^T S + sum over s of decay^(T-s) q_s outer v_s; ``q`` is scaled by ``root``."""
    values = v.to(q.dtype)[:, None]  # (B, 1, T, D)
    if damping is not None:
        values = values * damping.write.to(q.dtype)
    wide = torch.promote_types(q.dtype, torch.float32)
    written = q.mT @ values
    if root != 1.0:
        written = written.to(wide) / root
    if memory is None:
        return written.to(wide)
    # Adding in place converts the narrow sums without a wide copy of them.
    after = memory.to(wide, copy=True) if damping is None else memory * damping.whole.to(wide)
    return after.add_(written)
