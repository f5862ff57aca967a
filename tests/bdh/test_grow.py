"""A grown model computes what it computed, from the same state, and its new neurons learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh import checkpoint, cli
from bdh.backends import MODES, Mode
from bdh.errors import ConfigError, StateError
from bdh.grow import grow, grow_state
from bdh.model import BDH
from bdh.ops.rotary import make_frequencies
from bdh.tokenizer import ByteTokenizer
from tests.bdh.conftest import ModelMaker

WIDTH, NEURONS = 16, 32  # of a head, in the model of make_model
DAMPINGS: list[dict[str, Any]] = [{}, {"decay": (0.9, 0.99)}, {"decay": (0.9, 0.99), "learn_decay": True}]


def _tokens(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(48, (2, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("mode", MODES)
@given(times=st.integers(1, 13), seed=st.integers(0, 50), damping=st.sampled_from(DAMPINGS))
@settings(max_examples=15)
def test_grown_model_continues_a_carried_state_exactly(
    make_model: ModelMaker, mode: Mode, times: int, seed: int, damping: dict[str, Any]
) -> None:
    model = make_model(seed, **damping).double()
    grown = grow(model, times * WIDTH, seed=seed).double()
    with torch.inference_mode():
        before = model(_tokens(20, 1), mode=mode).state
        after = grow_state(before, model.config, grown.config, seed=seed)
        expected, found = model(_tokens(30), state=before, mode=mode), grown(_tokens(30), state=after, mode=mode)
        carried = grow_state(expected.state, model.config, grown.config, seed=seed)
    assert grown.config.n_neurons_total == model.config.n_neurons_total + times * WIDTH
    assert (found.logits - expected.logits).abs().max() <= 1e-6 * expected.logits.abs().max()
    assert (found.state.memory - carried.memory).abs().max() <= 1e-5 * (1 + carried.memory.abs().max())
    assert found.state.position == expected.state.position == 50


def test_grown_model_is_the_same_in_float32(make_model: ModelMaker) -> None:
    model = make_model(decay=(0.9, 0.99))
    with torch.inference_mode():
        expected = model(_tokens(40)).logits
        found = grow(model, 4 * WIDTH)(_tokens(40)).logits
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_neurons_keep_their_places_and_every_frequency_stays(make_model: ModelMaker) -> None:
    model = make_model()
    grown = grow(model, WIDTH, seed=3)
    freqs = grown.attn.freqs.flatten()
    assert torch.equal(freqs[:NEURONS], model.attn.freqs.flatten())
    assert not torch.equal(freqs, make_frequencies(len(freqs), model.config.rope_theta))
    new = freqs[NEURONS:]
    assert torch.equal(new[0::2], new[1::2]) and set(new.tolist()) <= set(freqs[:NEURONS].tolist())
    kept = (grown.encoder[:, :, :NEURONS] == model.encoder).all(dim=0).all(dim=0)
    assert int(kept.sum()) == NEURONS - len(new)


def test_new_neurons_get_gradients_of_their_own(make_model: ModelMaker) -> None:
    grown = grow(make_model(), 2 * WIDTH).train()
    output = grown(_tokens(30), _tokens(30, 1))
    assert output.loss is not None
    output.loss.backward()
    assert grown.encoder.grad is not None and grown.encoder_v.grad is not None and grown.decoder.grad is not None
    for grad in (grown.encoder.grad, grown.encoder_v.grad):
        assert bool((grad[:, :, NEURONS:].abs().amax(dim=1) > 0).all())
    decoder = grown.decoder.grad.view(2, -1, WIDTH)
    assert bool((decoder[:, NEURONS:].abs().amax(dim=2) > 0).all())
    old = {tuple(column.tolist()) for column in grown.encoder.grad[0, :, :NEURONS].T}
    assert not old & {tuple(column.tolist()) for column in grown.encoder.grad[0, :, NEURONS:].T}


def test_grown_model_can_grow_again(make_model: ModelMaker) -> None:
    model = make_model()
    grown = grow(grow(model, WIDTH), 3 * WIDTH)
    with torch.inference_mode():
        expected = model(_tokens(20)).logits
        assert (grown(_tokens(20)).logits - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize("neurons", [0, -16, 8, 17])
def test_neurons_that_cannot_be_shared_out_are_refused(make_model: ModelMaker, neurons: int) -> None:
    with pytest.raises(ConfigError, match="a positive multiple of 16"):
        grow(make_model(), neurons)


def test_state_of_another_model_is_refused(make_model: ModelMaker) -> None:
    model = make_model()
    other = make_model(n_layer=3).config
    with pytest.raises((StateError, ConfigError)):
        grow_state(model.empty_state(), model.config, other)


def test_grow_command_writes_a_folder_that_loads(
    make_model: ModelMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model: BDH = make_model(vocab_size=256)
    folder = checkpoint.save(tmp_path / "small", model, ByteTokenizer())
    command = ["grow", "--model", str(folder), "--neurons", "32", "--out", str(tmp_path / "large"), "--seed", "5"]
    assert cli.main(command) == 0
    grown, tokenizer = checkpoint.load_bdh(tmp_path / "large")
    assert torch.equal(grown.decoder, grow(model, 32, seed=5).decoder) and isinstance(tokenizer, ByteTokenizer)
    assert "2 heads of 48 neurons" in capsys.readouterr().out
    assert cli.main([*command[:4], "33", *command[5:]]) == 2
