"""The elementwise kernels of ``fused_reference`` in Triton; ``triton_matmul`` has the matrix products.

A product with much work on its result is faster as a cuBLAS product followed by an elementwise kernel at memory rate
than as one kernel: hence ``rotate_backward``.
"""
# mypy: disable-error-code="no-untyped-call,no-untyped-def,untyped-decorator,misc"

import torch
import triton
import triton.language as tl

from bdh.ops.fused_reference import scale
from bdh.ops.rotary import Rotation
from bdh.shapes import Float, Tensor


@triton.jit
def _phases(cosines, sines, row, column, period, N: tl.constexpr, BN: tl.constexpr):
    """Return the offsets of neurons column... of a row, and the phases of their pairs."""
    at = (row % period) * (N // 2) + column // 2 + tl.arange(0, BN // 2)
    place = row * N + column + tl.arange(0, BN)
    return place, tl.load(cosines + at).to(tl.float32), tl.load(sines + at).to(tl.float32)


@triton.jit
def _rotate_kernel(x, cosines, sines, q, period, N: tl.constexpr, BN: tl.constexpr):
    row, column = tl.program_id(0).to(tl.int64), tl.program_id(1) * BN
    place, c, s = _phases(cosines, sines, row, column, period, N, BN)
    p, r = tl.split(tl.reshape(tl.load(x + place).to(tl.float32), (BN // 2, 2)))
    rotated = tl.reshape(tl.join(p * c - r * s, r * c + p * s), (BN,))
    tl.store(q + place, rotated.to(q.dtype.element_ty))


@triton.jit
def _rotate_backward_kernel(
    dq, x, y, dg, by_y, cosines, sines, out, period, shrink, APART: tl.constexpr, N: tl.constexpr, BN: tl.constexpr
):  # fmt: skip
    row, column = tl.program_id(0).to(tl.int64), tl.program_id(1) * BN
    place, c, s = _phases(cosines, sines, row, column, period, N, BN)
    p, r = tl.split(tl.reshape(tl.load(dq + place).to(tl.float32), (BN // 2, 2)))
    back = tl.reshape(tl.join(p * c + r * s, r * c - p * s), (BN,))
    neurons = tl.load(x + place).to(tl.float32)
    if APART:
        back += tl.load(by_y + place).to(tl.float32)
    else:
        inverse = 1.0 / tl.where(neurons > 0.0, neurons, 1.0)
        back += (tl.load(dg + place).to(tl.float32) * inverse) * (tl.load(y + place).to(tl.float32) * inverse) * shrink
    tl.store(out + place, tl.where(neurons > 0.0, back, 0.0).to(out.dtype.element_ty))


@triton.jit
def _place(row, column, N: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Return the offsets of a tile in (., N)."""
    return (row + tl.arange(0, BM)).to(tl.int64)[:, None] * N + column + tl.arange(0, BN)[None, :]


@triton.jit
def _scan_memory_kernel(
    written, memory, whole, before, after, batch, count, heads, shrink,
    EMPTY: tl.constexpr, DAMPED: tl.constexpr, N: tl.constexpr, D: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    column, text, head = tl.program_id(0) * BN, tl.program_id(1), tl.program_id(2)
    own = _place((text * heads + head) * N + column, 0, D, BN, D)
    now = tl.zeros((BN, D), dtype=tl.float32)
    if not EMPTY:
        now = tl.load(memory + own).to(tl.float32)
    for chunk in range(count):
        row = (head * batch + text) * count + chunk
        place = _place(row * N + column, 0, D, BN, D)
        adds = tl.load(written + place).to(tl.float32)
        tl.store(before + place, (now * shrink).to(before.dtype.element_ty))
        if DAMPED:
            now *= tl.load(whole + row)
        now += adds
    tl.store(after + own, now)


def rotate(x: Float[Tensor, "H R C N"], rotation: Rotation) -> Float[Tensor, "H R C N"]:
    """Return what ``fused_reference.rotate`` returns."""
    q, width = torch.empty_like(x), _width(x.shape[-1])
    grid = (x.numel() // x.shape[-1], x.shape[-1] // width)
    tables = [table.contiguous() for table in rotation]
    _rotate_kernel[grid](x, *tables, q, rotation[0].shape[0], x.shape[-1], width, num_warps=4)
    return q


def rotate_backward(
    pairs: Float[Tensor, "H R C C"],
    q: Float[Tensor, "H R C N"],
    x: Float[Tensor, "H R C N"],
    y: Float[Tensor, "H R C N"],
    dg: Float[Tensor, "H R C N"],
    rotation: Rotation,
    drop: float,
    extra: tuple[Float[Tensor, "H R C K"], Float[Tensor, "H R N K"]] | None,
    by_y: Float[Tensor, "H R C N"] | None = None,
) -> Float[Tensor, "H R C N"]:
    """Return what ``fused_reference.rotate_backward`` returns."""
    neurons, width, tables = x.shape[-1], _width(x.shape[-1]), [table.contiguous() for table in rotation]
    if extra is None:
        dq = pairs @ q
    else:
        dq = extra[0] @ extra[1].mT
        dq.flatten(0, 1).baddbmm_(pairs.flatten(0, 1), q.flatten(0, 1))
    _rotate_backward_kernel[(x.numel() // neurons, neurons // width)](
        dq, x, y, dg, dg if by_y is None else by_y, *tables, dq, rotation[0].shape[0], 1.0 / scale(drop),
        by_y is not None, neurons, width, num_warps=4,
    )  # fmt: skip
    return dq


def scan_memory(
    written: Float[Tensor, "H R N D"],
    memory: Float[Tensor, "B H N D"] | None,
    whole: Float[Tensor, "H R 1 1"] | None,
    count: int,
    after: Float[Tensor, "B H N D"],
    shrink: float = 1.0,
) -> Float[Tensor, "H R N D"]:
    """Return what ``fused_reference.scan_memory`` returns; the running memory is in registers, in float32."""
    heads, rows, neurons, width = written.shape
    before, factors = torch.empty_like(written), written if whole is None else whole.float().contiguous()
    old = after if memory is None else memory.contiguous()
    _scan_memory_kernel[(neurons // 16, rows // count, heads)](
        written, old, factors, before, after, rows // count, count, heads, shrink, memory is None, whole is not None,
        neurons, width, 16, num_warps=4,
    )  # fmt: skip
    return before


def _width(neurons: int) -> int:
    """Return the number of neurons of a row that one program computes."""
    return min(1024, neurons & -neurons)
