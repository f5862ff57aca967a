"""The state between calls: independent forks, reset rows, files that load exactly or are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from bdh.config import BDHConfig
from bdh.errors import StateError
from bdh.model import BDH, BDHOutput
from bdh.state import BDHState

ModelMaker = Callable[..., BDH]


def _tokens(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(seed))


def _state(output: BDHOutput) -> BDHState:
    assert output.state is not None
    return output.state


@pytest.fixture
def state(make_model: ModelMaker) -> BDHState:
    with torch.no_grad():
        return _state(make_model()(_tokens(3, 11)))


def test_empty_state_equals_no_state(make_model: ModelMaker) -> None:
    model, tokens = make_model(), _tokens(2, 9)
    assert torch.equal(model(tokens, state=model.empty_state(2)).logits, model(tokens).logits)


def test_empty_state_is_float32_of_the_configured_shape() -> None:
    state = BDHState.empty(BDHConfig(n_layer=3, n_embd=8, n_head=2, mlp_internal_dim_multiplier=4), 5)
    assert state.memory.shape == (3, 5, 2, 16, 8) and state.memory.dtype == torch.float32
    assert state.position == 0 and state.batch_size == 5 and bool((state.norm() == 0).all())


@pytest.mark.parametrize("copies", [1, 3])
def test_fork_shares_no_memory_with_its_origin(state: BDHState, copies: int) -> None:
    before, fork = state.memory.clone(), state.fork(copies)
    fork.memory.fill_(7.0)
    assert torch.equal(state.memory, before)


def test_fork_repeats_every_sequence_in_a_row(state: BDHState) -> None:
    fork = state.fork(2)
    assert fork.batch_size == 6 and fork.position == state.position
    for row in range(3):
        assert torch.equal(fork.memory[:, 2 * row], state.memory[:, row])
        assert torch.equal(fork.memory[:, 2 * row + 1], state.memory[:, row])


def test_forks_are_independent(make_model: ModelMaker) -> None:
    model = make_model()
    with torch.no_grad():
        origin = _state(model(_tokens(1, 8)))
        alone = model(_tokens(1, 5, 2), state=origin).logits
        model(_tokens(1, 5, 1), state=origin.fork())
        assert torch.equal(model(_tokens(1, 5, 2), state=origin.fork()).logits, alone)


def test_reading_does_not_change_the_given_state(make_model: ModelMaker, state: BDHState) -> None:
    before = state.memory.clone()
    for mode in ("parallel", "chunkwise", "recurrent"):
        make_model(decay=(0.5, 1.0))(_tokens(3, 6), state=state, mode=mode)
        assert torch.equal(state.memory, before) and state.position == 11


@pytest.mark.parametrize("copies", [0, -2])
def test_fork_refuses_zero_copies(state: BDHState, copies: int) -> None:
    with pytest.raises(StateError, match="at least 1"):
        state.fork(copies)


@given(rows=st.lists(st.booleans(), min_size=3, max_size=3))
@settings(max_examples=8)
def test_reset_empties_only_the_marked_rows(make_model: ModelMaker, rows: list[bool]) -> None:
    with torch.no_grad():
        state = _state(make_model()(_tokens(3, 11)))
    reset = state.reset(torch.tensor(rows))
    assert reset.position == 11
    for row, emptied in enumerate(rows):
        expected = torch.zeros_like(state.memory[:, row]) if emptied else state.memory[:, row]
        assert torch.equal(reset.memory[:, row], expected)


def test_reset_row_equals_a_new_text(make_model: ModelMaker) -> None:
    model, tokens = make_model(decay=(0.9, 1.0)), _tokens(2, 12, 5)
    with torch.no_grad():
        state = _state(model(_tokens(2, 30))).reset(torch.tensor([True, False]))
        read, fresh = model(tokens, state=state).logits, model(tokens).logits
    assert torch.allclose(read[0], fresh[0], atol=1e-4)
    assert not torch.allclose(read[1], fresh[1], atol=1e-2)


def test_reset_clears_a_row_that_overflowed(state: BDHState) -> None:
    state.memory[:, 1] = torch.inf
    assert bool(torch.isfinite(state.reset(torch.tensor([False, True, False])).memory).all())


@pytest.mark.wrong_shapes
@pytest.mark.parametrize("shape", [(1,), (2,), (3, 1), ()])
def test_reset_refuses_flags_of_another_batch(state: BDHState, shape: tuple[int, ...]) -> None:
    with pytest.raises(StateError, match="one flag per sequence"):
        state.reset(torch.ones(shape, dtype=torch.bool))


def test_detached_state_has_no_gradient_history(make_model: ModelMaker) -> None:
    state = _state(make_model()(_tokens(1, 4)))
    assert state.memory.requires_grad and not state.detach().memory.requires_grad
    assert torch.equal(state.detach().memory, state.memory)


def test_norm_is_that_of_each_layer_and_sequence(state: BDHState) -> None:
    norm = state.norm()
    assert norm.shape == (2, 3)
    assert torch.allclose(norm[1, 2], state.memory[1, 2].flatten().norm())


def test_saved_state_loads_exactly_and_can_be_continued(make_model: ModelMaker, tmp_path: Path) -> None:
    model, tokens = make_model(), _tokens(2, 7, 3)
    with torch.no_grad():
        state = _state(model(_tokens(2, 19)))
        state.save(tmp_path / "state.safetensors")
        loaded = BDHState.load(tmp_path / "state.safetensors")
        assert torch.equal(loaded.memory, state.memory) and loaded.position == 19
        assert torch.equal(model(tokens, state=loaded).logits, model(tokens, state=state).logits)


def test_saving_leaves_one_file_and_replaces_the_old_one(state: BDHState, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    state.save(path)
    state.fork(2).save(str(path))
    assert [file.name for file in tmp_path.iterdir()] == ["state.safetensors"]
    assert BDHState.load(path).batch_size == 6


def test_state_with_gradient_history_can_be_saved(make_model: ModelMaker, tmp_path: Path) -> None:
    _state(make_model()(_tokens(1, 4))).save(tmp_path / "state.safetensors")
    assert BDHState.load(tmp_path / "state.safetensors").position == 4


def test_saving_to_a_path_that_cannot_be_written_is_an_error(state: BDHState, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        state.save(tmp_path / "nowhere" / "state.safetensors")


def _write_foreign(path: Path, kind: str) -> None:
    memory, right = torch.zeros(1, 1, 1, 2, 2), {"format": "bdh-state-1", "position": "3"}
    match kind:
        case "a text":
            path.write_text("Call me Ishmael.")
        case "an empty file":
            path.touch()
        case "a folder":
            path.mkdir()
        case "another safetensors file":
            save_file({"weight": memory}, str(path))
        case "another version":
            save_file({"memory": memory}, str(path), {**right, "format": "bdh-state-9"})
        case "no memory":
            save_file({"weight": memory}, str(path), right)
        case "four axes":
            save_file({"memory": memory[0]}, str(path), right)
        case "a memory that overflowed":
            save_file({"memory": memory / 0}, str(path), right)
        case "a header beyond the file":
            path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
        case _:
            position = {
                "no position": "",
                "a broken position": "-3",
                "a strange digit": "²",
                "a vast position": "9" * 5000,
            }
            save_file({"memory": memory}, str(path), {**right, "position": position[kind]})


FOREIGN = (
    "a text",
    "an empty file",
    "a folder",
    "another safetensors file",
    "another version",
    "no memory",
    "four axes",
    "a memory that overflowed",
    "a header beyond the file",
    "no position",
    "a broken position",
    "a strange digit",
    "a vast position",
)


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state.safetensors"
    _write_foreign(path, kind)
    with pytest.raises(StateError) as caught:
        BDHState.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="none"):
        BDHState.load(tmp_path / "none")


def test_truncated_file_is_refused_at_any_length(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    BDHState(torch.ones(1, 1, 1, 2, 2), 4).save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(StateError):
            BDHState.load(path)
