"""One token through one layer in six launches of Triton kernels; only active neurons read weights or write memory.

The cost of a token is that of reading weights and memory, so each is read once and nothing wide is written. Each tile
of neurons writes its part of a sum over neurons to a row of its own, and the next kernel adds the rows in a fixed
order: results are deterministic.
"""
# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator,misc"

from typing import NamedTuple

import torch
import triton
import triton.language as tl

from bdh.ops.fused_layer import LayerWeights
from bdh.shapes import Float, Int, Tensor

_TILE, _GROUP, _WARPS = 16, 16, 1


@triton.jit
def _unit(v, D: tl.constexpr):
    """Return LayerNorm of a vector."""
    centred = v - tl.sum(v, axis=0) / D
    return centred * tl.rsqrt(tl.sum(centred * centred, axis=0) / D + 1e-5)


@triton.jit
def _memory_kernel(
    v, encoder, frequencies, position, memory, factors, x, sums, kind: tl.constexpr,
    DAMPED: tl.constexpr, H: tl.constexpr, N: tl.constexpr, D: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """Compute x and q of a tile of neurons, read the memory by q, then add q outer v to it.

    Without damping, rows of inactive neurons are not touched.
    """
    tile, head, text = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    n, d = tile * BN + tl.arange(0, BN), tl.arange(0, D)
    values = tl.load(v + text * D + d).to(kind).to(tl.float32)
    weights = tl.load(encoder + (head * N + n)[:, None] * D + d[None, :]).to(tl.float32)
    made = tl.maximum(tl.sum(weights * values[None, :], axis=1), 0.0).to(kind)
    tl.store(x + (text * H + head) * N + n, made)
    pairs = tile * (BN // 2) + tl.arange(0, BN // 2)
    turns = tl.load(position).to(tl.float64) * tl.load(frequencies + 2 * pairs).to(tl.float64)
    phase = (turns - tl.floor(turns)).to(tl.float32) * 6.283185307179586
    c, s = tl.cos(phase), tl.sin(phase)
    p, r = tl.split(tl.reshape(made.to(tl.float32), (BN // 2, 2)))
    q = tl.reshape(tl.join(p * c - r * s, r * c + p * s), (BN,)).to(kind).to(tl.float32)
    decay = 1.0
    if DAMPED:
        decay = tl.load(factors + head)
    place = memory + ((text * H + head).to(tl.int64) * N + n)[:, None] * D + d[None, :]
    active = (q != 0.0)[:, None] | DAMPED
    old = tl.load(place, mask=active, other=0.0)
    tl.store(place, (old + q[:, None] * values[None, :]) * decay, mask=active)
    tl.store(sums + ((text * H + head) * (N // BN) + tile) * D + d, tl.sum(old * q[:, None], axis=0))


@triton.jit
def _total(sums, first, stop, D: tl.constexpr, BN: tl.constexpr):
    """Return the sum of the rows from ``first`` up to ``stop``, in a fixed order."""
    d = tl.arange(0, D)
    total = tl.zeros((BN, D), dtype=tl.float32)
    for start in range(first, stop, BN):
        i = start + tl.arange(0, BN)
        total += tl.load(sums + i[:, None] * D + d[None, :], mask=(i < stop)[:, None], other=0.0)
    return tl.sum(total, axis=0)


@triton.jit
def _gather_kernel(sums, fewer, count, D: tl.constexpr, BN: tl.constexpr):
    """Sum every BN of ``count`` rows in parallel, so that few rows are left for the one program that follows."""
    row, group = tl.program_id(0), tl.program_id(1)
    total = _total(sums + row * count * D, group * BN, tl.minimum(group * BN + BN, count), D, BN)
    tl.store(fewer + (row * tl.num_programs(1) + group) * D + tl.arange(0, D), total)


@triton.jit
def _attend_kernel(sums, z, count, kind: tl.constexpr, D: tl.constexpr, BN: tl.constexpr):
    row = tl.program_id(0)
    a = _total(sums, row * count, row * count + count, D, BN)
    if kind != tl.float16:  # float16 ends at 65,504; the sums of a trained model do not
        a = a.to(kind).to(tl.float32)
    tl.store(z + row * D + tl.arange(0, D), _unit(a, D).to(kind))


@triton.jit
def _output_kernel(
    z, encoder_v, decoder, x, sums, kind: tl.constexpr,
    H: tl.constexpr, N: tl.constexpr, D: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """Compute y of a tile of neurons and its part of y @ decoder; weights of inactive neurons are not read."""
    tile, head, text = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    n, d = tile * BN + tl.arange(0, BN), tl.arange(0, D)
    normed = tl.load(z + (text * H + head) * D + d).to(tl.float32)
    neurons = tl.load(x + (text * H + head) * N + n).to(tl.float32)
    place = (head * N + n)[:, None] * D + d[None, :]
    columns = tl.load(encoder_v + place, mask=(neurons > 0.0)[:, None], other=0.0).to(tl.float32)
    y = tl.maximum(tl.sum(columns * normed[None, :], axis=1), 0.0).to(kind).to(tl.float32)
    y = (y * neurons).to(kind).to(tl.float32)
    rows = tl.load(decoder + place, mask=(y > 0.0)[:, None], other=0.0).to(tl.float32)
    tl.store(sums + ((text * H + head) * (N // BN) + tile) * D + d, tl.sum(rows * y[:, None], axis=0))


@triton.jit
def _residual_kernel(sums, v, count, kind: tl.constexpr, D: tl.constexpr, BN: tl.constexpr):
    row, d = tl.program_id(0), tl.arange(0, D)
    out = _total(sums, row * count, row * count + count, D, BN).to(kind).to(tl.float32)
    tl.store(v + row * D + d, _unit(tl.load(v + row * D + d) + _unit(out, D), D))


class Buffers(NamedTuple):
    """Scratch for x, z, the sums of K tiles per head and of groups of tiles; shared by all layers."""

    x: Float[Tensor, "B H N"]
    z: Float[Tensor, "B H D"]
    sums: Float[Tensor, "B H K D"]
    fewer: Float[Tensor, "B H*G D"]

    @classmethod
    def make(cls, weights: LayerWeights, batch: int) -> "Buffers":
        """Return buffers for ``batch`` texts."""
        heads, neurons, width = weights.encoder.shape
        x = weights.encoder.new_empty(batch, heads, neurons)
        shape = (batch, heads, neurons // _TILE, width)
        sums = torch.empty(shape, dtype=torch.float32, device=x.device)
        groups = heads * -(-shape[2] // _GROUP)
        fewer = torch.empty(batch, groups, width, dtype=torch.float32, device=x.device)
        return cls(x, weights.encoder.new_empty(batch, heads, width), sums, fewer)


def fits(neurons: int, width: int) -> bool:
    """Return whether the kernels support these sizes."""
    return neurons % _TILE == 0 and width in (64, 128, 256, 512)


def step(
    v: Float[Tensor, "B D"],
    weights: LayerWeights,
    frequencies: Float[Tensor, "N"],
    position: Int[Tensor, "1"],
    memory: Float[Tensor, "B H N D"],
    decay: Float[Tensor, "H"] | None,
    buffers: Buffers,
) -> None:
    """Compute one layer for one token: ``v`` (float32) and ``memory`` (float32) are changed in place.

    The same as ``BDH.layer`` in recurrent mode, in the same precisions; ``position`` is read on the device, so that a
    captured graph can be replayed at any position.
    """
    (batch, width), (heads, neurons, _) = v.shape, weights.encoder.shape
    tiles, kind = neurons // _TILE, _KINDS[weights.encoder.dtype]
    grid = (tiles, heads, batch)
    _memory_kernel[grid](
        v, weights.encoder, frequencies, position, memory, v if decay is None else decay, buffers.x, buffers.sums, kind,
        decay is not None, heads, neurons, width, _TILE, num_warps=_WARPS,
    )  # fmt: skip
    groups = -(-tiles // _GROUP)
    _gather_kernel[(batch * heads, groups)](buffers.sums, buffers.fewer, tiles, width, _GROUP, num_warps=4)
    _attend_kernel[(batch * heads,)](buffers.fewer, buffers.z, groups, kind, width, 16, num_warps=4)
    _output_kernel[grid](
        buffers.z, weights.encoder_v, weights.decoder, buffers.x, buffers.sums, kind, heads, neurons, width, _TILE,
        num_warps=_WARPS,
    )  # fmt: skip
    _gather_kernel[(batch * heads, groups)](buffers.sums, buffers.fewer, tiles, width, _GROUP, num_warps=4)
    _residual_kernel[(batch,)](buffers.fewer, v, heads * groups, kind, width, 32, num_warps=8)


_KINDS = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16, torch.float32: tl.float32}
