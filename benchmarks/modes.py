"""Time the three modes of attention on a model of a size for two CPU cores."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bdh import BDH, BDHConfig
from bdh.backends import Mode
from benchmarks.measurement import Measurement, time_call

TESTS = ("tests/bdh",)
CONFIG = BDHConfig(n_layer=4, n_embd=256, mlp_internal_dim_multiplier=24, dropout=0.0)
LENGTHS: dict[Mode, tuple[int, ...]] = {
    "parallel": (256, 1024),
    "chunkwise": (256, 1024, 4096),
    "recurrent": (64,),
}


def measure() -> Iterator[Measurement]:
    """Yield tokens per second of each mode and length: forward only, one sequence, a memory carried in and out."""
    torch.manual_seed(0)
    model = BDH(CONFIG).eval()
    for mode, lengths in LENGTHS.items():
        for length in lengths:
            yield _measure_mode(model, mode, length)


@torch.inference_mode()
def _measure_mode(model: BDH, mode: Mode, length: int) -> Measurement:
    tokens = torch.randint(CONFIG.vocab_size, (1, length))
    state = model.empty_state()
    repeats = 3
    seconds = time_call(lambda: model(tokens, state=state, mode=mode), repeats=repeats)
    how = f"median of {repeats}, float32, {torch.get_num_threads()} threads"
    return Measurement(f"{mode}, {length} tokens", length / seconds, "tokens/s", how)
