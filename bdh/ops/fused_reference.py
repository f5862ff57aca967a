"""The kernels of one fused layer in plain torch, forward and backward; the Triton kernels are tested against them.

Wide tensors are head first, (H, R, C, N): R chunks of C tokens each, a chunk being a row of the batch or one of the
``count`` chunks of a row. Weights are (H, N, D). Rotary tables are those of ``make_pair_rotation``.
"""

import torch
import torch.nn.functional as F

from bdh.ops.rotary import Rotation
from bdh.shapes import Bool, Float, Int, Tensor

_GOLDEN, _MIX_1, _MIX_2, _WORD = 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0xFFFFFFFF


def encode(
    v: Float[Tensor, "R C D"], encoder: Float[Tensor, "H N D"], rotation: Rotation
) -> tuple[Float[Tensor, "H R C N"], Float[Tensor, "H R C N"]]:
    """Return x = relu(v @ encoder) and q = rope(x); ``rotation`` (P, N / 2) is repeated along the R * C tokens."""
    x = F.relu(v @ encoder.mT[:, None])
    return x, _rotate(x, rotation)


def scores(
    q: Float[Tensor, "H R C N"],
    rates: Float[Tensor, "H"] | None,
    starts: Int[Tensor, "R C"] | None = None,
    shrink: float = 1.0,
) -> Float[Tensor, "H R C C"]:
    """Return q_t . q_s * 2^(rate (t - s)) * shrink where s < t and both are of one document, else 0."""
    root = shrink**0.5  # on both factors, so that 16 bits do not overflow
    return _damp(((q * root) @ (q * root).mT).tril(-1), rates, starts)


def gate(
    z: Float[Tensor, "H R C D"], encoder_v: Float[Tensor, "H N D"], x: Float[Tensor, "H R C N"], drop: float, seed: int
) -> Float[Tensor, "H R C N"]:
    """Return y = relu(z @ encoder_v) * x, after dropout of the share ``drop`` by the mask of ``seed``."""
    return _keep(F.relu(z @ encoder_v.mT[:, None]) * x, drop, seed)


def gate_backward(
    z: Float[Tensor, "H R C D"],
    encoder_v: Float[Tensor, "H N D"],
    upstream: Float[Tensor, "R C D"],
    decoder: Float[Tensor, "H N D"],
    x: Float[Tensor, "H R C N"],
    drop: float,
    seed: int,
) -> tuple[Float[Tensor, "H R C N"], Float[Tensor, "H R C N"], Float[Tensor, "H R C N"] | None]:
    """Recompute y; from ``upstream``, the gradient of y @ decoder, also return that of z @ encoder_v.

    For float16 also that of x through y: ``rotate_backward`` finds it from the first two by a division, in which
    the small numbers of float16 are lost.
    """
    g = F.relu(z @ encoder_v.mT[:, None])
    dy = _keep(upstream @ decoder.mT[:, None], drop, seed)
    return _keep(g * x, drop, seed), dy * x * (g > 0), dy * g if x.dtype == torch.float16 else None


def rotate(x: Float[Tensor, "H R C N"], rotation: Rotation) -> Float[Tensor, "H R C N"]:
    """Recompute q = rope(x)."""
    return _rotate(x, rotation)


def scores_backward(
    da: Float[Tensor, "H R C D"],
    v: Float[Tensor, "R C D"],
    rates: Float[Tensor, "H"] | None,
    starts: Int[Tensor, "R C"] | None = None,
    shrink: float = 1.0,
) -> Float[Tensor, "H R C C"]:
    """Return the gradient of the scores plus its transpose: queries equal keys, so one product gives that of q."""
    below = _damp(((da * shrink) @ v.mT).tril(-1), rates, starts)
    return below + below.mT


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
    """Return the gradient of v @ encoder: that of q rotated back, plus that of x through y, where x is positive.

    With y = g * x the gradient of x is dy * g, given as ``by_y`` or found as dg / x * y / x. ``extra`` adds the
    gradient of q through what was read from the memory, as two factors.
    """
    dq = pairs @ q
    if extra is not None:
        dq = dq + extra[0] @ extra[1].mT
    if by_y is None:
        by_y = torch.where(x > 0, (dg / x) * (y / x), 0.0) / scale(drop)
    return (_rotate(dq, (rotation[0], -rotation[1])) + by_y) * (x > 0)


def weight_gradient(wide: Float[Tensor, "H R C N"], narrow: Float[Tensor, "H R C D"]) -> Float[Tensor, "H N D"]:
    """Return the gradient of a weight: the sum over all tokens of wide outer narrow."""
    return torch.bmm(wide.flatten(1, 2).mT, narrow.flatten(1, 2))


def write_memory(
    q: Float[Tensor, "H R C N"],
    values: Float[Tensor, "#H R C D"],
    memory: Float[Tensor, "R H N D"] | None,
    whole: Float[Tensor, "H R 1 1"] | None,
    after: Float[Tensor, "R H N D"],
    shrink: float = 1.0,
) -> Float[Tensor, "H R N D"] | None:
    """Write ``whole`` * ``memory`` + q^T values to ``after``; return ``memory * shrink`` in the precision of ``q``."""
    after.copy_((q.mT @ values).transpose(0, 1))
    if memory is None:
        return None
    after += memory if whole is None else memory * whole.transpose(0, 1).to(memory.dtype)
    return (memory * shrink).transpose(0, 1).to(q.dtype)


def scan_memory(
    written: Float[Tensor, "H R N D"],
    memory: Float[Tensor, "B H N D"] | None,
    whole: Float[Tensor, "H R 1 1"] | None,
    count: int,
    after: Float[Tensor, "B H N D"],
    shrink: float = 1.0,
) -> Float[Tensor, "H R N D"]:
    """Return ``shrink`` times the memory before each chunk, as narrow as ``written``; write the last to ``after``.

    ``written`` is what each of the ``count`` chunks of a text adds.
    """
    heads, rows, neurons, width = written.shape
    adds = written.view(heads, rows // count, count, neurons, width)
    now = torch.zeros_like(after) if memory is None else memory.to(after.dtype)
    factors = None if whole is None else whole.view(heads, rows // count, count, 1, 1).transpose(0, 1).to(now.dtype)
    before = torch.empty_like(adds)
    for chunk in range(count):
        before[:, :, chunk] = (now * shrink).transpose(0, 1)
        now = (now if factors is None else now * factors[:, :, chunk]) + adds[:, :, chunk].transpose(0, 1)
    after.copy_(now)
    return before.view(written.shape)


def keep_mask(shape: tuple[int, ...], drop: float, seed: int, device: torch.device) -> Bool[Tensor, "H R C N"]:
    """Return which entries of (H, R, C, N) dropout keeps: 16 bits of a hash of the index, one hash per rotary pair."""
    heads, rows, length, neurons = shape
    place = torch.arange(heads * rows * length * neurons // 2, dtype=torch.int64, device=device)
    k = ((place * _GOLDEN) & _WORD) ^ seed
    k = ((k ^ (k >> 16)) * _MIX_1) & _WORD
    k = ((k ^ (k >> 13)) * _MIX_2) & _WORD
    k = k ^ (k >> 16)
    return torch.stack([k & 0xFFFF, k >> 16], dim=-1).view(shape) >= threshold(drop)


def threshold(drop: float) -> int:
    """Return the number of 16-bit values, of 65,536, that are dropped."""
    return round(drop * 65536)


def scale(drop: float) -> float:
    """Return the factor that scales the entries that dropout keeps."""
    return 1.0 / (1.0 - threshold(drop) / 65536)


def _keep(y: Tensor, drop: float, seed: int) -> Tensor:
    return y if drop == 0 else y * keep_mask(tuple(y.shape), drop, seed, y.device).to(y.dtype) * scale(drop)


def _rotate(x: Float[Tensor, "H R C N"], rotation: Rotation) -> Float[Tensor, "H R C N"]:
    cosines, sines = (table.repeat(x.shape[1] * x.shape[2] // table.shape[0], 1) for table in rotation)
    p, r = x.view(x.shape[0], -1, x.shape[3] // 2, 2).unbind(dim=-1)
    return torch.stack([p * cosines - r * sines, r * cosines + p * sines], dim=-1).view(x.shape).to(x.dtype)


def _damp(
    below: Float[Tensor, "H R C C"], rates: Float[Tensor, "H"] | None, starts: Int[Tensor, "R C"] | None
) -> Float[Tensor, "H R C C"]:
    if starts is not None:
        below = below * (starts[:, :, None] == starts[:, None, :])
    if rates is None:
        return below
    steps = torch.arange(below.shape[-1], device=below.device, dtype=rates.dtype)
    distance = (steps[:, None] - steps[None, :]).clamp(min=0)
    return below * torch.exp2(rates[:, None, None, None] * distance).to(below.dtype)
