"""Train the published 25M configuration on the shipped novel, ours and the published formulation: the losses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bdh import BDHConfig, ByteTokenizer
from bdh.training.data import RandomWindows, encode_documents, read_texts
from benchmarks.gpu import Step, make_ours, make_reference
from benchmarks.measurement import Measurement

ALONE = True
TESTS = ("tests/bdh/ops/test_fused_layer.py", "tests/bdh/test_fused.py", "tests/bdh/test_reference.py")
NOVELS = Path(__file__).parents[1] / "novels"
_STEPS = 2000
_EVERY = 250


def measure() -> Iterator[Measurement]:
    """Yield the losses of both from the same weights and batches of 32 x 512 bytes, without dropout; needs a GPU."""
    if not torch.cuda.is_available():
        raise SystemExit("benchmark gpu_loss: no CUDA GPU was found; run it on a machine with one")
    config = BDHConfig(dropout=0.0)
    torch.manual_seed(1)
    reference = _losses(make_reference(config))
    torch.compiler.reset()
    torch.manual_seed(1)
    ours = _losses(make_ours(config))
    for first in range(0, _STEPS, _EVERY):
        part, how = slice(first, first + _EVERY), f"mean of steps {first + 1} to {first + _EVERY}"
        yield Measurement("loss, reference", float(reference[part].mean()), "nats", how)
        yield Measurement("loss, ours", float(ours[part].mean()), "nats", how)
    apart = ours - reference
    how = f"{_STEPS} steps of 32 x 512 bytes, ours minus the reference"
    yield Measurement("difference, mean", float(apart.mean()), "nats", how)
    yield Measurement("difference, mean absolute", float(apart.abs().mean()), "nats", how)
    yield Measurement("difference, mean, second half", float(apart[_STEPS // 2 :].mean()), "nats", how)
    yield Measurement(
        "difference, largest", float(apart.abs().max()), "nats", f"at step {int(apart.abs().argmax()) + 1}"
    )


def _losses(step: Step) -> Tensor:
    """Return the loss of each step on random windows of the novel, always the same."""
    documents = encode_documents(read_texts(NOVELS), ByteTokenizer())
    windows = RandomWindows(documents, batch_size=32, seq_len=512, seed=1)
    rows = []
    for _ in range(_STEPS):
        batch = windows.next().to(torch.device("cuda"))
        rows.append(step(batch.tokens, batch.targets))
    return torch.stack(rows).float().cpu()
