"""The neuro model in the library: states, splits, checkpoints, sampling, evaluation, training."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh import checkpoint
from bdh.config import BDHConfig
from bdh.errors import CheckpointError, ConfigError, StateError
from bdh.evaluation import stream_losses
from bdh.generation import generate
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.neuro.state import NeuroState
from bdh.state import BDHState
from bdh.tokenizer import CharTokenizer

V, N, D = 11, 16, 8
CONFIGS = {
    "plain": NeuroConfig.plain(V, N, D),
    "published": NeuroConfig.published(V, N, D),
    "two layers with rope": NeuroConfig.published(V, N, D, n_layer=2, rope=True),
}


def make(config: NeuroConfig = CONFIGS["published"], seed: int = 0) -> BDHNeuro:
    torch.manual_seed(seed)
    return BDHNeuro(config).eval()


def tokens(rows: int = 2, length: int = 14) -> torch.Tensor:
    return torch.randint(0, V, (rows, length), generator=torch.Generator().manual_seed(5))


def read(model: BDHNeuro, ids: torch.Tensor, state: NeuroState | None = None) -> tuple[torch.Tensor, NeuroState]:
    with torch.no_grad():
        output = model(ids, state=state)
    assert isinstance(output.state, NeuroState)
    return output.logits, output.state


def assert_same(one: NeuroState, other: NeuroState, *, position: bool = True) -> None:
    for name, tensor in one.tensors().items():
        torch.testing.assert_close(tensor, other.tensors()[name], rtol=1e-5, atol=1e-5)
    assert not position or one.position == other.position


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=12)
@given(st.lists(st.integers(1, 13), max_size=5, unique=True))
def test_text_split_anywhere_gives_the_same(name: str, cuts: list[int]) -> None:
    model, ids = make(CONFIGS[name]), tokens()
    whole, after = read(model, ids)
    pieces, state = [], None
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 14], strict=True):
        logits, state = read(model, ids[:, start:stop], state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-5, atol=1e-5)
    assert state is not None
    assert_same(state, after)


def test_rows_do_not_see_each_other() -> None:
    model, ids = make(), tokens(rows=3)
    together, _ = read(model, ids)
    for row in range(3):
        torch.testing.assert_close(read(model, ids[row : row + 1])[0], together[row : row + 1], rtol=1e-5, atol=1e-5)


def test_empty_state_is_no_state() -> None:
    model = make()
    assert torch.equal(read(model, tokens())[0], read(model, tokens(), model.empty_state(2))[0])


@pytest.mark.parametrize("mode", ["parallel", "chunkwise", "recurrent"])
def test_mode_changes_nothing(mode: Any) -> None:
    model = make()
    assert torch.equal(model(tokens(), mode=mode).logits, model(tokens()).logits)


def test_keep_state_false_returns_no_state() -> None:
    assert make()(tokens(), keep_state=False).state is None


def test_autocast_leaves_the_precision_alone() -> None:
    model = make()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(tokens(), tokens())
    assert torch.equal(output.logits, model(tokens()).logits)
    assert output.loss is not None and output.loss.dtype == torch.float32


def test_bfloat16_weights_compute_in_float32() -> None:
    model = checkpoint.cast_weights(make(), torch.bfloat16)
    logits, state = read(model, tokens())
    assert logits.dtype == state.rho.dtype == torch.float32
    torch.testing.assert_close(logits, read(make(), tokens())[0], rtol=0.1, atol=0.3)


def test_activity_is_that_of_the_trace() -> None:
    model = make(CONFIGS["two layers with rope"])
    trace, activity = model.trace(tokens()), model(tokens(), measure_every=3).activity
    for column, neurons in enumerate((trace.x, trace.y)):
        shares = (neurons[:, :, ::3] > 0).float().mean(dim=(1, 2, 3))
        torch.testing.assert_close(activity[:, column], shares)
    probe = model.probe(tokens())
    assert probe.active_y == pytest.approx(float((trace.y > 0).float().mean()))
    assert probe.state_norm == pytest.approx(float(trace.state.rho.pow(2).sum(dim=(2, 3, 4)).sqrt().mean()))
    assert probe.gain == pytest.approx(float(trace.gain.mean()))
    assert make(CONFIGS["plain"]).probe(tokens()).gain is None


def test_probe_leaves_training_on_and_spikes_out() -> None:
    model = make().train()
    assert model.probe(tokens()) == model.probe(tokens())
    assert model.training


@pytest.mark.wrong_shapes
@pytest.mark.parametrize(
    ("ids", "targets", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), None, r"\(3,\)"),
        (torch.zeros(1, 0, dtype=torch.int64), None, "at least one token"),
        (torch.full((1, 2), V), None, f"the vocabulary has 0 to {V - 1}"),
        (torch.zeros(1, 2), None, "float32"),
        (torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, 3, dtype=torch.int64), r"\(1, 3\)"),
    ],
)
def test_wrong_input_is_refused(ids: torch.Tensor, targets: torch.Tensor | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()(ids, targets)


def test_wrong_mode_and_state_are_refused() -> None:
    model = make()
    with pytest.raises(ConfigError, match="mode is 'fast'"):
        model(tokens(), mode="fast")
    with pytest.raises(StateError, match="this call needs"):
        model(tokens(), state=model.empty_state(3))


def test_fork_repeats_rows_and_is_independent() -> None:
    model = make()
    _, state = read(model, tokens())
    forked = state.fork(3)
    assert forked.batch_size == 6 and forked.position == state.position
    forked.rho.zero_()
    assert state.rho.abs().sum() > 0
    logits, _ = read(model, tokens(2, 4).repeat_interleave(3, dim=0), state.fork(3))
    torch.testing.assert_close(logits, read(model, tokens(2, 4), state)[0].repeat_interleave(3, dim=0))
    with pytest.raises(StateError, match="copies is 0"):
        state.fork(0)


def test_reset_row_equals_a_new_one_and_others_continue() -> None:
    model = make()
    _, state = read(model, tokens())
    logits, _ = read(model, tokens(2, 6), state.reset(torch.tensor([True, False])))
    torch.testing.assert_close(logits[:1], read(model, tokens(2, 6))[0][:1])
    torch.testing.assert_close(logits[1:], read(model, tokens(2, 6), state)[0][1:])
    with pytest.raises(StateError, match="one flag per sequence"):
        state.reset(torch.tensor([True]))


def test_detached_state_carries_no_gradient() -> None:
    state = make()(tokens()).state
    assert state.rho.requires_grad and not state.detach().rho.requires_grad
    assert state.detach().to("cpu").position == 14


@pytest.mark.parametrize("name", CONFIGS)
def test_state_loads_from_its_file(name: str, tmp_path: Path) -> None:
    _, state = read(make(CONFIGS[name]), tokens())
    state.save(tmp_path / "state.safetensors")
    assert_same(NeuroState.load(tmp_path / "state.safetensors"), state)


def test_state_file_of_the_other_variant_is_refused(tmp_path: Path) -> None:
    make().empty_state().save(tmp_path / "neuro")
    BDHState.empty(BDHConfig(1, 8, 1, 2)).save(tmp_path / "bdh")
    with pytest.raises(StateError, match="format bdh-state-1"):
        BDHState.load(tmp_path / "neuro")
    with pytest.raises(StateError, match="format bdh-neuro-state-1"):
        NeuroState.load(tmp_path / "bdh")
    with pytest.raises(StateError, match="is not a saved state"):
        NeuroState.load(tmp_path / "missing")


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    state = make().empty_state()
    dataclasses.replace(state, x=state.x + torch.inf).save(tmp_path / "state")
    with pytest.raises(StateError, match="not finite"):
        NeuroState.load(tmp_path / "state")


@pytest.mark.parametrize("name", CONFIGS)
def test_model_loads_from_its_folder(name: str, tmp_path: Path) -> None:
    model, tokenizer = make(CONFIGS[name]), CharTokenizer("abcdefghijk")
    checkpoint.save(tmp_path / "model", model, tokenizer)
    loaded, characters = checkpoint.load(tmp_path / "model")
    assert isinstance(loaded, BDHNeuro) and loaded.config == model.config and not loaded.training
    assert torch.equal(loaded(tokens()).logits, model(tokens()).logits)
    assert characters.encode("kabc") == [10, 0, 1, 2]


def test_folder_names_its_variant_and_the_default_is_the_published_model(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, make(), CharTokenizer("abc"))
    assert json.loads((tmp_path / "config.json").read_text())["variant"] == "neuro"
    with pytest.raises(CheckpointError, match="contains the neuro variant"):
        checkpoint.load_bdh(tmp_path)
    checkpoint.save(tmp_path, BDH(BDHConfig(1, 8, 1, 2)), CharTokenizer("abc"))
    mapping = json.loads((tmp_path / "config.json").read_text())
    assert mapping.pop("variant") == "bdh"
    (tmp_path / "config.json").write_text(json.dumps(mapping))
    assert isinstance(checkpoint.load_bdh(tmp_path)[0], BDH)
    (tmp_path / "config.json").write_text(json.dumps(mapping | {"variant": "frog"}))
    with pytest.raises(CheckpointError, match="unknown variant; this library reads bdh, neuro"):
        checkpoint.load(tmp_path)


def test_generation_is_seeded_and_continues_its_state() -> None:
    model = make()
    first = list(generate(model, [1, 2, 3], max_new_tokens=12, temperature=0.8, top_k=5, seed=4))
    assert first == list(generate(model, [1, 2, 3], max_new_tokens=12, temperature=0.8, top_k=5, seed=4))
    greedy = generate(model, [1, 2, 3], max_new_tokens=4, temperature=0)
    start = [next(greedy) for _ in range(3)]
    logits, _ = read(model, torch.tensor([[1, 2, 3, *start]]))
    assert next(greedy) == int(logits[0, -1].argmax())
    assert greedy.state.position == 7


def test_evaluation_carries_the_state() -> None:
    model = make()
    document = tokens(1, 60)[0].numpy().astype(np.int32)
    (losses,) = stream_losses(model, [document], segment=7)
    logits, _ = read(model, torch.from_numpy(document[None, :-1]).long())
    expected = torch.nn.functional.cross_entropy(logits[0], torch.from_numpy(document[1:]).long(), reduction="none")
    np.testing.assert_allclose(losses, expected.numpy(), rtol=1e-4, atol=1e-4)
