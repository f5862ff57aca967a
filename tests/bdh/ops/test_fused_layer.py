"""The fused layer against the plain one, forward and gradients; the Triton kernels against the plain ones."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bdh.ops import fused_layer, fused_reference, naive
from bdh.ops.documents import find_begins, find_starts
from bdh.ops.rotary import make_frequencies, make_pair_rotation, make_rotation, rotate

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1" and importlib.util.find_spec("triton") is not None
NATIVE = torch.cuda.is_available() and importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(
    not (INTERPRETED or NATIVE), reason="needs a CUDA GPU with Triton, or Triton and TRITON_INTERPRET=1"
)


@dataclass(frozen=True)
class Case:
    """One layer in float64: values, memory, weights, damping, and the number of chunks."""

    v: Tensor
    memory: Tensor | None
    weights: tuple[Tensor, Tensor, Tensor]
    decay: Tensor | None
    count: int
    documents: Tensor | None = None

    def setting(self, work: ModuleType = fused_reference, drop: float = 0.0) -> fused_layer.Setting:
        length, frequencies = self.v.shape[1], make_frequencies(self.weights[0].shape[2], 2.0**16)
        cosines, sines = make_rotation(frequencies, start=5, length=length)
        tables = (cosines[:, 1::2].double(), sines[:, 1::2].double())
        rows, heads = self.v.shape[0] * self.count, self.weights[0].shape[0]
        size = fused_layer.Size(heads, rows, length // self.count, self.count)
        begins = None if self.documents is None else find_begins(self.documents).view(rows, size.length)
        return fused_layer.make_setting(tables, self.decay, begins, size, drop=drop, kernels=work, dtype=torch.float64)


@st.composite
def cases(draw: st.DrawFn, *, most_chunks: int = 1) -> Case:
    batch, heads, count = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, most_chunks))
    neurons, width = 2 * draw(st.integers(1, 4)), draw(st.integers(2, 5))
    length = count * draw(st.integers(1, 7))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance, dtype=torch.float64)

    memory = drawn(batch, heads, neurons, width) if draw(st.booleans()) else None
    factors = draw(st.one_of(st.none(), st.lists(st.floats(0.3, 1.0), min_size=heads, max_size=heads)))
    decay = None if factors is None else torch.tensor(factors, dtype=torch.float64)
    weights = (drawn(heads, width, neurons), drawn(heads, width, neurons), drawn(heads * neurons, width))
    documents = None
    if draw(st.booleans()):
        documents = (torch.rand(batch, length, generator=chance) < 0.3).long().cumsum(1)
    return Case(drawn(batch, length, width), memory, weights, decay, count, documents)


def _plain(case: Case, v: Tensor, weights: list[Tensor], memory: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return y @ decoder and the memory after the text, from the definition of attention."""
    encoder, encoder_v, decoder = weights
    rotation = make_rotation(make_frequencies(encoder.shape[2], 2.0**16), start=5, length=v.shape[1])
    x = F.relu(v[:, None] @ encoder)
    empty = torch.zeros(v.shape[0], *encoder.shape[:1], encoder.shape[2], v.shape[2], dtype=v.dtype)
    q = rotate(x, (rotation[0].double(), rotation[1].double()))
    a, after = naive.attend(q, v, empty if memory is None else memory, case.decay, case.documents)
    y = F.relu(F.layer_norm(a, a.shape[-1:], eps=1e-5) @ encoder_v) * x
    return y.transpose(1, 2).flatten(2) @ decoder, after


def _fused(case: Case, v: Tensor, weights: list[Tensor], memory: Tensor | None) -> tuple[Tensor, Tensor]:
    encoder, encoder_v, decoder = weights
    (batch, length, width), (heads, _, neurons) = v.shape, encoder.shape
    after = torch.empty(batch, heads, neurons, width, dtype=v.dtype)
    arranged = fused_layer.arrange(encoder, encoder_v, decoder, v.dtype)
    chunks = v.view(batch * case.count, length // case.count, width)
    out, _, _, left = fused_layer.layer(
        chunks, encoder, encoder_v, decoder, memory, arranged, case.setting(), after, keep_q=batch > 1
    )
    assert left is not None
    return out.view(v.shape), left


def _close(found: Tensor, expected: Tensor, tolerance: float = 1e-9) -> bool:
    return bool((found - expected).abs().max() <= tolerance * (1.0 + float(expected.abs().max())))


@given(case=cases(most_chunks=4))
@settings(max_examples=60)
def test_fused_layer_equals_its_definition_in_any_number_of_chunks(case: Case) -> None:
    with torch.no_grad():
        expected = _plain(case, case.v, list(case.weights), case.memory)
        found = _fused(case, case.v, list(case.weights), case.memory)
    assert all(_close(mine, true, 1e-6) for mine, true in zip(found, expected, strict=True))


@pytest.mark.parametrize("with_after", [True, False])
@given(case=cases())
@settings(max_examples=40)
def test_fused_layer_has_the_gradients_of_its_definition(with_after: bool, case: Case) -> None:
    gradients = []
    for run in (_plain, _fused):
        leaves = [case.v, *case.weights, *([] if case.memory is None else [case.memory])]
        leaves = [leaf.clone().requires_grad_() for leaf in leaves]
        out, after = run(case, leaves[0], leaves[1:4], leaves[4] if len(leaves) > 4 else None)
        loss = (out * torch.linspace(-1.0, 2.0, out.numel(), dtype=out.dtype).view(out.shape)).sum()
        if with_after:
            loss = loss + (after * torch.linspace(1.0, 3.0, after.numel(), dtype=out.dtype).view(after.shape)).sum()
        gradients.append(torch.autograd.grad(loss, leaves))
    for mine, true in zip(gradients[1], gradients[0], strict=True):
        assert _close(mine, true, 1e-6)


def test_dropout_drops_its_share_and_the_gradient_sees_the_same_mask() -> None:
    chance = torch.Generator().manual_seed(0)
    v, width, neurons = torch.randn(2, 16, 4, generator=chance, dtype=torch.float64), 4, 32
    weights = [torch.randn(shape, generator=chance, dtype=torch.float64) for shape in ((2, width, neurons),) * 2]
    weights.append(torch.randn(2 * neurons, width, generator=chance, dtype=torch.float64))
    case = Case(v, None, (weights[0], weights[1], weights[2]), None, 1)
    arranged = fused_layer.arrange(*case.weights, torch.float64)

    def run(weight: Tensor) -> tuple[Tensor, Tensor]:
        torch.manual_seed(3)
        setting = case.setting(drop=0.25)
        out, x, y, _ = fused_layer.layer(v, weight, weights[1], weights[2], None, arranged, setting, None)
        return out, y[x > 0]

    out, y = run(weights[0].requires_grad_())
    assert 0.5 < float((y == 0).double().mean()) < 0.8  # half of x meets no y, a quarter of the rest is dropped
    moved = torch.zeros_like(weights[0])
    moved[0, 1, 3] = 1e-6
    (slope,) = torch.autograd.grad(out.sum(), weights[0])
    arranged = fused_layer.arrange(weights[0].detach() + moved, weights[1], weights[2], torch.float64)
    above = run(weights[0])[0].sum()
    assert float((above - out.sum()).detach() / 1e-6) == pytest.approx(float(slope[0, 1, 3]), rel=1e-3, abs=1e-3)
    share = fused_reference.keep_mask((4, 2, 64, 64), 0.1, 12345, torch.device("cpu")).double().mean()
    assert float(share) == pytest.approx(0.9, abs=0.01)


WORK = torch.bfloat16 if NATIVE else torch.float32


def _sample(*shape: int, seed: int, dtype: torch.dtype = WORK) -> Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return drawn.to("cuda" if NATIVE else "cpu", dtype)


@needs_triton
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("damped", [False, True])
def test_triton_kernels_equal_the_plain_ones(damped: bool, split: bool) -> None:
    work = importlib.import_module("bdh.ops.triton_matmul")
    heads, rows, length, neurons, width, drop, seed = 2, 2, 128, 256, 64, 0.1, 77
    tables = make_pair_rotation(make_frequencies(neurons, 2.0**16), start=9, length=length, dtype=torch.float32)
    v, upstream = _sample(rows, length, width, seed=1), _sample(rows, length, width, seed=2)
    weights = [_sample(heads, neurons, width, seed=3 + i) / 8 for i in range(3)]
    tables = (tables[0].to(v), tables[1].to(v))
    rates = torch.tensor([-0.01, 0.0], device=v.device) if damped else None
    z, memory = _sample(heads, rows, length, width, seed=7), _sample(rows, heads, neurons, width, seed=8).float()
    factor = torch.tensor([[0.5, 0.5], [1.0, 0.0]], device=v.device).view(2, 2, 1, 1) if damped else None
    begins = torch.zeros(rows, length, dtype=torch.bool, device=v.device)
    begins[0, 5], begins[0, 70], begins[1, 64] = True, True, True
    starts = find_starts(begins) if split else None
    extra = (_sample(heads, rows, length, width, seed=9), _sample(heads, rows, neurons, width, seed=10))

    x, q = fused_reference.encode(v, weights[0], tables)
    pairs = fused_reference.scores_backward(z, v, rates, starts)
    y, dg, _ = fused_reference.gate_backward(z, weights[1], upstream, weights[2], x, drop, seed)

    def results_of(module: ModuleType) -> list[Tensor]:
        made = [*module.encode(v, weights[0], tables)]
        for shrink in (1.0, 0.25):
            made.append(module.scores(q, rates, starts, shrink))
            made.append(module.scores_backward(z, v, rates, starts, shrink))
        made.append(module.gate(z, weights[1], x, drop, seed))
        made += module.gate_backward(z, weights[1], upstream, weights[2], x, drop, seed)[:2]
        made.append(module.rotate(x, tables))
        for more in (None, extra):
            made += [module.rotate_backward(pairs, q, x, y, dg, tables, drop, more, own) for own in (None, dg)]
        for start, count in ((None, 2), (memory, 1), (memory[:1], 2)):
            after = torch.full((rows // count, *memory.shape[1:]), float("nan"), device=v.device)
            made += [module.scan_memory(extra[1], start, factor, count, after, 0.5), after]
        if NATIVE:  # the CPU has no product of 16 bits summed in 32
            made.append(module.weight_gradient(x, z))
        for start, values in ((None, v[None]), (memory, v[None]), (memory, z)):
            after = torch.full(memory.shape, float("nan"), device=v.device)
            before = module.write_memory(q, values, start, factor, after, 0.5)
            made += [after] if before is None else [after, before]
        return made

    found, expected = results_of(work), results_of(fused_reference)
    for mine, true in zip(found, expected, strict=True):
        error = (mine.double() - true.double()).norm() / true.double().norm()
        assert float(error) <= (2e-2 if NATIVE else 1e-5)


@needs_triton
def test_triton_kernels_equal_the_plain_ones_in_float16() -> None:
    work = importlib.import_module("bdh.ops.triton_matmul")
    half = torch.float16
    z, upstream = _sample(2, 1, 64, 64, seed=1, dtype=half), _sample(1, 64, 64, seed=2, dtype=half)
    weights = [_sample(2, 128, 64, seed=3 + i, dtype=half) / 8 for i in range(3)]
    x = _sample(2, 1, 64, 128, seed=6, dtype=half).relu()
    arguments = (z, weights[0], upstream, weights[1], x, 0.1, 7)
    for mine, true in zip(work.gate_backward(*arguments), fused_reference.gate_backward(*arguments), strict=True):
        assert float((mine.double() - true.double()).norm() / true.double().norm()) <= 1e-2
