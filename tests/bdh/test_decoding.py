"""The steppers of generation equal recurrent mode."""

from __future__ import annotations

import importlib.util
import os

import pytest
import torch

from bdh import generation
from bdh.config import BDHConfig
from bdh.decoding import SparseStepper, TritonStepper, make_stepper, triton_applies
from bdh.model import BDH
from bdh.state import BDHState

_TRITON = importlib.util.find_spec("triton") is not None
NATIVE = _TRITON and torch.cuda.is_available()
INTERPRETED = _TRITON and os.environ.get("TRITON_INTERPRET") == "1"
needs_triton = pytest.mark.skipif(
    not (INTERPRETED or NATIVE), reason="wants a CUDA GPU with Triton, or Triton and TRITON_INTERPRET=1"
)


def _model(decay: tuple[float, ...] | None) -> BDH:
    torch.manual_seed(0)
    config = BDHConfig(
        n_layer=2, n_embd=64, n_head=2, mlp_internal_dim_multiplier=16, vocab_size=48, dropout=0.0, decay=decay
    )
    model = BDH(config).eval()
    return model.to("cuda", torch.bfloat16) if NATIVE else model


@needs_triton
@pytest.mark.parametrize("decay", [None, (0.9, 1.0)])
@torch.inference_mode()
def test_stepping_reads_writes_and_predicts_like_recurrent_mode(decay: tuple[float, ...] | None) -> None:
    model = _model(decay)
    tokens = torch.randint(0, 48, (2, 9), generator=torch.Generator().manual_seed(1)).to(model.device)
    start = model(tokens[:, :5], state=BDHState(model.empty_state(2).memory, 9_999_000)).state
    assert isinstance(start, BDHState)
    before, state = start.memory.clone(), start
    stepper = TritonStepper(model, start)
    for t in range(5, 9):
        expected = model(tokens[:, t : t + 1], state=state, mode="recurrent")
        assert isinstance(expected.state, BDHState)
        state = expected.state
        found = stepper.step(tokens[:, t])
        tolerance = 2e-2 if NATIVE else 1e-4
        assert float((found - expected.logits[:, 0]).norm() / expected.logits.norm()) <= tolerance
        assert float((stepper.state.memory - state.memory).norm() / state.memory.norm()) <= tolerance
        assert stepper.state.position == state.position
    assert torch.equal(start.memory, before)


@pytest.mark.skipif(NATIVE, reason="there is a GPU with Triton")
def test_cpu_generates_without_kernels() -> None:
    model = _model(None)
    assert not triton_applies(model, model.empty_state())


@pytest.mark.parametrize("decay", [None, (0.5, 1.0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_sparse_stepping_reads_writes_and_predicts_like_recurrent_mode(
    decay: tuple[float, ...] | None, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    config = BDHConfig(n_layer=2, n_embd=32, n_head=2, mlp_internal_dim_multiplier=8, vocab_size=48, decay=decay)
    model = BDH(config).to(dtype).eval()
    tokens = torch.randint(0, 48, (1, 40), generator=torch.Generator().manual_seed(1))
    state = model(tokens[:, :5]).state
    assert isinstance(state, BDHState)
    before, stepper = state.memory.clone(), SparseStepper(model, state)
    start = state
    for t in range(5, 40):  # at a half a token the factor is folded in three times
        expected = model(tokens[:, t : t + 1], state=state, mode="recurrent")
        state = expected.state
        found = stepper.step(tokens[:, t])
        tolerance = 1e-5 if dtype == torch.float32 else 3e-2
        assert float((found - expected.logits[:, 0]).norm() / expected.logits.norm()) <= tolerance
        assert float((stepper.state.memory - state.memory).norm() / state.memory.norm()) <= tolerance
    assert stepper.state.position == state.position == 40
    assert torch.equal(start.memory, before)


def test_generation_uses_the_sparse_stepper_with_the_same_text(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = BDH(BDHConfig(n_layer=2, n_embd=64, n_head=2, mlp_internal_dim_multiplier=64, vocab_size=48))
    assert isinstance(make_stepper(model, model.empty_state()), SparseStepper)
    assert make_stepper(model, model.empty_state(2)) is None
    sparse = generation.generate(model, [1, 2, 3], max_new_tokens=30, temperature=0.8, top_k=9, seed=5)
    written = list(sparse)
    monkeypatch.setattr(generation, "make_stepper", lambda *_: None)
    dense = generation.generate(model, [1, 2, 3], max_new_tokens=30, temperature=0.8, top_k=9, seed=5)
    assert list(dense) == written and sparse.state.position == dense.state.position == 33
