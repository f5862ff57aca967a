"""Sixteen bits: positions stay apart, attention stays finite, and generation equals reading the same text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bdh.backends import MODES, Mode
from bdh.generation import generate
from bdh.model import BDH
from bdh.ops import fused_layer, fused_reference, naive, parallel, recurrent
from bdh.ops.rotary import make_frequencies, make_pair_rotation, make_rotation, rotate

ModelMaker = Callable[..., BDH]
SIXTEEN = (torch.bfloat16, torch.float16)
FAR = (256, 65_504, 65_519, 65_520, 65_536, 10_000_000)
"""Where the next integer is none of bfloat16 (256), none of float16 (65,504, 65,520), or far beyond both."""


def _tokens(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", SIXTEEN)
@pytest.mark.parametrize("position", FAR)
def test_neighbouring_positions_stay_apart_in_sixteen_bits(dtype: torch.dtype, position: int) -> None:
    frequencies = make_frequencies(64, 2.0**16)
    ones = torch.ones(1, 1, 2, 64, dtype=dtype)
    turned = rotate(ones, make_rotation(frequencies, start=position, length=2))
    exact = rotate(ones.double(), make_rotation(frequencies, start=position, length=2))
    assert turned.dtype == dtype and not torch.equal(turned[..., 0, :], turned[..., 1, :])
    assert float((turned.double() - exact).abs().max()) < 2e-2
    cosines, sines = make_pair_rotation(frequencies, start=position, length=2, dtype=dtype)
    assert not torch.equal(cosines[0], cosines[1]) and not torch.equal(sines[0], sines[1])


@pytest.mark.parametrize("dtype", SIXTEEN)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("position", FAR)
def test_narrow_model_reads_alike_at_any_position(
    make_model: ModelMaker, dtype: torch.dtype, mode: Mode, position: int
) -> None:
    model, tokens = make_model(n_embd=32, mlp_internal_dim_multiplier=16), _tokens(1, 40)
    model = model.half() if dtype == torch.float16 else model.bfloat16()
    with torch.inference_mode():
        near = model(tokens, mode=mode).logits.float()
        state = replace(model.empty_state(), position=position)
        far = model(tokens, state=state, mode=mode).logits.float()
        swapped = model(tokens.flip(1), state=state, mode=mode).logits.float()
    scale = float(near.abs().max())
    assert torch.isfinite(far).all() and float((far - near).abs().mean()) < 2e-2 * scale
    assert float((far - swapped)[:, -1].abs().mean()) > 2e-2 * scale  # the order of the tokens still counts


@pytest.mark.parametrize("dtype", SIXTEEN)
@pytest.mark.parametrize("mode", MODES)
def test_narrow_model_has_finite_gradients(make_model: ModelMaker, dtype: torch.dtype, mode: Mode) -> None:
    model = make_model(dropout=0.0).to(dtype).train()
    output = model(_tokens(2, 24), _tokens(2, 24, 1), mode=mode)
    assert output.loss is not None and output.logits.dtype == dtype
    output.loss.backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, *SIXTEEN])
@pytest.mark.parametrize("decay", [None, (0.9, 0.999)])
def test_generation_from_a_carried_state_equals_teacher_forcing(
    make_model: ModelMaker, dtype: torch.dtype, decay: tuple[float, ...] | None
) -> None:
    model = make_model(n_embd=32, mlp_internal_dim_multiplier=16, decay=decay).to(dtype)
    prompt = _tokens(1, 30)[0].tolist()
    earlier = generate(model, _tokens(1, 50, 1)[0].tolist(), max_new_tokens=0).state
    drawn = list(generate(model, prompt, max_new_tokens=40, temperature=0, state=earlier))
    with torch.inference_mode():
        text = torch.tensor([[*prompt, *drawn]])
        logits = model(text[:, :-1], state=earlier, mode="parallel").logits[0, len(prompt) - 1 :].float()
    chosen = logits.gather(1, torch.tensor(drawn)[:, None])[:, 0]
    rounding = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 6e-2}[dtype]
    assert len(set(drawn)) > 1 and logits.shape == (40, 48)
    assert float((logits.max(dim=1).values - chosen).max()) <= rounding * float(logits.abs().max())


def _large(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return q, v and a memory whose scores and sums are those of a trained model, far beyond float16."""
    chance = torch.Generator().manual_seed(seed)
    q = 8 * torch.rand(1, 2, 64, 2048, generator=chance, dtype=torch.float64)
    v = torch.randn(1, 64, 16, generator=chance, dtype=torch.float64) + 1
    memory = 2000 * torch.randn(1, 2, 2048, 16, generator=chance, dtype=torch.float64)
    return q, v, memory


@pytest.mark.parametrize("decay", [None, (0.9, 1.0)])
def test_float16_attention_does_not_overflow(decay: tuple[float, ...] | None) -> None:
    q, v, memory = _large(0)
    factors = None if decay is None else torch.tensor(decay)
    expected, expected_after = naive.attend(q, v, memory, factors)
    assert float(expected.abs().max()) > 1e6 and float((q @ q.mT).max()) > 4e4
    narrow = (q.half(), v.half(), memory.float(), factors)
    for found, after in (parallel.attend(*narrow), recurrent.attend(*narrow)):
        assert after is not None and found.dtype == torch.float32
        assert float((found - expected).norm() / expected.norm()) < 1e-2
        assert float((after - expected_after).norm() / expected_after.norm()) < 1e-2


def test_fused_float16_layer_does_not_overflow() -> None:
    chance = torch.Generator().manual_seed(1)
    v = torch.randn(1, 64, 32, generator=chance)
    encoder = torch.randn(2, 32, 1024, generator=chance)
    encoder_v, decoder = torch.randn(2, 32, 1024, generator=chance) / 8, torch.randn(2048, 32, generator=chance) / 64
    memory = 3000 * torch.randn(1, 2, 1024, 32, generator=chance)
    results = []
    for dtype in (torch.float64, torch.float16):
        leaves = [leaf.to(dtype).requires_grad_() for leaf in (v, encoder, encoder_v, decoder)]
        old = memory.to(torch.promote_types(dtype, torch.float32)).requires_grad_()
        rotation = make_pair_rotation(make_frequencies(1024, 2.0**16), start=0, length=64, dtype=dtype)
        size = fused_layer.Size(2, 1, 64, 1)
        setting = fused_layer.make_setting(
            rotation, torch.tensor([0.99, 1.0]), None, size, drop=0.0, kernels=fused_reference, dtype=dtype
        )
        weights = fused_layer.arrange(*leaves[1:], dtype)
        out, _, _, _ = fused_layer.layer(leaves[0], *leaves[1:], old, weights, setting, torch.empty_like(old))
        grads = torch.autograd.grad((out * torch.linspace(-1, 1, 32)).sum(), [*leaves, old])
        results.append([out.detach(), *grads])
    for found, expected in zip(results[1], results[0], strict=True):
        assert torch.isfinite(found).all()
        assert float((found.double() - expected).norm() / expected.norm()) < 3e-2


def test_float16_gradient_of_small_neurons_is_not_a_division() -> None:
    """The gradient of x through y = g * x, for g and x so small that y is 0 in float16."""
    x = torch.full((1, 1, 2, 4), 1e-4, dtype=torch.float16)
    z, weight = torch.full((1, 1, 2, 2), 1e-2, dtype=torch.float16), torch.full((1, 4, 2), 1e-2, dtype=torch.float16)
    upstream = torch.full((1, 2, 2), 0.5, dtype=torch.float16)
    y, dg, by_y = fused_reference.gate_backward(z, weight, upstream, torch.ones(1, 4, 2).half(), x, 0.0, 0)
    assert by_y is not None and float(y.max()) == 0.0
    tables = make_pair_rotation(make_frequencies(4, 2.0**16), start=0, length=2, dtype=torch.float16)
    dx = fused_reference.rotate_backward(x.new_zeros(1, 1, 2, 2), x, x, y, dg, tables, 0.0, None, by_y)
    expected = 2e-4 * 1.0
    assert torch.allclose(dx.float(), torch.full_like(dx, expected, dtype=torch.float32), rtol=1e-2)
