"""One long text on a CPU: each chunk goes through all layers, so that wide tensors stay in the processor's cache.

The same as ``BDH.layer`` in chunkwise mode, with three savings that change results only by rounding: scores above the
diagonal are skipped, in blocks of rows; a head that forgets within a chunk reads and writes the memory only for the
tokens within reach of its damping, and scores only within that reach; the memory is updated in place.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from bdh.ops.chunkwise import chunk_lengths
from bdh.ops.layer import Parameters, normalise
from bdh.ops.parallel import Damping, make_damping
from bdh.ops.rotary import rotate_complex
from bdh.shapes import Complex, Float, Tensor

_BLOCK = 64
"""Rows whose scores are computed by one product."""
_FORGOTTEN = 1e-7
"""Damping below this, the rounding of float32, counts as 0."""


class _Head(NamedTuple):
    """The powers of a head's damping factor for a chunk, and the number of tokens that they reach."""

    damping: Damping | None
    reach: int


def applies(device: torch.device, batch: int, dtype: torch.dtype) -> bool:
    """Return whether this backend computes the call: a single text, on a CPU, without autocast, not in float16."""
    alone = device.type == "cpu" and batch == 1 and not torch.is_autocast_enabled("cpu")
    return alone and dtype != torch.float16


def trunk(
    v: Float[Tensor, "T D"],
    weights: Parameters,
    phasors: Complex[Tensor, "T P"],
    memory: Float[Tensor, "L H N D"],
    *,
    size: int,
    measure_every: int = 0,
) -> tuple[Float[Tensor, "T D"], Float[Tensor, "L 2"] | None]:
    """Compute all layers, ``size`` tokens at a time; return the last hidden vectors and the activity.

    ``memory`` is changed in place. ``v`` is the input of the first layer, ``phasors`` are those of ``make_phasors``
    at its positions.
    """
    length, (heads, _, neurons) = v.shape[0], weights.encoder.shape
    active = torch.zeros(len(memory), 2, dtype=torch.int64)
    kinds = {own: _heads(heads, weights.decay, own, weights.encoder.dtype) for own in chunk_lengths(length, size)}
    parts = []
    for start in range(0, length, size):
        chunk, own = v[start : start + size], phasors[start : start + size]
        measured = slice(-start % measure_every, None, measure_every) if measure_every else slice(0)
        for layer, layer_memory in enumerate(memory):
            chunk, x, y = _layer(chunk, weights, own, layer_memory, kinds[len(chunk)])
            if measure_every:
                active[layer] += torch.stack([(part[:, measured] > 0).sum() for part in (x, y)])
        parts.append(chunk)
    counted = -(-length // measure_every) * heads * neurons if measure_every else 0
    return torch.cat(parts), active / counted if counted else None


def _heads(count: int, decay: Float[Tensor, "H"] | None, length: int, dtype: torch.dtype) -> list[_Head]:
    if decay is None:
        return [_Head(None, length)] * count
    powers = make_damping(decay, length, dtype)
    lasting = torch.log(decay).clamp(max=-1e-12)  # a head that forgets nothing reaches everything
    reaches = (math.log(_FORGOTTEN) / lasting).ceil().clamp(1, length).tolist()
    return [_Head(Damping(*(part[head] for part in powers)), int(reach)) for head, reach in enumerate(reaches)]


def _layer(
    v: Float[Tensor, "T D"],
    weights: Parameters,
    phasors: Complex[Tensor, "T P"],
    memory: Float[Tensor, "H N D"],
    heads: list[_Head],
) -> tuple[Float[Tensor, "T D"], Float[Tensor, "H T N"], Float[Tensor, "H T N"]]:
    narrow, count = v.to(weights.encoder.dtype), len(heads)
    x = torch.bmm(narrow.expand(count, -1, -1), weights.encoder).relu_()
    q, a = rotate_complex(x, phasors), narrow.new_empty(count, *narrow.shape)
    for head in range(count):
        _attend(q[head], narrow, memory[head], heads[head], out=a[head])
    gate = torch.bmm(F.layer_norm(a, a.shape[-1:], eps=1e-5), weights.encoder_v).relu_()
    rows = narrow.new_empty(len(v), len(weights.decoder))
    y = torch.mul(gate, x, out=rows.view(len(v), count, -1).transpose(0, 1))
    return normalise(v + normalise(torch.mm(rows, weights.decoder))), x, y


def _attend(
    q: Float[Tensor, "T N"], v: Float[Tensor, "T D"], memory: Float[Tensor, "N D"], head: _Head, *, out: Tensor
) -> None:
    """Write the attention of one head into ``out`` (T, D), and add the chunk to ``memory``."""
    length, (damping, reach) = len(q), head
    torch.mm(q[:reach], memory.to(q.dtype), out=out[:reach])
    out[reach:] = 0
    if damping is not None:
        out[:reach] *= damping.read[:reach].to(q.dtype)
    for start in range(0, length, _BLOCK):
        rows = slice(start, start + _BLOCK)
        past = slice(max(start - reach, 0) // _BLOCK * _BLOCK, min(start + _BLOCK, length))
        scores = torch.mm(q[rows], q[past].T)
        scores = scores.tril_(start - past.start - 1) if damping is None else scores.mul_(damping.inside[rows, past])
        out[rows].addmm_(scores, v[past])
    late = slice(length - reach, length)
    if damping is None:
        memory.add_(torch.mm(q[late].T, v[late]))
        return
    values = v[late] * damping.write[late].to(v.dtype)
    memory.mul_(damping.whole.to(memory.dtype)).add_(torch.mm(q[late].T, values))
