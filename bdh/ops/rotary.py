"""Rotary positions (RoPE) over neurons, exact at any position of the text."""

import math

import torch

from bdh.shapes import Complex, Float, Tensor

_WITHOUT_FLOAT64 = {"mps"}
Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of the phases at each position of a text."""


def make_frequencies(n: int, theta: float) -> Float[Tensor, "N"]:
    """Return the frequency of each of ``n`` neurons in cycles per token, equal for neighbouring pairs (Appendix E).

    Neuron i rotates with theta**(-q / n) / (2 pi), where q = 2 * floor(i / 2). Computed in float32 in the order of the
    official code, so that the buffer is bit-identical to that of an official checkpoint.
    """
    pairs = (torch.arange(0, n, 1, dtype=torch.float32) / 2).floor() * 2
    return 1.0 / (theta ** (pairs / n)) / (2 * math.pi)


def make_rotation(
    frequencies: Float[Tensor, "N"], *, start: int, length: int
) -> tuple[Float[Tensor, "T N"], Float[Tensor, "T N"]]:
    """Return cosines and signed sines of the phases at positions ``start`` to ``start + length`` (exclusive).

    Phases are position * frequency modulo 1 in float64: in float32 they would be noise at positions in the millions.
    The sines of even neurons are negated, as ``rotate`` expects.
    """
    phases = _phases(frequencies, start, length)
    sines = phases.sin()
    sines[:, 0::2].neg_()
    return phases.cos().float().to(frequencies.device), sines.float().to(frequencies.device)


def _phases(frequencies: Float[Tensor, "N"], start: int, length: int) -> Float[Tensor, "T N"]:
    """Return the phases in radians, in float64: on the CPU for a device that has no such numbers."""
    exact = frequencies.cpu() if frequencies.device.type in _WITHOUT_FLOAT64 else frequencies
    positions = torch.arange(start, start + length, dtype=torch.float64, device=exact.device)
    return torch.outer(positions, exact.double()).remainder_(1.0).mul_(2 * math.pi)


def make_pair_rotation(
    frequencies: Float[Tensor, "N"], *, start: int, length: int, dtype: torch.dtype
) -> tuple[Float[Tensor, "T N/2"], Float[Tensor, "T N/2"]]:
    """Return the tables of ``make_rotation`` with one column per pair of neurons, not negated, in ``dtype``."""
    wide = torch.promote_types(dtype, torch.float32)
    phases = _phases(frequencies[1::2], start, length).to(wide).to(frequencies.device)
    return phases.cos().to(dtype), phases.sin().to(dtype)


def rotate(
    x: Float[Tensor, "*B N"], rotation: tuple[Float[Tensor, "... N"], Float[Tensor, "... N"]]
) -> Float[Tensor, "*B N"]:
    """Rotate the pairs (2i, 2i+1) of neurons: (p, r) -> (p cos - r sin, r cos + p sin)."""
    cosines, sines = rotation
    swapped = x.view(*x.shape[:-1], x.shape[-1] // 2, 2).flip(-1).view(x.shape)
    return torch.addcmul(x * cosines, swapped, sines).to(x.dtype)


def make_phasors(
    frequencies: Float[Tensor, "N"], *, start: int, length: int, dtype: torch.dtype
) -> Complex[Tensor, "T N/2"]:
    """Return the phases of ``make_rotation`` as complex numbers of modulus 1, one per pair of neurons.

    ``dtype`` is the precision of their parts, float32 or float64.
    """
    return torch.complex(*make_pair_rotation(frequencies, start=start, length=length, dtype=dtype))


def rotate_complex(x: Float[Tensor, "H T N"], phasors: Complex[Tensor, "T N/2"]) -> Float[Tensor, "H T N"]:
    """Return what ``rotate`` returns, as one product with the phasors, in their precision."""
    pairs = torch.view_as_complex(x.to(phasors.real.dtype).view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * phasors).flatten(-2).to(x.dtype)
