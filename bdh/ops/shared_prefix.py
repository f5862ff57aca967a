"""Attention for several texts that continue one prefix and do not see each other."""

from typing import NamedTuple

import torch

from bdh.ops.parallel import Damping
from bdh.shapes import Float, Tensor


class Prefix(NamedTuple):
    """A prefix of E tokens as its keys and values; ``damping`` is what ``prefix_damping`` returns."""

    keys: Float[Tensor, "B H E N"]
    values: Float[Tensor, "B E D"]
    damping: Float[Tensor, "H C E"] | None


def prefix_damping(decay: Float[Tensor, "H"], length: int, prefix: int, dtype: torch.dtype) -> Float[Tensor, "H C E"]:
    """Return decay^(E + t - s) for tokens t of a text of ``length`` and tokens s of a prefix of E = ``prefix``."""
    later = torch.arange(length, device=decay.device, dtype=decay.dtype)[:, None] + prefix
    distance = later - torch.arange(prefix, device=decay.device, dtype=decay.dtype)
    return torch.exp(torch.log(decay)[:, None, None] * distance).to(dtype)


def attend(
    q: Float[Tensor, "B H KC N"],
    v: Float[Tensor, "B KC D"],
    memory: Float[Tensor, "B H N D"] | None,
    damping: Damping | None,
    count: int,
    prefix: Prefix | None = None,
) -> Float[Tensor, "B H KC D"]:
    """Return what ``parallel.attend`` returns for each of ``count`` texts of C tokens, concatenated on the time axis.

    Each text starts from ``memory`` (None for an empty one), which is read but not written. ``damping`` is that of C
    tokens; None is the published form. ``prefix`` is a text that is not in ``memory``: reading it at its keys and
    values costs less than writing it to the memory, if the texts are few and short.
    """
    rows, heads, total, neurons = q.shape
    length = total // count
    queries = q.view(rows, heads, count, length, neurons)
    scores = queries @ queries.mT  # (B, H, K, C, C)
    scores = scores.tril(-1) if damping is None else scores * damping.inside[:, None].to(scores.dtype)
    values = v.to(q.dtype).view(rows, 1, count, length, -1)
    attended = (scores @ values).flatten(2, 3)
    if prefix is not None:
        attended = attended + _read_prefix(queries, prefix).flatten(2, 3)
    if memory is None:
        return attended
    recalled = q @ memory.to(q.dtype)
    if damping is not None:
        recalled = recalled * damping.read.repeat(1, count, 1).to(recalled.dtype)
    return attended + recalled


def _read_prefix(queries: Float[Tensor, "B H K C N"], prefix: Prefix) -> Float[Tensor, "B H K C D"]:
    """Return what each text reads from the prefix."""
    scores = queries.flatten(2, 3) @ prefix.keys.mT  # (B, H, K * C, E)
    if prefix.damping is not None:
        scores = (scores.view(*queries.shape[:4], -1) * prefix.damping[:, None].to(scores.dtype)).flatten(2, 3)
    return (scores @ prefix.values.to(scores.dtype)[:, None]).view(*queries.shape[:4], -1)
