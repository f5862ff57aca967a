"""Time one generated token after 1,000, 10,000 and 100,000 tokens of text: it must not slow down."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bdh import BDH, BDHConfig, BDHState, generate
from benchmarks.measurement import Measurement, time_call

TESTS = ("tests/bdh/test_generation.py",)
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
