"""Latent steps: each is a pass over the memory from the last hidden vector; all can be trained; no token is written."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bdh.errors import ConfigError, StateError
from bdh.model import BDH, BDHOutput
from bdh.state import BDHState
from tests.bdh.conftest import ModelMaker


def _ask(model: BDH, batch: int = 2, length: int = 12) -> tuple[BDHState, Tensor]:
    """Return the state after a question, and the hidden vector of its last token."""
    tokens = torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(1))
    output = model(tokens)
    return _state(output), output.hidden[:, -1]


def _state(output: BDHOutput) -> BDHState:
    assert isinstance(output.state, BDHState)
    return output.state


@pytest.mark.parametrize("decay", [None, (0.7, 0.99)])
@torch.inference_mode()
def test_one_step_reads_like_a_token_with_the_hidden_vector_as_embedding(
    make_model: ModelMaker, decay: tuple[float, ...] | None
) -> None:
    model = make_model(decay=decay)
    state, hidden = _ask(model)
    found = model.think(state, hidden, steps=1)
    with torch.no_grad():
        model.embed.weight[:2] = hidden
    expected = model(torch.tensor([[0], [1]]), state=state)
    assert torch.allclose(found.logits, expected.logits, atol=1e-3)
    assert torch.allclose(_state(found).memory, _state(expected).memory, atol=1e-3)
    assert _state(found).position == 13


@torch.inference_mode()
def test_steps_follow_one_another(make_model: ModelMaker) -> None:
    model = make_model(decay=(0.7, 0.99))
    state, hidden = _ask(model)
    whole, first = model.think(state, hidden, steps=5), model.think(state, hidden, steps=2)
    rest = model.think(_state(first), first.hidden[:, -1], steps=3)
    assert whole.hidden.shape == (2, 5, 16) and whole.logits.shape == (2, 5, 48)
    assert torch.allclose(whole.hidden, torch.cat([first.hidden, rest.hidden], dim=1), atol=1e-4)
    assert torch.allclose(_state(whole).memory, _state(rest).memory, atol=1e-3)
    assert not torch.allclose(whole.hidden[:, 0], whole.hidden[:, 4], atol=1e-2)


@torch.inference_mode()
def test_thinking_does_not_change_the_given_state(make_model: ModelMaker) -> None:
    model = make_model()
    state, hidden = _ask(model)
    before = state.memory.clone()
    written, unwritten = (model.think(state, hidden, steps=3, write=write) for write in (True, False))
    assert torch.equal(state.memory, before) and state.position == 12
    assert torch.equal(_state(unwritten).memory, before) and _state(unwritten).position == 12
    assert not torch.equal(_state(written).memory, before) and _state(written).position == 15
    assert torch.equal(written.hidden[:, 0], unwritten.hidden[:, 0])


def test_every_step_has_a_loss_and_gradients_reach_the_memory_of_the_question(make_model: ModelMaker) -> None:
    model, answers = make_model(dropout=0.0).train(), torch.tensor([3, 40])
    state, hidden = _ask(model)
    state.memory.retain_grad()
    output = model.think(state, hidden, steps=4, targets=answers)
    each = [F.cross_entropy(output.logits[:, step], answers) for step in range(4)]
    assert output.loss is not None and torch.allclose(output.loss, torch.stack(each).mean())
    output.loss.backward()
    assert state.memory.grad is not None and float(state.memory.grad.abs().sum()) > 0
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.parametrize("steps", [0, -1])
def test_fewer_than_one_step_is_a_clear_error(make_model: ModelMaker, steps: int) -> None:
    model = make_model()
    with pytest.raises(ConfigError, match="at least 1"):
        model.think(*_ask(model), steps=steps)


@pytest.mark.wrong_shapes
def test_state_of_another_batch_is_refused(make_model: ModelMaker) -> None:
    model = make_model()
    state, hidden = _ask(model)
    with pytest.raises(StateError):
        model.think(state.fork(2), hidden, steps=1)
