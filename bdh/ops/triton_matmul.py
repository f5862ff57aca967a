"""The kernels of ``fused_reference`` in Triton, for GPUs with bfloat16: matrix products fused with what follows them.

A product writes its result once, already rectified, rotated, damped or masked. A layer is then bound by the matrix
rate, not by how often the H * N wide tensors pass through memory.
"""
# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator,misc"

import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from bdh.ops.fused_reference import scale, threshold
from bdh.ops.rotary import Rotation
from bdh.ops.triton_elementwise import rotate as rotate
from bdh.ops.triton_elementwise import rotate_backward as rotate_backward
from bdh.ops.triton_elementwise import scan_memory as scan_memory
from bdh.shapes import Float, Int, Tensor

SMALLEST = 64
"""C, N / 2 and D must be multiples of this: the kernels have no masks."""


@triton.jit
def _product(a, b, i, j, K: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Return rows i... of a (., K) times rows j... of b (., K), transposed, in float32."""
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        total = tl.dot(a.load([i, k]), b.load([j, k]).T, total, input_precision="ieee")
    return total


@triton.jit
def _rotated(x, cosines, sines, row, column, BM: tl.constexpr, BN: tl.constexpr):
    """Return a tile with its pairs of neighbours rotated by their phases."""
    c, s = cosines.load([row, column // 2]).to(tl.float32), sines.load([row, column // 2]).to(tl.float32)
    p, r = tl.split(tl.reshape(x, (BM, BN // 2, 2)))
    return tl.reshape(tl.join(p * c - r * s, r * c + p * s), (BM, BN))


@triton.jit
def _kept(row, column, seed, least, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Return which entries of a tile dropout keeps; the same as ``fused_reference.keep_mask``."""
    i, n = row + tl.arange(0, BM), column // 2 + tl.arange(0, BN // 2)
    k = (i[:, None].to(tl.uint32) * (N // 2) + n[None, :]).to(tl.uint32)
    k = (k * 0x9E3779B1) ^ seed.to(tl.uint32)
    k = (k ^ (k >> 16)) * 0x85EBCA6B
    k = (k ^ (k >> 13)) * 0xC2B2AE35
    k = k ^ (k >> 16)
    return tl.reshape(tl.join(k & 0xFFFF, k >> 16), (BM, BN)) >= least


@triton.jit
def _encode_kernel(
    v, encoder, cosines, sines, x, q, rows, period,
    N: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, first, head = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    total = tl.maximum(_product(v, encoder, first, head * N + column, D, BM, BN, BK), 0.0)
    row = head * rows + first
    kind = x.dtype
    x.store([row, column], total.to(kind))
    q.store([row, column], _rotated(total, cosines, sines, first % period, column, BM, BN).to(kind))


@triton.jit
def _same(starts, row, i, j):
    """Return which pairs of tokens of a chunk are in one document."""
    return tl.load(starts + row + i)[:, None] == tl.load(starts + row + j)[None, :]


@triton.jit
def _scores_kernel(
    q, rates, starts, out, rows, C, shrink, DAMPED: tl.constexpr, SPLIT: tl.constexpr,
    N: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    tiles = C // BM
    at, to, chunk = (tl.program_id(0) // tiles) * BM, (tl.program_id(0) % tiles) * BM, tl.program_id(1)
    i, j = at + tl.arange(0, BM), to + tl.arange(0, BM)
    total = tl.zeros((BM, BM), dtype=tl.float32)
    if to <= at:
        total = _product(q, q, chunk * C + at, chunk * C + to, N, BM, BM, BK)
        total = tl.where(i[:, None] > j[None, :], total * shrink, 0.0)
        if SPLIT:
            total = tl.where(_same(starts, (chunk % rows) * C, i, j), total, 0.0)
        if DAMPED:
            rate = tl.load(rates + chunk // rows)
            total *= tl.exp2(rate * tl.maximum(i[:, None] - j[None, :], 0).to(tl.float32))
    place = chunk.to(tl.int64) * C * C + i[:, None] * C + j[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty))


@triton.jit(do_not_specialize=["seed", "least"])
def _gate_kernel(
    z, encoder_v, x, y, rows, seed, least, growth, DROP: tl.constexpr,
    N: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, first, head = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    row = head * rows + first
    mixed = tl.maximum(_product(z, encoder_v, row, head * N + column, D, BM, BN, BK), 0.0)
    mixed *= x.load([row, column]).to(tl.float32)
    if DROP:
        mixed = tl.where(_kept(row, column, seed, least, N, BM, BN), mixed * growth, 0.0)
    y.store([row, column], mixed.to(y.dtype))


@triton.jit(do_not_specialize=["seed", "least"])
def _gate_backward_kernel(
    z, encoder_v, upstream, decoder, x, y, dg, by_y, rows, seed, least, growth, DROP: tl.constexpr, APART: tl.constexpr,
    N: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """With dropout, g > 0 marks a neuron that is active and not dropped, and g is already scaled.

    ``by_y`` is written only if APART.
    """
    column, first, head = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    row = head * rows + first
    g = tl.maximum(_product(z, encoder_v, row, head * N + column, D, BM, BN, BK), 0.0)
    if DROP:
        g = tl.where(_kept(row, column, seed, least, N, BM, BN), g * growth, 0.0)
    neurons = x.load([row, column]).to(tl.float32)
    y.store([row, column], (g * neurons).to(y.dtype))
    if APART:
        dy = _product(upstream, decoder, first, head * N + column, D, BM, BN, BK)
        by_y.store([row, column], (dy * g).to(y.dtype))
        dg.store([row, column], (dy * tl.where(g > 0.0, neurons * growth, 0.0)).to(y.dtype))
    else:
        neurons = tl.where(g > 0.0, neurons * growth, 0.0).to(y.dtype)
        dy = _product(upstream, decoder, first, head * N + column, D, BM, BN, BK)
        dg.store([row, column], (dy * neurons.to(tl.float32)).to(y.dtype))


@triton.jit
def _scores_backward_kernel(
    da, v, rates, starts, out, rows, C, shrink, DAMPED: tl.constexpr, SPLIT: tl.constexpr,
    D: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    tiles = C // BM
    at, to, chunk = (tl.program_id(0) // tiles) * BM, (tl.program_id(0) % tiles) * BM, tl.program_id(1)
    i, j = at + tl.arange(0, BM), to + tl.arange(0, BM)
    left, right = chunk * C, (chunk % rows) * C
    total = tl.zeros((BM, BM), dtype=tl.float32)
    if to <= at:
        below = _product(da, v, left + at, right + to, D, BM, BM, BK)
        total += tl.where(i[:, None] > j[None, :], below, 0.0)
    if to >= at:
        above = _product(v, da, right + at, left + to, D, BM, BM, BK)
        total += tl.where(i[:, None] < j[None, :], above, 0.0)
    total *= shrink
    if SPLIT:
        total = tl.where(_same(starts, right, i, j), total, 0.0)
    if DAMPED:
        total *= tl.exp2(tl.load(rates + chunk // rows) * tl.abs(i[:, None] - j[None, :]).to(tl.float32))
    place = chunk.to(tl.int64) * C * C + i[:, None] * C + j[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty))


@triton.jit
def _write_memory_kernel(
    q, values, memory, factors, before, after, batch, heads, C, shrink,
    OWN: tl.constexpr, EMPTY: tl.constexpr, DAMPED: tl.constexpr,
    N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, d, chunk = tl.program_id(1) * BM, tl.program_id(0) * BN, tl.program_id(2)
    head, text = chunk // batch, chunk % batch
    own, first = (text * heads + head) * N + column, (chunk if OWN else text) * C
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, C, BK):
        part = q.load([chunk * C + k, column]).T
        total = tl.dot(part, values.load([first + k, d]), total, input_precision="ieee")
    if not EMPTY:
        old = memory.load([own, d])
        before.store([chunk * N + column, d], (old * shrink).to(before.dtype))
        if DAMPED:
            old *= tl.load(factors + chunk)
        total += old
    after.store([own, d], total)


def _tiled(tensor: Tensor, rows: int, columns: int) -> TensorDescriptor:
    """Return a descriptor of the tensor as (., last axis), for tiles copied by the tensor memory accelerator."""
    flat = tensor.contiguous().view(-1, tensor.shape[-1])
    return TensorDescriptor(flat, list(flat.shape), list(flat.stride()), [rows, columns])


def encode(
    v: Float[Tensor, "R C D"], encoder: Float[Tensor, "H N D"], rotation: Rotation
) -> tuple[Float[Tensor, "H R C N"], Float[Tensor, "H R C N"]]:
    """Return what ``fused_reference.encode`` returns."""
    (rows, length, width), (heads, neurons, _) = v.shape, encoder.shape
    x = torch.empty(heads, rows, length, neurons, dtype=v.dtype, device=v.device)
    q = torch.empty_like(x)
    bm, bn, bk, how = _tiles("encode", length)
    _encode_kernel[(neurons // bn, rows * length // bm, heads)](
        _tiled(v, bm, bk), _tiled(encoder, bn, bk), *(_tiled(table, bm, bn // 2) for table in rotation),
        _tiled(x, bm, bn), _tiled(q, bm, bn), rows * length, rotation[0].shape[0], neurons, width, bm, bn, bk, **how,
    )  # fmt: skip
    return x, q


def scores(
    q: Float[Tensor, "H R C N"],
    rates: Float[Tensor, "H"] | None,
    starts: Int[Tensor, "R C"] | None = None,
    shrink: float = 1.0,
) -> Float[Tensor, "H R C C"]:
    """Return what ``fused_reference.scores`` returns; tiles above the diagonal are not computed."""
    heads, rows, length, neurons = q.shape
    out = torch.empty(heads, rows, length, length, dtype=q.dtype, device=q.device)
    bm, _, bk, how = _tiles("scores", length)
    _scores_kernel[((length // bm) ** 2, heads * rows)](
        _tiled(q, bm, bk), out if rates is None else rates, out if starts is None else starts, out, rows, length,
        shrink, rates is not None, starts is not None, neurons, bm, bk, **how,
    )  # fmt: skip
    return out


def gate(
    z: Float[Tensor, "H R C D"], encoder_v: Float[Tensor, "H N D"], x: Float[Tensor, "H R C N"], drop: float, seed: int
) -> Float[Tensor, "H R C N"]:
    """Return what ``fused_reference.gate`` returns, with the same dropout mask."""
    heads, rows, length, neurons = x.shape
    y = torch.empty_like(x)
    bm, bn, bk, how = _tiles("gate", length)
    _gate_kernel[(neurons // bn, rows * length // bm, heads)](
        _tiled(z, bm, bk), _tiled(encoder_v, bn, bk), _tiled(x, bm, bn), _tiled(y, bm, bn), rows * length,
        seed, threshold(drop), scale(drop), drop > 0, neurons, z.shape[-1], bm, bn, bk, **how,
    )  # fmt: skip
    return y


def gate_backward(
    z: Float[Tensor, "H R C D"],
    encoder_v: Float[Tensor, "H N D"],
    upstream: Float[Tensor, "R C D"],
    decoder: Float[Tensor, "H N D"],
    x: Float[Tensor, "H R C N"],
    drop: float,
    seed: int,
) -> tuple[Float[Tensor, "H R C N"], Float[Tensor, "H R C N"], Float[Tensor, "H R C N"] | None]:
    """Return what ``fused_reference.gate_backward`` returns, both products in one kernel."""
    heads, rows, length, neurons = x.shape
    y, dg = torch.empty_like(x), torch.empty_like(x)
    by_y = torch.empty_like(x) if x.dtype == torch.float16 else None
    bm, bn, bk, how = _tiles("gate_backward", length)
    _gate_backward_kernel[(neurons // bn, rows * length // bm, heads)](
        _tiled(z, bm, bk), _tiled(encoder_v, bn, bk), _tiled(upstream, bm, bk), _tiled(decoder, bn, bk),
        _tiled(x, bm, bn), _tiled(y, bm, bn), _tiled(dg, bm, bn), _tiled(dg if by_y is None else by_y, bm, bn),
        rows * length, seed, threshold(drop), scale(drop), drop > 0, by_y is not None, neurons, z.shape[-1],
        bm, bn, bk, **how,
    )  # fmt: skip
    return y, dg, by_y


def scores_backward(
    da: Float[Tensor, "H R C D"],
    v: Float[Tensor, "R C D"],
    rates: Float[Tensor, "H"] | None,
    starts: Int[Tensor, "R C"] | None = None,
    shrink: float = 1.0,
) -> Float[Tensor, "H R C C"]:
    """Return what ``fused_reference.scores_backward`` returns."""
    heads, rows, length, width = da.shape
    out = torch.empty(heads, rows, length, length, dtype=da.dtype, device=da.device)
    bm, _, bk, how = _tiles("scores_backward", length)
    _scores_backward_kernel[((length // bm) ** 2, heads * rows)](
        _tiled(da, bm, bk), _tiled(v, bm, bk), out if rates is None else rates, out if starts is None else starts, out,
        rows, length, shrink, rates is not None, starts is not None, width, bm, bk, **how,
    )  # fmt: skip
    return out


def weight_gradient(wide: Float[Tensor, "H R C N"], narrow: Float[Tensor, "H R C D"]) -> Float[Tensor, "H N D"]:
    """Return what ``fused_reference.weight_gradient`` returns, not rounded to 16 bits."""
    return torch.bmm(wide.flatten(1, 2).mT, narrow.flatten(1, 2), out_dtype=torch.float32)


def write_memory(
    q: Float[Tensor, "H R C N"],
    values: Float[Tensor, "#H R C D"],
    memory: Float[Tensor, "R H N D"] | None,
    whole: Float[Tensor, "H R 1 1"] | None,
    after: Float[Tensor, "R H N D"],
    shrink: float = 1.0,
) -> Float[Tensor, "H R N D"] | None:
    """Return what ``fused_reference.write_memory`` returns: product, sum and narrow copy in one kernel, in float32."""
    (heads, rows, length, neurons), width = q.shape, values.shape[-1]
    old = after if memory is None else memory
    before = None if memory is None else torch.empty(heads, rows, neurons, width, dtype=q.dtype, device=q.device)
    factors = after if whole is None else whole.float().contiguous()
    bm, bn, bk, how = _tiles("write_memory", neurons)
    bk = min(bk, length & -length)
    _write_memory_kernel[(width // bn, neurons // bm, heads * rows)](
        _tiled(q, bk, bm), _tiled(values, bk, bn), _tiled(old, bm, bn), factors,
        _tiled(values if before is None else before, bm, bn), _tiled(after, bm, bn), rows, heads, length, shrink,
        values.shape[0] > 1, memory is None, whole is not None, neurons, bm, bn, bk, **how,
    )  # fmt: skip
    return before


TILES: dict[str, tuple[int, int, int, int, int, int | None]] = {
    "encode": (64, 128, 64, 4, 2, None),
    "scores": (128, 128, 64, 8, 3, None),
    "gate": (128, 128, 64, 8, 3, None),
    "gate_backward": (64, 128, 64, 4, 3, 168),
    "scores_backward": (64, 64, 64, 4, 3, None),
    "write_memory": (128, 64, 64, 4, 3, 168),
}
"""Rows, columns, depth of a step, warps, pipeline stages and registers per thread: the fastest measured on an H200."""


def _tiles(name: str, length: int) -> tuple[int, int, int, dict[str, int]]:
    bm, bn, bk, warps, depth, registers = TILES[name]
    how = {"num_warps": warps, "num_stages": depth} | ({} if registers is None else {"maxnreg": registers})
    return min(bm, length & -length), bn, bk, how
