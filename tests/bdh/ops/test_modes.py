"""The modes of attention against its definition, at any position."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bdh import backends
from bdh.backends import MODES, Mode
from bdh.ops import chunkwise, naive, parallel, shared_prefix
from bdh.ops.documents import find_begins
from bdh.ops.rotary import make_frequencies, make_rotation, rotate

Attention = Callable[[Tensor, Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]
FAR = 10_000_000


@dataclass(frozen=True)
class Case:
    """One attention call in float64, and the chunk size of the chunkwise mode."""

    q: Tensor
    v: Tensor
    memory: Tensor
    decay: Tensor | None
    chunk_size: int
    documents: Tensor | None = None

    def at(self, dtype: torch.dtype) -> Case:
        """Return the case in another precision."""
        decay = None if self.decay is None else self.decay.to(dtype)
        return Case(self.q.to(dtype), self.v.to(dtype), self.memory.to(dtype), decay, self.chunk_size, self.documents)

    def attend(self, mode: str) -> tuple[Tensor, Tensor]:
        return _attention(mode, self.chunk_size, self.documents)(self.q, self.v, self.memory, self.decay)


@st.composite
def cases(draw: st.DrawFn, *, longest: int = 20, packed: bool = False) -> Case:
    """Draw any sizes, lengths, chunk sizes, starting memories, damping and, in half of the cases, documents."""
    batch, heads, length = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, longest))
    neurons, width = 2 * draw(st.integers(1, 4)), draw(st.integers(1, 4))
    factor = st.one_of(st.just(1.0), st.floats(0.05, 1.0), st.floats(0.99, 1.0))
    decay = draw(st.one_of(st.none(), st.lists(factor, min_size=heads, max_size=heads)))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    q = torch.randn(batch, heads, length, neurons, generator=chance, dtype=torch.float64)
    v = torch.randn(batch, length, width, generator=chance, dtype=torch.float64)
    memory = torch.randn(batch, heads, neurons, width, generator=chance, dtype=torch.float64)
    memory = memory * draw(st.sampled_from([0.0, 1.0, 30.0]))
    factors = None if decay is None else torch.tensor(decay, dtype=torch.float64)
    documents = None
    if packed and draw(st.booleans()):
        documents = (torch.rand(batch, length, generator=chance) < 0.3).long().cumsum(1)
    return Case(q, v, memory, factors, draw(st.integers(1, longest + 5)), documents)


def _attention(mode: str, chunk_size: int, documents: Tensor | None = None) -> Attention:
    """Return the attention of ``mode``, as ``bdh.backends`` puts it together."""
    begins = None if documents is None else find_begins(documents)

    def attend(q: Tensor, v: Tensor, memory: Tensor, decay: Tensor | None) -> tuple[Tensor, Tensor]:
        if mode == "naive":
            return naive.attend(q, v, memory, decay, documents)
        own = backends.make_attend(
            cast(Mode, mode), q.shape[2], decay, chunk_size=chunk_size, dtype=q.dtype, keep_state=True, begins=begins
        )
        attended, after = own(q, v, memory)
        assert after is not None
        return attended, after

    return attend


def _close(found: Tensor, expected: Tensor, tolerance: float) -> bool:
    """Compare against the largest number: single entries may cancel to nothing."""
    return bool((found - expected).abs().max() <= tolerance * (1.0 + float(expected.abs().max())))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@given(case=cases(packed=True))
@settings(max_examples=60)
def test_attention_equals_its_definition(mode: str, dtype: torch.dtype, tolerance: float, case: Case) -> None:
    expected = case.attend("naive")
    found = case.at(dtype).attend(mode)
    assert found[0].dtype == dtype and found[1].dtype == dtype
    assert _close(found[0].double(), expected[0], tolerance)
    assert _close(found[1].double(), expected[1], tolerance)


def _gradients(attention: Attention, case: Case) -> list[Tensor]:
    inputs = [case.q, case.v, case.memory, *([] if case.decay is None else [case.decay])]
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    attended, after = attention(leaves[0], leaves[1], leaves[2], leaves[3] if len(leaves) > 3 else None)
    weights = torch.linspace(-1.0, 2.0, attended.numel(), dtype=attended.dtype).view(attended.shape)
    loss = (weights * attended).sum() + (after * torch.linspace(1.0, 3.0, after.shape[-1])).sum()
    return list(torch.autograd.grad(loss, leaves))


@pytest.mark.parametrize("mode", MODES)
@given(case=cases(longest=10, packed=True))
@settings(max_examples=30)
def test_attention_has_the_gradients_of_its_definition(mode: str, case: Case) -> None:
    expected = _gradients(_attention("naive", 0, case.documents), case)
    found = _gradients(_attention(mode, case.chunk_size, case.documents), case)
    for mine, true in zip(found, expected, strict=True):
        assert _close(mine, true, 1e-10)


@given(case=cases(), share=st.floats(0, 1), first=st.sampled_from(MODES), second=st.sampled_from(MODES))
@settings(max_examples=80)
def test_attention_of_a_split_text_equals_that_of_the_whole(case: Case, share: float, first: str, second: str) -> None:
    cut = round(share * case.q.shape[2])
    memory, pieces = case.memory, []
    for mode, part in ((first, slice(0, cut)), (second, slice(cut, None))):
        if case.q[:, :, part].shape[2] == 0:
            continue
        piece, memory = _attention(mode, case.chunk_size)(case.q[:, :, part], case.v[:, part], memory, case.decay)
        pieces.append(piece)
    attended, after = naive.attend(case.q, case.v, case.memory, case.decay)
    assert _close(torch.cat(pieces, dim=2), attended, 1e-12)
    assert _close(memory, after, 1e-12)


@given(case=cases())
@settings(max_examples=40)
def test_attention_without_writing_returns_the_same(case: Case) -> None:
    for write in (True, False):
        whole, whole_memory = parallel.attend(case.q, case.v, case.memory, case.decay, write=write)
        pieces, pieces_memory = chunkwise.attend(
            case.q, case.v, case.memory, case.decay, chunk_size=case.chunk_size, write=write
        )
        expected, _ = naive.attend(case.q, case.v, case.memory, case.decay)
        assert _close(whole, expected, 1e-12) and _close(pieces, expected, 1e-12)
        assert (whole_memory is not None) == (pieces_memory is not None) == write


@given(case=cases())
@settings(max_examples=30)
def test_attention_without_a_memory_is_that_with_an_empty_one(case: Case) -> None:
    expected, expected_after = naive.attend(case.q, case.v, torch.zeros_like(case.memory), case.decay)
    for found, after in (
        parallel.attend(case.q, case.v, None, case.decay),
        chunkwise.attend(case.q, case.v, None, case.decay, chunk_size=case.chunk_size),
    ):
        assert after is not None
        assert _close(found, expected, 1e-12) and _close(after, expected_after, 1e-12)


@given(case=cases(longest=8), count=st.integers(1, 4), empty=st.booleans())
@settings(max_examples=60)
def test_texts_each_continue_the_memory_of_the_prefix(case: Case, count: int, empty: bool) -> None:
    chance, length = torch.Generator().manual_seed(count), case.q.shape[2]
    q = torch.randn(*case.q.shape[:2], count * length, case.q.shape[3], generator=chance, dtype=torch.float64)
    v = torch.randn(case.v.shape[0], count * length, case.v.shape[2], generator=chance, dtype=torch.float64)
    memory = torch.zeros_like(case.memory) if empty else case.memory
    damping = None if case.decay is None else parallel.make_damping(case.decay, length, torch.float64)
    found = shared_prefix.attend(q, v, None if empty else memory, damping, count)
    for place in range(count):
        own = slice(place * length, (place + 1) * length)
        expected, _ = naive.attend(q[:, :, own], v[:, own], memory, case.decay)
        assert _close(found[:, :, own], expected, 1e-12)


@given(case=cases(longest=8), count=st.integers(1, 4), before=st.integers(1, 9))
@settings(max_examples=40)
def test_prefix_read_at_its_keys_equals_its_memory(case: Case, count: int, before: int) -> None:
    chance, length = torch.Generator().manual_seed(count), case.q.shape[2]
    drawn = [
        torch.randn(*case.q.shape[:2], tokens, case.q.shape[3], generator=chance, dtype=torch.float64)
        for tokens in (before, count * length)
    ]
    values = torch.randn(case.v.shape[0], before + count * length, case.v.shape[2], generator=chance).double()
    back = None if case.decay is None else shared_prefix.prefix_damping(case.decay, length, before, torch.float64)
    damping = None if case.decay is None else parallel.make_damping(case.decay, length, torch.float64)
    text = shared_prefix.Prefix(drawn[0], values[:, :before], back)
    found = shared_prefix.attend(drawn[1], values[:, before:], None, damping, count, text)
    _, memory = naive.attend(drawn[0], values[:, :before], torch.zeros_like(case.memory), case.decay)
    assert _close(found, shared_prefix.attend(drawn[1], values[:, before:], memory, damping, count), 1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_the_token_before_counts_decay_once(mode: str) -> None:
    q, v = torch.ones(1, 1, 2, 2), torch.tensor([[[3.0], [100.0]]])
    memory, decay = torch.full((1, 1, 2, 1), 5.0), torch.tensor([0.5])
    attended, after = _attention(mode, 1)(q, v, memory, decay)
    # q.S = 10 as it is; then decay * (10 + (q.q) * 3); the memory after is decay^2 * 5 + decay^2 * 3 + decay * 100
    assert attended.flatten().tolist() == [10.0, 8.0]
    assert after.flatten().tolist() == [52.0, 52.0]


def test_memory_keeps_growing_when_the_text_is_in_bfloat16() -> None:
    q, v = torch.ones(1, 1, 1, 2, dtype=torch.bfloat16), torch.ones(1, 1, 1, dtype=torch.bfloat16)
    memory = torch.zeros(1, 1, 2, 1)
    for _ in range(600):
        _, after = parallel.attend(q, v, memory, None)
        assert after is not None
        memory = after
    assert memory.dtype == torch.float32 and memory.flatten().tolist() == [600.0, 600.0]


def _turned(x: Tensor, frequencies: Tensor, start: int) -> Tensor:
    """Return rope(x) in float64, written from the formula."""
    positions = torch.arange(start, start + x.shape[2], dtype=torch.float64)
    phases = 2 * math.pi * torch.outer(positions, frequencies.double()).remainder(1.0)
    p, r = x[..., 0::2], x[..., 1::2]
    cosines, sines = phases[:, 0::2].cos(), phases[:, 0::2].sin()
    return torch.stack([p * cosines - r * sines, r * cosines + p * sines], dim=-1).flatten(-2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("decay", [None, (1.0, 0.99)])
def test_attention_past_ten_million_tokens_equals_the_float64_definition(
    mode: str, decay: tuple[float, ...] | None
) -> None:
    chance = torch.Generator().manual_seed(5)
    frequencies = make_frequencies(256, 2.0**16)
    x = torch.randn(1, 2, 220, 256, generator=chance, dtype=torch.float64).relu()
    v = torch.randn(1, 220, 16, generator=chance, dtype=torch.float64)
    factors = None if decay is None else torch.tensor(decay, dtype=torch.float64)
    # The memory of the 100 tokens before; then the text continues past the ten-millionth token.
    past = _turned(x[:, :, :100], frequencies, FAR - 100)
    _, memory = parallel.attend(past, v[:, :100], None, factors)
    assert memory is not None
    expected, expected_after = naive.attend(_turned(x[:, :, 100:], frequencies, FAR), v[:, 100:], memory, factors)

    q = rotate(x[:, :, 100:].float(), make_rotation(frequencies, start=FAR, length=120))
    small = None if factors is None else factors.float()
    found, after = _attention(mode, 16)(q, v[:, 100:].float(), memory.float(), small)
    assert float((found - expected).norm() / expected.norm()) <= 1e-3
    assert float((after - expected_after).norm() / expected_after.norm()) <= 1e-3


@given(start=st.sampled_from([1, 12_345, 2_800_000, FAR, 3 * FAR]), seed=st.integers(0, 100))
@settings(max_examples=20)
def test_attention_depends_on_distances_only(start: int, seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    frequencies = make_frequencies(64, 2.0**16)
    x, v = torch.randn(1, 1, 40, 64, generator=chance).relu(), torch.randn(1, 40, 8, generator=chance)
    results = []
    for first in (0, start):
        q = rotate(x, make_rotation(frequencies, start=first, length=40))
        results.append(parallel.attend(q, v, None, None)[0])
    assert float((results[1] - results[0]).norm() / results[0].norm()) <= 1e-4


@pytest.mark.parametrize("mode", ["naive", *MODES])
@given(case=cases(longest=12), lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
@settings(max_examples=30)
def test_documents_in_one_row_equal_documents_read_one_by_one(mode: str, case: Case, lengths: list[int]) -> None:
    total = sum(lengths)
    chance = torch.Generator().manual_seed(total)
    q = torch.randn(*case.q.shape[:2], total, case.q.shape[3], generator=chance, dtype=torch.float64)
    v = torch.randn(case.v.shape[0], total, case.v.shape[2], generator=chance, dtype=torch.float64)
    documents = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)).expand(len(v), total)
    found, after = _attention(mode, case.chunk_size, documents)(q, v, case.memory, case.decay)
    memory, start = case.memory, 0
    for length in lengths:
        own = slice(start, start + length)
        expected, expected_after = naive.attend(q[:, :, own], v[:, own], memory, case.decay)
        assert _close(found[:, :, own], expected, 1e-12)
        memory, start = torch.zeros_like(memory), start + length
    assert _close(after, expected_after, 1e-12)
