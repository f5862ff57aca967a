"""One token through one layer in four Triton kernels; only active neurons touch the memory and the weights.

The token's work is the reading of weights and memory, so each is read once and nothing wide is written. What a tile of
neurons adds to a sum over neurons lies in a row of its own and is summed by the next kernel: in one order, always.
"""
# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator"

from typing import NamedTuple

import torch
import triton
import triton.language as tl

from bdh.ops.whole import Weights
from bdh.shapes import Float, Int, Tensor

_TILE = 32
_WARPS = 8


@triton.jit
def _unit(v, D: tl.constexpr):
    """Return LayerNorm of a vector."""
    centred = v - tl.sum(v, axis=0) / D
    return centred * tl.rsqrt(tl.sum(centred * centred, axis=0) / D + 1e-5)


@triton.jit
def _touch(memory, v, q, decay, rows, D: tl.constexpr, DAMPED: tl.constexpr):
    """Read the rows of the memory by q, then add q outer v to them; rows of silent neurons stay untouched."""
    place = rows[:, None] * D + tl.arange(0, D)[None, :]
    active = (q != 0.0)[:, None] | DAMPED
    held = tl.load(memory + place, mask=active, other=0.0)
    tl.store(memory + place, (held + q[:, None] * v[None, :]) * decay, mask=active)
    return tl.sum(held * q[:, None], axis=0)


@triton.jit
def _remember_kernel(
    v, encoder, frequencies, position, memory, factors, x, sums, kind: tl.constexpr,
    DAMPED: tl.constexpr, H: tl.constexpr, M: tl.constexpr, D: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    tile, head, text = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    n, d = tile * BN + tl.arange(0, BN), tl.arange(0, D)
    values = tl.load(v + text * D + d).to(kind).to(tl.float32)
    weights = encoder + ((head * 2 * M + n[:, None]) * D + d[None, :])
    p = tl.sum(tl.load(weights).to(tl.float32) * values[None, :], axis=1)
    r = tl.sum(tl.load(weights + M * D).to(tl.float32) * values[None, :], axis=1)
    p, r = tl.maximum(p, 0.0).to(kind).to(tl.float32), tl.maximum(r, 0.0).to(kind).to(tl.float32)
    out = x + (text * H + head) * 2 * M + n
    tl.store(out, p.to(kind))
    tl.store(out + M, r.to(kind))
    turns = tl.load(position).to(tl.float64) * tl.load(frequencies + 2 * n).to(tl.float64)
    phase = (turns - tl.floor(turns)).to(tl.float32) * 6.283185307179586
    c, s = tl.cos(phase), tl.sin(phase)
    q_p, q_r = (p * c - r * s).to(kind).to(tl.float32), (r * c + p * s).to(kind).to(tl.float32)
    decay = 1.0
    if DAMPED:
        decay = tl.load(factors + head)
    own = memory + (text * H + head).to(tl.int64) * 2 * M * D
    total = _touch(own, values, q_p, decay, 2 * n, D, DAMPED)
    total += _touch(own, values, q_r, decay, 2 * n + 1, D, DAMPED)
    tl.store(sums + ((text * H + head) * (M // BN) + tile) * D + d, total)


@triton.jit
def _attend_kernel(sums, z, count, kind: tl.constexpr, D: tl.constexpr, BN: tl.constexpr):
    row, d = tl.program_id(0), tl.arange(0, D)
    total = tl.zeros((BN, D), dtype=tl.float32)
    for first in range(0, count, BN):
        i = first + tl.arange(0, BN)
        place = (row * count + i[:, None]) * D + d[None, :]
        total += tl.load(sums + place, mask=(i < count)[:, None], other=0.0)
    a = tl.sum(total, axis=0).to(kind).to(tl.float32)
    tl.store(z + row * D + d, _unit(a, D).to(kind))


@triton.jit
def _respond_kernel(
    z, encoder_v, decoder, x, sums, kind: tl.constexpr,
    H: tl.constexpr, M: tl.constexpr, D: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    tile, head, text = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    n, d = tile * BN + tl.arange(0, BN), tl.arange(0, D)
    normed = tl.load(z + (text * H + head) * D + d).to(tl.float32)
    total = tl.zeros((D,), dtype=tl.float32)
    for half in tl.static_range(2):
        row = head * 2 * M + half * M + n
        neurons = tl.load(x + text * H * 2 * M + row).to(tl.float32)
        active, place = (neurons > 0.0)[:, None], row[:, None] * D + d[None, :]
        seen = tl.load(encoder_v + place, mask=active, other=0.0).to(tl.float32)
        y = tl.maximum(tl.sum(seen * normed[None, :], axis=1), 0.0).to(kind).to(tl.float32)
        y = (y * neurons).to(kind).to(tl.float32)
        said = tl.load(decoder + place, mask=(y > 0.0)[:, None], other=0.0).to(tl.float32)
        total += tl.sum(said * y[:, None], axis=0)
    tl.store(sums + ((text * H + head) * (M // BN) + tile) * D + d, total)


@triton.jit
def _settle_kernel(sums, v, count, kind: tl.constexpr, D: tl.constexpr, BN: tl.constexpr):
    row, d = tl.program_id(0), tl.arange(0, D)
    total = tl.zeros((BN, D), dtype=tl.float32)
    for first in range(0, count, BN):
        i = first + tl.arange(0, BN)
        place = (row * count + i[:, None]) * D + d[None, :]
        total += tl.load(sums + place, mask=(i < count)[:, None], other=0.0)
    out = tl.sum(total, axis=0).to(kind).to(tl.float32)
    tl.store(v + row * D + d, _unit(tl.load(v + row * D + d) + _unit(out, D), D))


class Room(NamedTuple):
    """Where a layer leaves x (B, H, N), z (B, H, D) and the sums of its tiles; one for all layers."""

    x: Float[Tensor, "B H N"]
    z: Float[Tensor, "B H D"]
    sums: Float[Tensor, "B H K D"]

    @classmethod
    def make(cls, weights: Weights, batch: int) -> "Room":
        """Return room for ``batch`` texts."""
        heads, neurons, width = weights.encoder.shape
        x = weights.encoder.new_empty(batch, heads, neurons)
        shape = (batch, heads, neurons // 2 // _TILE, width)
        sums = torch.empty(shape, dtype=torch.float32, device=x.device)
        return cls(x, weights.encoder.new_empty(batch, heads, width), sums)


def fits(neurons: int, width: int) -> bool:
    """Return whether the kernels know these sizes."""
    return (neurons // 2) % _TILE == 0 and width in (64, 128, 256, 512)


def step(
    v: Float[Tensor, "B D"],
    weights: Weights,
    frequencies: Float[Tensor, "N"],
    position: Int[Tensor, "1"],
    memory: Float[Tensor, "B H N D"],
    decay: Float[Tensor, "H"] | None,
    room: Room,
) -> None:
    """Take one token through one layer: ``v`` (float32) and ``memory`` (float32) are changed in place.

    What ``BDH.layer`` does in recurrent mode, in the same precisions; ``position`` is read on the device, so that a
    captured graph can be replayed at any position.
    """
    (batch, width), (heads, neurons, _) = v.shape, weights.encoder.shape
    half = neurons // 2
    tiles, kind = half // _TILE, _KINDS[weights.encoder.dtype]
    grid = (tiles, heads, batch)
    _remember_kernel[grid](
        v, weights.encoder, frequencies, position, memory, v if decay is None else decay, room.x, room.sums, kind,
        decay is not None, heads, half, width, _TILE, num_warps=_WARPS,
    )  # fmt: skip
    _attend_kernel[(batch * heads,)](room.sums, room.z, tiles, kind, width, 32, num_warps=_WARPS)
    _respond_kernel[grid](
        room.z, weights.encoder_v, weights.decoder, room.x, room.sums, kind, heads, half, width, _TILE,
        num_warps=_WARPS,
    )  # fmt: skip
    _settle_kernel[(batch,)](room.sums, v, heads * tiles, kind, width, 32, num_warps=_WARPS)


_KINDS = {torch.bfloat16: tl.bfloat16, torch.float16: tl.float16, torch.float32: tl.float32}
