"""The stages of ``stages`` that pass once over wide tensors or memories, as Triton kernels; ``kernels`` has the others.

A product that is followed by much work on its result is faster as a large product of the library and a pass at the
rate of memory than as one kernel: so ``turn_back``.
"""
# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator,misc"

import torch
import triton
import triton.language as tl

from bdh.ops.rotary import Rotation
from bdh.ops.stages import scale
from bdh.shapes import Float, Tensor


@triton.jit
def _phases(cosines, sines, row, column, period, N: tl.constexpr, BN: tl.constexpr):
    """Return where neurons column... of a row stand, and the phases of their pairs."""
    at = (row % period) * (N // 2) + column // 2 + tl.arange(0, BN // 2)
    place = row * N + column + tl.arange(0, BN)
    return place, tl.load(cosines + at).to(tl.float32), tl.load(sines + at).to(tl.float32)


@triton.jit
def _turn_kernel(x, cosines, sines, q, period, N: tl.constexpr, BN: tl.constexpr):
    row, column = tl.program_id(0).to(tl.int64), tl.program_id(1) * BN
    place, c, s = _phases(cosines, sines, row, column, period, N, BN)
    p, r = tl.split(tl.reshape(tl.load(x + place).to(tl.float32), (BN // 2, 2)))
    turned = tl.reshape(tl.join(p * c - r * s, r * c + p * s), (BN,))
    tl.store(q + place, turned.to(q.dtype.element_ty))


@triton.jit
def _turn_back_kernel(
    dq, x, y, dg, cosines, sines, out, period, shrink, N: tl.constexpr, BN: tl.constexpr
):  # fmt: skip
    row, column = tl.program_id(0).to(tl.int64), tl.program_id(1) * BN
    place, c, s = _phases(cosines, sines, row, column, period, N, BN)
    p, r = tl.split(tl.reshape(tl.load(dq + place).to(tl.float32), (BN // 2, 2)))
    back = tl.reshape(tl.join(p * c + r * s, r * c - p * s), (BN,))
    neurons = tl.load(x + place).to(tl.float32)
    inverse = 1.0 / tl.where(neurons > 0.0, neurons, 1.0)
    back += (tl.load(dg + place).to(tl.float32) * inverse) * (tl.load(y + place).to(tl.float32) * inverse) * shrink
    tl.store(out + place, tl.where(neurons > 0.0, back, 0.0).to(out.dtype.element_ty))


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


def turn(x: Float[Tensor, "H R C N"], rotation: Rotation) -> Float[Tensor, "H R C N"]:
    """Return what ``stages.turn`` returns."""
    q, width = torch.empty_like(x), _width(x.shape[-1])
    grid = (x.numel() // x.shape[-1], x.shape[-1] // width)
    tables = [table.contiguous() for table in rotation]
    _turn_kernel[grid](x, *tables, q, rotation[0].shape[0], x.shape[-1], width, num_warps=4)
    return q


def turn_back(
    pairs: Float[Tensor, "H R C C"],
    q: Float[Tensor, "H R C N"],
    x: Float[Tensor, "H R C N"],
    y: Float[Tensor, "H R C N"],
    dg: Float[Tensor, "H R C N"],
    rotation: Rotation,
    drop: float,
    extra: tuple[Float[Tensor, "H R C K"], Float[Tensor, "H R N K"]] | None,
) -> Float[Tensor, "H R C N"]:
    """Return what ``stages.turn_back`` returns."""
    neurons, width, tables = x.shape[-1], _width(x.shape[-1]), [table.contiguous() for table in rotation]
    if extra is None:
        dq = pairs @ q
    else:
        dq = extra[0] @ extra[1].mT
        dq.flatten(0, 1).baddbmm_(pairs.flatten(0, 1), q.flatten(0, 1))
    _turn_back_kernel[(x.numel() // neurons, neurons // width)](
        dq, x, y, dg, *tables, dq, rotation[0].shape[0], 1.0 / scale(drop), neurons, width, num_warps=4
    )
    return dq


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


def _width(neurons: int) -> int:
    """Return how many neurons of a row one program takes."""
    return min(1024, neurons & -neurons)
