"""Rotary positions: the published formula, and exact phases at any position."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh.ops.rotary import make_frequencies, make_pair_rotation, make_phasors, make_rotation, rotate, rotate_complex

FAR = 10_000_000


@given(half=st.integers(1, 300), theta=st.sampled_from([2.0**16, 10_000.0]))
@settings(max_examples=25)
def test_frequencies_follow_the_published_formula(half: int, theta: float) -> None:
    found = make_frequencies(2 * half, theta).double()
    for i in {0, 1, half - 1, 2 * half - 2, 2 * half - 1}:
        expected = theta ** (-(2 * (i // 2)) / (2 * half)) / (2 * math.pi)
        assert abs(float(found[i]) - expected) <= 1e-5 * expected


def test_rotation_rotates_neighbouring_pairs() -> None:
    quarter = torch.tensor([0.25, 0.25, 0.5, 0.5])  # a quarter and half a turn per token
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).expand(1, 1, 3, 4)
    turned = rotate(x, make_rotation(quarter, start=0, length=3))[0, 0]
    expected = torch.tensor([[1.0, 2.0, 3.0, 4.0], [-2.0, 1.0, -3.0, -4.0], [-1.0, -2.0, 3.0, 4.0]])
    assert torch.allclose(turned, expected, atol=1e-6)


@given(start=st.integers(0, 2 * FAR), length=st.integers(1, 6), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_rotation_keeps_the_length_of_every_pair(start: int, length: int, seed: int) -> None:
    x = torch.randn(2, 1, length, 8, generator=torch.Generator().manual_seed(seed))
    turned = rotate(x, make_rotation(make_frequencies(8, 2.0**16), start=start, length=length))
    before, after = x.unflatten(-1, (-1, 2)).norm(dim=-1), turned.unflatten(-1, (-1, 2)).norm(dim=-1)
    assert torch.allclose(before, after, rtol=1e-5, atol=1e-6)


def test_rotation_keeps_dtype_and_reads_any_memory_layout() -> None:
    rotation = make_rotation(make_frequencies(8, 2.0**16), start=3, length=5)
    x = torch.randn(5, 2, 3, 8).permute(2, 1, 0, 3)
    assert torch.equal(rotate(x, rotation), rotate(x.contiguous(), rotation))
    assert rotate(x.bfloat16(), rotation).dtype == torch.bfloat16


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_complex_rotation_equals_the_real_one(dtype: torch.dtype, most: float) -> None:
    frequencies, x = make_frequencies(16, 2.0**16), torch.randn(3, 9, 16).to(dtype)
    wide = torch.promote_types(dtype, torch.float32)
    found = rotate_complex(x, make_phasors(frequencies, start=FAR, length=9, dtype=wide))
    cosines, sines = make_rotation(frequencies, start=FAR, length=9)
    expected = rotate(x.double(), (cosines.double(), sines.double()))
    assert found.dtype == dtype
    assert torch.allclose(found.double(), expected, rtol=most, atol=most)


@pytest.mark.parametrize("start", [0, 12_345, FAR])
def test_tables_of_pairs_are_every_other_column(start: int) -> None:
    frequencies = make_frequencies(64, 2.0**16)
    whole = make_rotation(frequencies, start=start, length=9)
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.bfloat16, 4e-3)):
        for pairs, both in zip(make_pair_rotation(frequencies, start=start, length=9, dtype=dtype), whole, strict=True):
            assert pairs.dtype == dtype and float((pairs.float() - both[:, 1::2]).abs().max()) <= tolerance


def test_rotation_of_no_text_is_no_text() -> None:
    rotation = make_rotation(make_frequencies(8, 2.0**16), start=3, length=0)
    assert rotate(torch.empty(2, 1, 0, 8), rotation).shape == (2, 1, 0, 8)


@given(position=st.integers(0, 10**9), pair=st.integers(0, 511))
@settings(max_examples=80)
def test_phases_are_exact_at_any_position(position: int, pair: int) -> None:
    frequencies = make_frequencies(1024, 2.0**16)
    cosines, sines = make_rotation(frequencies, start=position, length=1)
    turns = float(position * Fraction(float(frequencies[2 * pair])) % 1)
    assert abs(float(cosines[0, 2 * pair]) - math.cos(2 * math.pi * turns)) < 1e-5
    assert abs(float(sines[0, 2 * pair + 1]) - math.sin(2 * math.pi * turns)) < 1e-5
    assert float(sines[0, 2 * pair]) == -float(sines[0, 2 * pair + 1])
