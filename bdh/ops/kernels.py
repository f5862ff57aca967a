"""The stages of ``stages`` as Triton kernels for GPUs with bfloat16: products with what follows them in one pass.

A product writes its result once, already rectified, turned, damped or masked. What bounds a layer is then the matrix
rate and no longer the number of times that the H * N wide tensors pass through memory.
"""
# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator,misc"

import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from bdh.ops.rotary import Rotation
from bdh.ops.stages import margins, scale, threshold
from bdh.shapes import Float, Tensor

SMALLEST = 64
"""C, N / 2 and D must be multiples of it: the kernels have no masks."""


@triton.jit
def _product(a, b, i, j, K: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Return rows i... of a (., K) times rows j... of b (., K), transposed, in float32."""
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        total = tl.dot(a.load([i, k]), b.load([j, k]).T, total, input_precision="ieee")
    return total


@triton.jit
def _kept(row, column, seed, least, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Return which entries of a tile dropout keeps; the twin of ``stages.keep_mask``."""
    i, n = row + tl.arange(0, BM), column // 2 + tl.arange(0, BN // 2)
    k = (i[:, None].to(tl.uint32) * (N // 2) + n[None, :]).to(tl.uint32)
    k = (k * 0x9E3779B1) ^ seed.to(tl.uint32)
    k = (k ^ (k >> 16)) * 0x85EBCA6B
    k = (k ^ (k >> 13)) * 0xC2B2AE35
    k = k ^ (k >> 16)
    return tl.reshape(tl.join(k & 0xFFFF, k >> 16), (BM, BN)) >= least


@triton.jit
def _recovered(
    q, cosines, sines, row, column, first,
    PART: tl.constexpr, LEAST: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """Return x of a tile of q; the twin of ``stages.recover``."""
    c, s = cosines.load([first, column // 2]).to(tl.float32), sines.load([first, column // 2]).to(tl.float32)
    p, r = tl.split(tl.reshape(q.load([row, column]).to(tl.float32), (BM, BN // 2, 2)))
    exact = 2.0 - c * c - s * s
    a, b = (p * c + r * s) * exact, (r * c - p * s) * exact
    p = tl.where(a > 0.5 * (PART * b + LEAST), a, 0.0)
    r = tl.where(b > 0.5 * (PART * a + LEAST), b, 0.0)
    return tl.reshape(tl.join(p, r), (BM, BN))


@triton.jit
def _encode_kernel(
    v, encoder, cosines, sines, q, rows, period, PART: tl.constexpr, LEAST: tl.constexpr,
    N: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, first, head = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    total = tl.maximum(_product(v, encoder, first, head * N + column, D, BM, BN, BK), 0.0)
    a, b = tl.split(tl.reshape(total, (BM, BN // 2, 2)))
    p = tl.where(a > 0.0, tl.maximum(a, PART * b + LEAST), 0.0)
    r = tl.where(b > 0.0, tl.maximum(b, PART * a + LEAST), 0.0)
    at = first % period
    c, s = cosines.load([at, column // 2]).to(tl.float32), sines.load([at, column // 2]).to(tl.float32)
    turned = tl.reshape(tl.join(p * c - r * s, r * c + p * s), (BM, BN))
    q.store([head * rows + first, column], turned.to(q.dtype))


@triton.jit
def _scores_kernel(
    q, rates, out, rows, C, DAMPED: tl.constexpr, N: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    tiles = C // BM
    at, to, piece = (tl.program_id(0) // tiles) * BM, (tl.program_id(0) % tiles) * BM, tl.program_id(1)
    i, j = at + tl.arange(0, BM), to + tl.arange(0, BM)
    total = tl.zeros((BM, BM), dtype=tl.float32)
    if to <= at:
        total = _product(q, q, piece * C + at, piece * C + to, N, BM, BM, BK)
        total = tl.where(i[:, None] > j[None, :], total, 0.0)
        if DAMPED:
            rate = tl.load(rates + piece // rows)
            total *= tl.exp2(rate * tl.maximum(i[:, None] - j[None, :], 0).to(tl.float32))
    place = piece.to(tl.int64) * C * C + i[:, None] * C + j[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty))


@triton.jit(do_not_specialize=["seed", "least"])
def _mix_kernel(
    z, encoder_v, q, cosines, sines, y, rows, period, seed, least, growth,
    PART: tl.constexpr, LEAST: tl.constexpr, DROP: tl.constexpr,
    N: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, first, head = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    row = head * rows + first
    mixed = tl.maximum(_product(z, encoder_v, row, head * N + column, D, BM, BN, BK), 0.0)
    mixed *= _recovered(q, cosines, sines, row, column, first % period, PART, LEAST, BM, BN)
    if DROP:
        mixed = tl.where(_kept(row, column, seed, least, N, BM, BN), mixed * growth, 0.0)
    y.store([row, column], mixed.to(y.dtype))


@triton.jit(do_not_specialize=["seed", "least"])
def _unmix_kernel(
    z, encoder_v, upstream, decoder, q, cosines, sines, y, dg, rows, period, seed, least, growth,
    PART: tl.constexpr, LEAST: tl.constexpr, DROP: tl.constexpr,
    N: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Where dropout is on, y > 0 stands for a neuron that is active and kept, and y has grown already."""
    column, first, head = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    row = head * rows + first
    mixed = tl.maximum(_product(z, encoder_v, row, head * N + column, D, BM, BN, BK), 0.0)
    x = _recovered(q, cosines, sines, row, column, first % period, PART, LEAST, BM, BN)
    if DROP:
        mixed = tl.where(_kept(row, column, seed, least, N, BM, BN), mixed * growth, 0.0)
    y.store([row, column], (mixed * x).to(y.dtype))
    x = tl.where(mixed > 0.0, x * growth, 0.0).to(y.dtype)
    dy = _product(upstream, decoder, first, head * N + column, D, BM, BN, BK)
    dg.store([row, column], (dy * x.to(tl.float32)).to(y.dtype))


@triton.jit
def _pair_kernel(
    da, v, rates, out, rows, C, DAMPED: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr
):  # fmt: skip
    tiles = C // BM
    at, to, piece = (tl.program_id(0) // tiles) * BM, (tl.program_id(0) % tiles) * BM, tl.program_id(1)
    i, j = at + tl.arange(0, BM), to + tl.arange(0, BM)
    left, right = piece * C, (piece % rows) * C
    total = tl.zeros((BM, BM), dtype=tl.float32)
    if to <= at:
        below = _product(da, v, left + at, right + to, D, BM, BM, BK)
        total += tl.where(i[:, None] > j[None, :], below, 0.0)
    if to >= at:
        above = _product(v, da, right + at, left + to, D, BM, BM, BK)
        total += tl.where(i[:, None] < j[None, :], above, 0.0)
    if DAMPED:
        total *= tl.exp2(tl.load(rates + piece // rows) * tl.abs(i[:, None] - j[None, :]).to(tl.float32))
    place = piece.to(tl.int64) * C * C + i[:, None] * C + j[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty))


@triton.jit
def _turn_back_kernel(
    pairs, q, tile, y, dg, cosines, sines, left, right, out, C, period, shrink,
    PART: tl.constexpr, LEAST: tl.constexpr,
    K: tl.constexpr, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, first, piece = tl.program_id(0) * BN, tl.program_id(1) * BM, tl.program_id(2)
    row = piece * C + first
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, C, BK):
        total = tl.dot(pairs.load([row, k]), q.load([piece * C + k, column]), total, input_precision="ieee")
    if K > 0:
        total += _product(left, right, row, piece * N + column, K, BM, BN, BK)
    at = row % period
    c, s = cosines.load([at, column // 2]).to(tl.float32), sines.load([at, column // 2]).to(tl.float32)
    p, r = tl.split(tl.reshape(total, (BM, BN // 2, 2)))
    back = tl.reshape(tl.join(p * c + r * s, r * c - p * s), (BM, BN))
    x = _recovered(tile, cosines, sines, row, column, at, PART, LEAST, BM, BN)
    inverse = 1.0 / tl.where(x > 0.0, x, 1.0)
    back += (
        (dg.load([row, column]).to(tl.float32) * inverse) * (y.load([row, column]).to(tl.float32) * inverse) * shrink
    )
    out.store([row, column], tl.where(x > 0.0, back, 0.0).to(out.dtype))


@triton.jit
def _write_kernel(
    q, values, memory, factors, before, after, batch, heads, C,
    OWN: tl.constexpr, EMPTY: tl.constexpr, DAMPED: tl.constexpr,
    N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    column, d, piece = tl.program_id(1) * BM, tl.program_id(0) * BN, tl.program_id(2)
    head, text = piece // batch, piece % batch
    own = (text * heads + head) * N + column
    total = tl.zeros((BM, BN), dtype=tl.float32)
    if not EMPTY:
        total = memory.load([own, d])
        before.store([piece * N + column, d], total.to(before.dtype))
        if DAMPED:
            total *= tl.load(factors + head)
    first = (piece if OWN else text) * C
    for k in range(0, C, BK):
        part = q.load([piece * C + k, column]).T
        total = tl.dot(part, values.load([first + k, d]), total, input_precision="ieee")
    after.store([own, d], total)


@triton.jit
def _place(row, column, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Return the offsets of a tile in (., N)."""
    return (row + tl.arange(0, BM)).to(tl.int64)[:, None] * N + column + tl.arange(0, BN)[None, :]


@triton.jit
def _carry_kernel(
    written, memory, whole, before, after, batch, count, heads,
    EMPTY: tl.constexpr, DAMPED: tl.constexpr, N: tl.constexpr, D: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    column, text, head = tl.program_id(0) * BN, tl.program_id(1), tl.program_id(2)
    own = _place((text * heads + head) * N + column, 0, D, BN, D)
    now = tl.zeros((BN, D), dtype=tl.float32)
    if not EMPTY:
        now = tl.load(memory + own).to(tl.float32)
    for piece in range(count):
        place = _place(((head * batch + text) * count + piece) * N + column, 0, D, BN, D)
        adds = tl.load(written + place).to(tl.float32)
        tl.store(before + place, now.to(before.dtype.element_ty))
        if DAMPED:
            now *= tl.load(whole + head)
        now += adds
    tl.store(after + own, now)


def _tiled(tensor: Tensor, rows: int, columns: int) -> TensorDescriptor:
    """Return the tensor as (., last axis), to be read and written in tiles by the chip's copy engine."""
    flat = tensor.contiguous().view(-1, tensor.shape[-1])
    return TensorDescriptor(flat, list(flat.shape), list(flat.stride()), [rows, columns])


def encode(v: Float[Tensor, "R C D"], encoder: Float[Tensor, "H N D"], rotation: Rotation) -> Float[Tensor, "H R C N"]:
    """Return what ``stages.encode`` returns."""
    (rows, length, width), (heads, neurons, _) = v.shape, encoder.shape
    q = torch.empty(heads, rows, length, neurons, dtype=v.dtype, device=v.device)
    bm, bn, bk, warps, depth = _tiles("encode", length)
    _encode_kernel[(neurons // bn, rows * length // bm, heads)](
        _tiled(v, bm, bk), _tiled(encoder, bn, bk), *(_tiled(table, bm, bn // 2) for table in rotation),
        _tiled(q, bm, bn), rows * length, rotation[0].shape[0], *margins(q.dtype), neurons, width, bm, bn, bk,
        num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return q


def scores(q: Float[Tensor, "H R C N"], rates: Float[Tensor, "H"] | None) -> Float[Tensor, "H R C C"]:
    """Return what ``stages.scores`` returns; blocks above the diagonal are never computed."""
    heads, rows, length, neurons = q.shape
    out = torch.empty(heads, rows, length, length, dtype=q.dtype, device=q.device)
    bm, _, bk, warps, depth = _tiles("scores", length)
    _scores_kernel[((length // bm) ** 2, heads * rows)](
        _tiled(q, bm, bk), out if rates is None else rates, out, rows, length, rates is not None, neurons, bm, bk,
        num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return out


def mix(
    z: Float[Tensor, "H R C D"],
    encoder_v: Float[Tensor, "H N D"],
    q: Float[Tensor, "H R C N"],
    rotation: Rotation,
    drop: float,
    seed: int,
) -> Float[Tensor, "H R C N"]:
    """Return what ``stages.mix`` returns, by the same dropout mask."""
    heads, rows, length, neurons = q.shape
    y = torch.empty_like(q)
    bm, bn, bk, warps, depth = _tiles("mix", length)
    _mix_kernel[(neurons // bn, rows * length // bm, heads)](
        _tiled(z, bm, bk), _tiled(encoder_v, bn, bk), _tiled(q, bm, bn),
        *(_tiled(table, bm, bn // 2) for table in rotation), _tiled(y, bm, bn), rows * length, rotation[0].shape[0],
        seed, threshold(drop), scale(drop), *margins(q.dtype), drop > 0, neurons, z.shape[-1], bm, bn, bk,
        num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return y


def unmix(
    z: Float[Tensor, "H R C D"],
    encoder_v: Float[Tensor, "H N D"],
    upstream: Float[Tensor, "R C D"],
    decoder: Float[Tensor, "H N D"],
    q: Float[Tensor, "H R C N"],
    rotation: Rotation,
    drop: float,
    seed: int,
) -> tuple[Float[Tensor, "H R C N"], Float[Tensor, "H R C N"]]:
    """Return what ``stages.unmix`` returns: two products in one pass."""
    heads, rows, length, neurons = q.shape
    y, dg = torch.empty_like(q), torch.empty_like(q)
    bm, bn, bk, warps, depth = _tiles("unmix", length)
    _unmix_kernel[(neurons // bn, rows * length // bm, heads)](
        _tiled(z, bm, bk), _tiled(encoder_v, bn, bk), _tiled(upstream, bm, bk), _tiled(decoder, bn, bk),
        _tiled(q, bm, bn), *(_tiled(table, bm, bn // 2) for table in rotation),
        _tiled(y, bm, bn), _tiled(dg, bm, bn), rows * length, rotation[0].shape[0],
        seed, threshold(drop), scale(drop), *margins(q.dtype), drop > 0, neurons, z.shape[-1], bm, bn, bk,
        num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return y, dg


def pair(
    da: Float[Tensor, "H R C D"], v: Float[Tensor, "R C D"], rates: Float[Tensor, "H"] | None
) -> Float[Tensor, "H R C C"]:
    """Return what ``stages.pair`` returns."""
    heads, rows, length, width = da.shape
    out = torch.empty(heads, rows, length, length, dtype=da.dtype, device=da.device)
    bm, _, bk, warps, depth = _tiles("pair", length)
    _pair_kernel[((length // bm) ** 2, heads * rows)](
        _tiled(da, bm, bk), _tiled(v, bm, bk), out if rates is None else rates, out, rows, length, rates is not None,
        width, bm, bk, num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return out


def turn_back(
    pairs: Float[Tensor, "H R C C"],
    q: Float[Tensor, "H R C N"],
    y: Float[Tensor, "H R C N"],
    dg: Float[Tensor, "H R C N"],
    rotation: Rotation,
    drop: float,
    extra: tuple[Float[Tensor, "H R C K"], Float[Tensor, "H R N K"]] | None,
) -> Float[Tensor, "H R C N"]:
    """Return what ``stages.turn_back`` returns."""
    heads, rows, length, neurons = q.shape
    out = torch.empty_like(q)
    left, right = (pairs, pairs) if extra is None else extra
    bm, bn, bk, warps, depth = _tiles("turn_back", length)
    _turn_back_kernel[(neurons // bn, length // bm, heads * rows)](
        _tiled(pairs, bm, bk), _tiled(q, bk, bn), *(_tiled(part, bm, bn) for part in (q, y, dg)),
        *(_tiled(table, bm, bn // 2) for table in rotation), _tiled(left, bm, bk), _tiled(right, bn, bk),
        _tiled(out, bm, bn), length, rotation[0].shape[0], 1.0 / scale(drop), *margins(q.dtype),
        0 if extra is None else left.shape[-1], neurons, bm, bn, bk, num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return out


def write(
    q: Float[Tensor, "H R C N"],
    values: Float[Tensor, "H R C D"],
    memory: Float[Tensor, "R H N D"] | None,
    whole: Float[Tensor, "H 1 1"] | None,
    after: Float[Tensor, "R H N D"],
) -> Float[Tensor, "H R N D"] | None:
    """Return what ``stages.write`` returns: the product, the sum and the narrow copy in one pass, summed in float32."""
    (heads, rows, length, neurons), width = q.shape, values.shape[-1]
    held = after if memory is None else memory
    before = None if memory is None else torch.empty(heads, rows, neurons, width, dtype=q.dtype, device=q.device)
    factors = after if whole is None else whole.float().contiguous()
    bm, bn, bk, warps, depth = TILES["write"]
    bn, bk = min(bn, width), min(bk, length & -length)
    _write_kernel[(width // bn, neurons // bm, heads * rows)](
        _tiled(q, bk, bm), _tiled(values, bk, bn), _tiled(held, bm, bn), factors,
        _tiled(values if before is None else before, bm, bn), _tiled(after, bm, bn), rows, heads, length,
        values.shape[0] > 1, memory is None, whole is not None, neurons, bm, bn, bk,
        num_warps=warps, num_stages=depth,
    )  # fmt: skip
    return before


def carry(
    written: Float[Tensor, "H R N D"],
    memory: Float[Tensor, "B H N D"] | None,
    whole: Float[Tensor, "H 1 1"] | None,
    count: int,
    after: Float[Tensor, "B H N D"],
) -> Float[Tensor, "H R N D"]:
    """Return what ``stages.carry`` returns; the running memory stays in registers, in float32."""
    heads, rows, neurons, width = written.shape
    before, factors = torch.empty_like(written), written if whole is None else whole.float().contiguous()
    held = after if memory is None else memory.contiguous()
    _carry_kernel[(neurons // 16, rows // count, heads)](
        written, held, factors, before, after, rows // count, count, heads, memory is None, whole is not None,
        neurons, width, 16, num_warps=4,
    )  # fmt: skip
    return before


TILES: dict[str, tuple[int, int, int, int, int]] = {
    "encode": (64, 128, 64, 4, 2),
    "scores": (128, 128, 64, 8, 3),
    "mix": (128, 128, 64, 8, 3),
    "unmix": (64, 128, 64, 4, 3),
    "pair": (64, 64, 64, 4, 3),
    "turn_back": (128, 128, 64, 4, 3),
    "write": (128, 128, 64, 8, 3),
}
"""Rows, columns, depth of a step, warps and stages of each kernel: the fastest of some eight, measured on an H200."""


def _tiles(name: str, length: int) -> tuple[int, int, int, int, int]:
    bm, bn, bk, warps, depth = TILES[name]
    return min(bm, length & -length), bn, bk, warps, depth
