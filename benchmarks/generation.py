"""Time one generated token: after 1,000 to 100,000 tokens of text, and with and without the sparse path."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from bdh import BDH, BDHConfig, BDHState, generate, load_bdh
from bdh.decoding import SparseStepper
from benchmarks.measurement import Measurement, time_call

TESTS = ("tests/bdh/test_generation.py", "tests/bdh/test_decoding.py")
READER = Path(__file__).parents[1] / "models" / "reader"
NOVEL = Path(__file__).parents[1] / "novels" / "The Unlit Hour.txt"
CONFIG = BDHConfig(n_layer=4, n_embd=256, mlp_internal_dim_multiplier=24, dropout=0.0)
LENGTHS = (1_000, 10_000, 100_000)
_TOKENS = 50
_PIECE = 2_000


def measure() -> Iterator[Measurement]:
    """Yield milliseconds a token at each length, the text read beforehand; one sequence, drawn with top-k 40."""
    torch.manual_seed(0)
    model = BDH(CONFIG).eval()
    state = model.empty_state()
    for length in LENGTHS:
        state = _read_up_to(model, state, length)
        yield _measure_token(model, state)
    yield from _measure_sparse()


@torch.inference_mode()
def _read_up_to(model: BDH, state: BDHState, length: int) -> BDHState:
    """Read random tokens until ``length`` of them have been read."""
    while state.position < length:
        tokens = torch.randint(CONFIG.vocab_size, (1, min(_PIECE, length - state.position)))
        after = model(tokens, state=state).state
        assert isinstance(after, BDHState)
        state = after
    return state


def _measure_token(model: BDH, state: BDHState) -> Measurement:
    def write() -> None:
        for _ in generate(model, [10], max_new_tokens=_TOKENS, temperature=0.8, top_k=40, state=state):
            pass

    repeats = 3
    seconds = time_call(write, repeats=repeats)
    how = f"median of {repeats} times {_TOKENS} tokens, float32, {torch.get_num_threads()} threads"
    what = f"one token after {state.position:,}, memory {state.memory.nbytes / 2**20:.0f} MiB"
    return Measurement(what, 1000 * seconds / (_TOKENS + 1), "ms", how)


@torch.inference_mode()
def _measure_sparse() -> Iterator[Measurement]:
    """Yield the rate of the shipped encoder in the recurrent mode and with active neurons only, in alternation."""
    model, tokenizer = load_bdh(READER)
    model.eval()
    tokens = torch.tensor(tokenizer.encode(NOVEL.read_text(encoding="utf-8")[:6000]))
    output = model(tokens[None, :500], measure_every=1)
    state = output.state
    assert isinstance(model, BDH) and isinstance(state, BDHState) and output.activity is not None
    yield Measurement("active x of the reader", 100 * float(output.activity[:, 0].mean()), "%", "500 tokens of a novel")
    stepper, seconds, apart = SparseStepper(model, state), [0.0, 0.0], 0.0
    for token in tokens[500:560]:
        start = time.perf_counter()
        dense = model(token.view(1, 1), state=state, mode="recurrent")
        middle = time.perf_counter()
        sparse = stepper.step(token.view(1))
        seconds = [seconds[0] + middle - start, seconds[1] + time.perf_counter() - middle]
        state = dense.state
        apart = max(apart, float((sparse - dense.logits[0]).norm() / dense.logits.norm()))
    how = f"60 tokens, alternating, float32, {torch.get_num_threads()} threads"
    yield Measurement("reader, recurrent mode", 60 / seconds[0], "tokens/s", how)
    yield Measurement("reader, active neurons only", 60 / seconds[1], "tokens/s", how)
    yield Measurement("largest relative difference of their logits", apart, "", how)
