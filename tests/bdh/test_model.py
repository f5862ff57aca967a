"""The whole model gives one result in every mode, wherever the text is split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import bdh.model
from bdh import backends
from bdh.backends import MODES, Mode
from bdh.errors import BDHError, ConfigError, StateError
from bdh.model import BDH, BDHOutput, evaluating
from bdh.state import BDHState

ModelMaker = Callable[..., BDH]
DAMPINGS: dict[str, dict[str, Any]] = {
    "published": {},
    "damped": {"decay": (0.9, 1.0)},
    "learned": {"decay": (0.8, 0.999), "learn_decay": True},
}


def _tokens(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(seed))


def _state(output: BDHOutput) -> BDHState:
    assert output.state is not None
    return output.state


def _close(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> bool:
    found, expected = found.detach(), expected.detach()
    return bool((found - expected).abs().max() <= tolerance * (1.0 + float(expected.abs().max())))


def _same(found: BDHOutput, expected: BDHOutput) -> bool:
    assert found.loss is not None and expected.loss is not None
    return (
        _close(found.logits, expected.logits)
        and _close(found.hidden, expected.hidden)
        and _close(found.loss, expected.loss)
        and _close(_state(found).memory, _state(expected).memory)
        and _state(found).position == _state(expected).position
    )


@pytest.mark.parametrize("damping", DAMPINGS)
@given(batch=st.integers(1, 3), length=st.integers(1, 30), chunk=st.integers(1, 35), seed=st.integers(0, 99))
@settings(max_examples=12)
def test_modes_of_the_whole_model_agree(
    make_model: ModelMaker, damping: str, batch: int, length: int, chunk: int, seed: int
) -> None:
    model = make_model(chunk_size=chunk, **DAMPINGS[damping])
    tokens, targets = _tokens(batch, length, seed), _tokens(batch, length, seed + 1)
    earlier = _state(model(_tokens(batch, 7, seed + 2)))
    with torch.inference_mode():
        parallel, chunkwise, recurrent = (model(tokens, targets, earlier, mode) for mode in MODES)
    assert _state(parallel).position == 7 + length
    assert _same(chunkwise, parallel) and _same(recurrent, parallel)


@pytest.mark.parametrize("damping", DAMPINGS)
@given(cuts=st.lists(st.integers(0, 24), max_size=3), modes=st.lists(st.sampled_from(MODES), min_size=4, max_size=4))
@settings(max_examples=12)
def test_text_split_anywhere_gives_the_same_logits(
    make_model: ModelMaker, damping: str, cuts: list[int], modes: list[Mode]
) -> None:
    model, tokens = make_model(**DAMPINGS[damping]), _tokens(2, 24)
    state, logits = None, []
    bounds = sorted({0, 24, *cuts})
    with torch.inference_mode():
        for start, stop, mode in zip(bounds, bounds[1:], modes, strict=False):
            output = model(tokens[:, start:stop], state=state, mode=mode)
            state = _state(output)
            logits.append(output.logits)
        whole = model(tokens, mode="parallel")
    assert state is not None and state.position == 24
    assert _close(torch.cat(logits, dim=1), whole.logits)
    assert _close(state.memory, _state(whole).memory)


@pytest.mark.parametrize("mode", MODES)
def test_logits_at_position_ten_million_equal_those_at_the_start(make_model: ModelMaker, mode: Mode) -> None:
    model, tokens = make_model(n_embd=32, mlp_internal_dim_multiplier=16), _tokens(1, 60)
    with torch.inference_mode():
        near = model(tokens, mode=mode)
        far = model(tokens, state=replace(model.empty_state(), position=10_000_000), mode=mode)
    assert _state(far).position == 10_000_060
    assert _close(far.logits, near.logits, 1e-3)


@pytest.mark.parametrize(
    ("length", "expected"), [(1, "recurrent"), (2, "parallel"), (1024, "parallel"), (1025, "chunkwise")]
)
def test_mode_follows_from_the_length(
    make_model: ModelMaker, monkeypatch: pytest.MonkeyPatch, length: int, expected: Mode
) -> None:
    model, seen = make_model(n_layer=1, chunk_size=256), []
    make = backends.make_attend
    monkeypatch.setattr(backends, "make_attend", lambda mode, *a, **k: seen.append(mode) or make(mode, *a, **k))
    with torch.inference_mode():
        model(_tokens(2, length))  # a single long text on a CPU has its own backend
    assert seen == [expected]


@pytest.mark.parametrize("damping", [None, (0.5, 0.9), (1.0, 0.97)])
def test_cpu_stream_equals_the_plain_layers(make_model: ModelMaker, damping: tuple[float, ...] | None) -> None:
    model = make_model(n_head=2, decay=damping, chunk_size=150)
    tokens, earlier = _tokens(1, 400, 5), _state(model(_tokens(1, 90, 6)))
    kept = earlier.fork()
    with torch.inference_mode():
        expected = model.encode(tokens, earlier, "parallel", measure_every=7)
        found = model.encode(tokens, earlier, "chunkwise", measure_every=7)
        assert torch.equal(earlier.memory, kept.memory)
        given_away = model.encode(tokens, earlier, "chunkwise", overwrite_state=True)
        alone = model.encode(tokens, mode="chunkwise", keep_state=False)
    assert _close(found[0], expected[0]) and torch.equal(given_away[0], found[0])
    for state in (found[1], given_away[1]):
        assert state is not None and expected[1] is not None and state.position == expected[1].position
        assert _close(state.memory, expected[1].memory)
    assert torch.equal(found[2], expected[2])
    assert alone[1] is None


def _gradients(model: BDH, mode: Mode) -> dict[str, Tensor]:
    state = _state(model(_tokens(2, 9, 3))).detach()
    loss = model(_tokens(2, 17), _tokens(2, 17, 1), state, mode).loss
    assert loss is not None
    model.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("mode", ["chunkwise", "recurrent"])
def test_gradients_do_not_depend_on_the_mode(make_model: ModelMaker, damping: str, mode: Mode) -> None:
    model = make_model(**DAMPINGS[damping])
    expected, found = _gradients(model, "parallel"), _gradients(model, mode)
    assert set(found) == set(expected) == {name for name, _ in model.named_parameters()}
    for name in expected:
        assert float((found[name] - expected[name]).norm() / expected[name].norm()) < 1e-3, name


def test_learned_decay_receives_a_gradient(make_model: ModelMaker) -> None:
    model = make_model(**DAMPINGS["learned"])
    gradient = _gradients(model, "parallel")["attn.decay_logit"]
    assert gradient.shape == (2,) and bool((gradient != 0).all())


def test_learned_decay_starts_at_the_configured_factors(make_model: ModelMaker) -> None:
    decay = make_model(**DAMPINGS["learned"]).attn.decay()
    assert decay is not None and torch.allclose(decay, torch.tensor([0.8, 0.999]), atol=1e-6)


def test_gradient_flows_into_the_memory_of_earlier_text(make_model: ModelMaker) -> None:
    model = make_model()
    carried = _state(model(_tokens(1, 8)))
    carried.memory.retain_grad()
    model(_tokens(1, 8, 1), _tokens(1, 8, 2), carried).loss.backward()
    assert carried.memory.grad is not None and bool(carried.memory.grad.abs().sum() > 0)


def test_later_tokens_do_not_change_earlier_logits(make_model: ModelMaker) -> None:
    model, tokens = make_model(), _tokens(1, 20)
    changed = tokens.clone()
    changed[0, 12] = (tokens[0, 12] + 1) % 48
    before, after = model(tokens).logits, model(changed).logits
    assert _close(after[:, :12], before[:, :12], 1e-6)
    assert not _close(after[:, 12:], before[:, 12:], 1e-3)


def test_rows_of_a_batch_do_not_see_each_other(make_model: ModelMaker) -> None:
    model, tokens = make_model(), _tokens(3, 15)
    together = model(tokens)
    for row in range(3):
        assert _close(model(tokens[row : row + 1]).logits, together.logits[row : row + 1])


def test_loss_skips_ignored_targets(make_model: ModelMaker) -> None:
    model, tokens, targets = make_model(), _tokens(1, 10), _tokens(1, 10, 1)
    targets[0, 4:] = -100
    logits = model(tokens).logits[0, :4]
    expected = torch.nn.functional.cross_entropy(logits, targets[0, :4])
    assert _close(model(tokens, targets).loss, expected, 1e-6)


def test_logits_are_those_of_the_hidden_vectors(make_model: ModelMaker) -> None:
    model = make_model()
    output = model(_tokens(2, 9))
    assert output.hidden.shape == (2, 9, 16) and output.logits.shape == (2, 9, 48)
    assert torch.equal(output.hidden @ model.lm_head, output.logits)


@pytest.mark.parametrize("mode", MODES)
def test_keep_state_false_returns_no_state(make_model: ModelMaker, mode: Mode) -> None:
    model, tokens = make_model(), _tokens(1, 13)
    output = model(tokens, mode=mode, keep_state=False)
    assert output.state is None
    assert _close(output.logits, model(tokens, mode=mode).logits, 1e-6)


def test_dropout_acts_only_in_training(make_model: ModelMaker) -> None:
    model, tokens = make_model(dropout=0.5), _tokens(1, 12)
    assert torch.equal(model(tokens).logits, model(tokens).logits)
    model.train()
    assert not torch.equal(model(tokens).logits, model(tokens).logits)
    with evaluating(model):
        assert torch.equal(model(tokens).logits, model(tokens).logits)
    assert model.training


@pytest.mark.parametrize("mode", MODES)
def test_bfloat16_weights_stay_close_to_float32(make_model: ModelMaker, mode: Mode) -> None:
    wide, narrow = make_model(), make_model().to(torch.bfloat16)
    tokens = _tokens(1, 40)
    with torch.inference_mode():
        expected, found = wide(tokens, tokens, mode=mode), narrow(tokens, tokens, mode=mode)
    assert narrow.encoder.dtype == torch.bfloat16 and _state(found).memory.dtype == torch.float32
    assert float((found.logits.float() - expected.logits).norm() / expected.logits.norm()) < 0.03
    assert abs(float(found.loss) - float(expected.loss)) < 0.05


@pytest.mark.parametrize("damping", ["damped", "learned"])
def test_frequencies_and_damping_stay_float32_in_a_bfloat16_model(make_model: ModelMaker, damping: str) -> None:
    model = make_model(**DAMPINGS[damping])
    frequencies, decay = model.attn.freqs.clone(), model.attn.decay()
    for narrowed in (model.half(), model.bfloat16(), model.to("cpu", torch.float16)):
        assert narrowed.attn.freqs.dtype == torch.float32 and torch.equal(narrowed.attn.freqs, frequencies)
        assert decay is not None and torch.equal(narrowed.attn.decay(), decay)


@given(every=st.integers(1, 40), length=st.integers(1, 30))
@settings(max_examples=15)
def test_activity_is_a_share_of_neurons_per_layer(make_model: ModelMaker, every: int, length: int) -> None:
    activity = make_model()(_tokens(2, length), measure_every=every).activity
    assert activity is not None and activity.shape == (2, 2)
    assert bool((activity >= 0).all()) and bool((activity <= 1).all())
    assert bool((activity[:, 1] <= activity[:, 0]).all())  # y is silent wherever x is


def test_activity_is_measured_only_when_asked_for(make_model: ModelMaker) -> None:
    assert make_model()(_tokens(1, 5)).activity is None


BAD_INPUT: dict[str, tuple[type[BDHError], str, dict[str, Any]]] = {
    "no token": (ConfigError, "at least one token", {"tokens": torch.zeros(1, 0, dtype=torch.long)}),
    "no row": (ConfigError, "at least one token", {"tokens": torch.zeros(0, 3, dtype=torch.long)}),
    "no batch axis": (ConfigError, "(B, T)", {"tokens": torch.zeros(3, dtype=torch.long)}),
    "fractions": (ConfigError, "torch.float32", {"tokens": torch.zeros(1, 3)}),
    "too large a token": (ConfigError, "0 to 47", {"tokens": torch.tensor([[1, 48]])}),
    "a negative token": (ConfigError, "0 to 47", {"tokens": torch.tensor([[1, -1]])}),
    "too large a target": (ConfigError, "targets run", {"targets": torch.tensor([[1, 2, 48]])}),
    "a negative target": (ConfigError, "targets run", {"targets": torch.tensor([[1, 2, -7]])}),
    "too few targets": (ConfigError, "targets have shape", {"targets": torch.tensor([[1, 2]])}),
    "an unknown mode": (ConfigError, "'sequential'", {"mode": "sequential"}),
    "a state for two rows": (StateError, "this call needs", {"state": BDHState(torch.zeros(2, 2, 2, 32, 16))}),
    "a state of other sizes": (StateError, "this call needs", {"state": BDHState(torch.zeros(2, 1, 2, 8, 16))}),
    "a state elsewhere": (StateError, "meta", {"state": BDHState(torch.zeros(2, 1, 2, 32, 16, device="meta"))}),
    "tokens elsewhere": (ConfigError, "meta", {"tokens": torch.zeros(1, 3, dtype=torch.long, device="meta")}),
}


@pytest.mark.wrong_shapes
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_a_clear_error(make_model: ModelMaker, name: str) -> None:
    kind, word, changes = BAD_INPUT[name]
    with pytest.raises(kind) as caught:
        make_model()(**{"tokens": _tokens(1, 3), **changes})
    assert word in str(caught.value) and "\n" not in str(caught.value)


def test_model_accepts_int32_tokens(make_model: ModelMaker) -> None:
    model, tokens = make_model(), _tokens(1, 6)
    assert torch.equal(model(tokens.int(), tokens.int()).logits, model(tokens, tokens).logits)


def test_number_of_parameters_is_that_of_the_configuration(make_model: ModelMaker) -> None:
    for damping in DAMPINGS.values():
        model = make_model(**damping)
        assert sum(weight.numel() for weight in model.parameters()) == model.config.n_parameters


def test_evaluation_is_not_compiled(make_model: ModelMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(bdh.model.torch, "compile", lambda function, **_: lambda *a: calls.append(1) or function(*a))
    model, tokens = make_model(dropout=0.0), _tokens(1, 6)
    model.compile_training()
    plain = model(tokens).logits
    assert calls == []
    model.train()
    assert torch.equal(model(tokens).logits, plain) and len(calls) == 2
