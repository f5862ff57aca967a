"""One token at a time by the kernels of generation: what recurrent mode reads, writes and predicts."""

from __future__ import annotations

import importlib.util
import os

import pytest
import torch

from bdh.config import BDHConfig
from bdh.model import BDH
from bdh.state import BDHState
from bdh.stepping import Stepper, can_step

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
    stepper = Stepper(model, start)
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
def test_a_processor_generates_without_kernels() -> None:
    model = _model(None)
    assert not can_step(model, model.empty_state())
