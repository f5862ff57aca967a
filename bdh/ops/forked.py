"""Several texts that all go on from one memory and do not see each other."""

from typing import NamedTuple

import torch

from bdh.ops.parallel import Damping
from bdh.shapes import Float, Tensor


class Before(NamedTuple):
    """The text that stands before the forks, as its keys and values; ``damping`` is what ``reach_back`` returns."""

    keys: Float[Tensor, "B H E N"]
    values: Float[Tensor, "B E D"]
    damping: Float[Tensor, "H C E"] | None


def reach_back(decay: Float[Tensor, "H"], length: int, before: int, dtype: torch.dtype) -> Float[Tensor, "H C E"]:
    """Return decay^(E + t - s) of each of ``length`` tokens t towards each of the ``before`` tokens s before them."""
    later = torch.arange(length, device=decay.device, dtype=decay.dtype)[:, None] + before
    distance = later - torch.arange(before, device=decay.device, dtype=decay.dtype)
    return torch.exp(torch.log(decay)[:, None, None] * distance).to(dtype)


def attend(
    q: Float[Tensor, "B H KC N"],
    v: Float[Tensor, "B KC D"],
    memory: Float[Tensor, "B H N D"] | None,
    damping: Damping | None,
    count: int,
    before: Before | None = None,
) -> Float[Tensor, "B H KC D"]:
    """Return for each of ``count`` texts of C tokens, side by side on the time axis, what ``parallel.attend`` returns.

    Each begins with its own fork of ``memory`` (None for an empty one), which is read and never written. ``damping``
    is that of C tokens; None is the published form. ``before`` is a text that ``memory`` does not hold: it is read at
    its keys and values, which costs less than writing it down for a few short texts.
    """
    rows, heads, whole, neurons = q.shape
    length = whole // count
    apart = q.view(rows, heads, count, length, neurons)
    scores = apart @ apart.mT  # (B, H, K, C, C)
    scores = scores.tril(-1) if damping is None else scores * damping.inside[:, None].to(scores.dtype)
    values = v.to(q.dtype).view(rows, 1, count, length, -1)
    attended = (scores @ values).flatten(2, 3)
    if before is not None:
        attended = attended + _recall(apart, before).flatten(2, 3)
    if memory is None:
        return attended
    recalled = q @ memory.to(q.dtype)
    if damping is not None:
        recalled = recalled * damping.read.repeat(1, count, 1).to(recalled.dtype)
    return attended + recalled


def _recall(apart: Float[Tensor, "B H K C N"], before: Before) -> Float[Tensor, "B H K C D"]:
    """Return what each text reads of the one before it."""
    scores = apart.flatten(2, 3) @ before.keys.mT  # (B, H, K * C, E)
    if before.damping is not None:
        scores = (scores.view(*apart.shape[:4], -1) * before.damping[:, None].to(scores.dtype)).flatten(2, 3)
    return (scores @ before.values.to(scores.dtype)[:, None]).view(*apart.shape[:4], -1)
