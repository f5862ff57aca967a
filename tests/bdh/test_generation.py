"""Sampling: the tokens, and the state after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from bdh import generation
from bdh.errors import ConfigError, StateError
from bdh.generation import generate
from bdh.model import BDH

ModelMaker = Callable[..., BDH]
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]
prompts = st.lists(st.integers(0, 47), min_size=1, max_size=12)


def _greedy_by_rereading(model: BDH, prompt: list[int], count: int) -> list[int]:
    """Generate without a state: read the whole text again for every token."""
    tokens = list(prompt)
    with torch.inference_mode():
        for _ in range(count):
            tokens.append(int(model(torch.tensor([tokens]), mode="parallel").logits[0, -1].argmax()))
    return tokens[len(prompt) :]


@pytest.mark.parametrize("damping", [{}, {"decay": (0.9, 1.0)}])
@given(prompt=prompts, count=st.integers(0, 12))
@settings(max_examples=15)
def test_greedy_tokens_equal_those_without_a_state(
    make_model: ModelMaker, damping: dict[str, Any], prompt: list[int], count: int
) -> None:
    model = make_model(**damping)
    found = list(generate(model, prompt, max_new_tokens=count, temperature=0))
    assert found == _greedy_by_rereading(model, prompt, count)


@given(prompt=prompts, seed=st.integers(0, 2**63 - 1), temperature=st.floats(1e-40, 1e30))
@settings(max_examples=25)
def test_top_1_is_greedy_at_any_temperature(
    make_model: ModelMaker, prompt: list[int], seed: int, temperature: float
) -> None:
    model = make_model()
    greedy = list(generate(model, prompt, max_new_tokens=6, temperature=0))
    assert list(generate(model, prompt, max_new_tokens=6, temperature=temperature, top_k=1, seed=seed)) == greedy


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10)
def test_same_seed_draws_the_same_tokens(make_model: ModelMaker, seed: int) -> None:
    first, second = (list(generate(make_model(), PROMPT, max_new_tokens=10, seed=seed)) for _ in range(2))
    assert first == second


def test_sampling_does_not_use_the_global_generator(make_model: ModelMaker) -> None:
    model = make_model()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    list(generate(model, PROMPT, max_new_tokens=5))
    assert torch.equal(torch.rand(3), expected)


def test_different_seeds_draw_different_tokens(make_model: ModelMaker) -> None:
    drawn = {tuple(generate(make_model(), PROMPT, max_new_tokens=10, temperature=2.0, seed=s)) for s in range(5)}
    assert len(drawn) == 5


def test_top_k_samples_only_the_most_likely(make_model: ModelMaker) -> None:
    model = make_model()
    with torch.inference_mode():
        likeliest = set(model(torch.tensor([PROMPT])).logits[0, -1].topk(3).indices.tolist())
    first = {next(generate(model, PROMPT, max_new_tokens=1, temperature=50.0, top_k=3, seed=s)) for s in range(60)}
    assert first == likeliest


def test_high_temperature_samples_every_token(make_model: ModelMaker) -> None:
    model = make_model()
    seen = {next(generate(model, PROMPT, max_new_tokens=1, temperature=1e6, seed=seed)) for seed in range(300)}
    assert len(seen) > 40


def test_frequencies_of_draws_follow_the_model(make_model: ModelMaker) -> None:
    model = make_model(vocab_size=4)
    with torch.inference_mode():
        expected = (model(torch.tensor([[1, 2, 3]])).logits[0, -1] / 0.7).softmax(-1)
    drawn = [next(generate(model, [1, 2, 3], max_new_tokens=1, temperature=0.7, seed=seed)) for seed in range(800)]
    found = torch.bincount(torch.tensor(drawn), minlength=4) / 800
    assert float((found - expected).abs().max()) < 0.07


def test_state_after_generation_is_that_of_reading_the_same_text(make_model: ModelMaker) -> None:
    model = make_model(decay=(0.9, 1.0))
    tokens = generate(model, PROMPT, max_new_tokens=9, seed=2)
    text = PROMPT + list(tokens)
    with torch.inference_mode():
        expected = model(torch.tensor([text])).state
    assert expected is not None and tokens.state.position == len(text) == expected.position
    assert torch.allclose(tokens.state.memory, expected.memory, rtol=1e-4, atol=1e-3)


@given(prompt=st.lists(st.integers(0, 47), min_size=2, max_size=12), data=st.data())
@settings(max_examples=15)
def test_prompt_in_two_parts_equals_one(make_model: ModelMaker, prompt: list[int], data: Any) -> None:
    model, cut = make_model(), data.draw(st.integers(1, len(prompt) - 1))
    with torch.inference_mode():
        state = model(torch.tensor([prompt[:cut]])).state
    whole = list(generate(model, prompt, max_new_tokens=8, seed=4))
    assert list(generate(model, prompt[cut:], max_new_tokens=8, seed=4, state=state)) == whole


def test_text_generated_in_two_parts_equals_one(make_model: ModelMaker) -> None:
    whole = list(generate(make_model(), PROMPT, max_new_tokens=12, seed=9))
    tokens = generate(make_model(), PROMPT, max_new_tokens=12, seed=9)
    assert list(islice(tokens, 5)) + list(tokens) == whole and len(whole) == 12


def test_greedy_text_continues_its_own_tokens(make_model: ModelMaker) -> None:
    model = make_model()
    whole = list(generate(model, PROMPT, max_new_tokens=10, temperature=0))
    assert list(generate(model, PROMPT + whole[:4], max_new_tokens=6, temperature=0)) == whole[4:]


def test_generation_does_not_change_the_given_state(make_model: ModelMaker) -> None:
    model = make_model()
    with torch.inference_mode():
        state = model(torch.tensor([PROMPT])).state
    assert state is not None
    before = state.memory.clone()
    first, second = (list(generate(model, [7], max_new_tokens=6, state=state)) for _ in range(2))
    assert first == second and torch.equal(state.memory, before) and state.position == len(PROMPT)


def test_long_prompt_is_read_in_segments(make_model: ModelMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompt = make_model(), [(7 * number) % 48 for number in range(50)]
    whole = list(generate(model, prompt, max_new_tokens=8, seed=1))
    lengths = []
    encode = model.encode
    monkeypatch.setattr(
        model, "encode", lambda tokens, *a, **k: lengths.append(tokens.shape[1]) or encode(tokens, *a, **k)
    )
    monkeypatch.setattr(generation, "_PROMPT_SEGMENT", 16)
    assert list(generate(model, prompt, max_new_tokens=8, seed=1)) == whole
    assert lengths == [16, 16, 16, 2] + [1] * 8


def test_dropout_is_off_during_generation_only(make_model: ModelMaker) -> None:
    model = make_model(dropout=0.9)
    expected = list(generate(model, PROMPT, max_new_tokens=8, temperature=0))
    model.train()
    assert list(generate(model, PROMPT, max_new_tokens=8, temperature=0)) == expected
    assert model.training


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"prompt": []}, "prompt is empty"),
        ({"prompt": [1, 48]}, "the vocabulary has 0 to 47"),
        ({"prompt": [-1]}, "the vocabulary has 0 to 47"),
        ({"temperature": -0.1}, "temperature -0.1"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"temperature": float("inf")}, "temperature inf"),
        ({"top_k": -1}, "top_k -1"),
        ({"max_new_tokens": -1}, "max_new_tokens -1"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**64}, "seed 18446744073709551616"),
    ],
)
def test_bad_setting_is_a_clear_error(make_model: ModelMaker, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        generate(**{"model": make_model(), "prompt": PROMPT, "max_new_tokens": 3, **changes})
    assert word in str(caught.value) and "\n" not in str(caught.value)


def test_state_of_several_texts_is_refused(make_model: ModelMaker) -> None:
    model = make_model()
    with pytest.raises(StateError, match="this call needs"):
        generate(model, PROMPT, max_new_tokens=3, state=model.empty_state(2))


@pytest.mark.parametrize("position", [10, 100_000, 10_000_000])
def test_cost_of_a_token_does_not_depend_on_position(make_model: ModelMaker, position: int) -> None:
    """Count what one token takes after ``position`` others: products, bytes of memory, and calls of the model."""
    model = make_model()
    state = replace(model.empty_state(), position=position)
    with torch.inference_mode():
        tokens = generate(model, PROMPT, max_new_tokens=4, state=state)
        before = tokens.state.memory.nbytes
        counts = []
        for _ in range(3):
            with FlopCounterMode(display=False) as counter:
                next(tokens)
            counts.append(counter.get_total_flops())
    heads, width, neurons, layers = 2, 16, 32, 2
    projections, memory = 3 * heads * neurons * width, heads * neurons * width
    assert counts == [2 * (layers * (projections + memory) + width * 48)] * 3
    assert tokens.state.memory.nbytes == before == layers * heads * neurons * width * 4
    assert tokens.state.position == position + len(PROMPT) + 3


def test_long_text_leaves_only_the_state_in_memory(make_model: ModelMaker) -> None:
    model = make_model()
    tokens = generate(model, PROMPT, max_new_tokens=300)
    for _ in tokens:
        pass
    held = [value for value in vars(tokens).values() if isinstance(value, torch.Tensor)]
    assert sum(tensor.numel() for tensor in held) == 48  # the logits of the next token
    assert tokens.state.memory.shape == model.empty_state().memory.shape
    assert tokens.state.memory.grad_fn is None
