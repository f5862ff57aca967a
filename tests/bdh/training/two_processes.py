"""The script that test_distributed.py runs with torchrun: two processes train models of each kind, and resume."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from bdh.config import BDHConfig
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.tokenizer import ByteTokenizer
from bdh.training.data import Batches, DocumentStreams, RandomWindows, encode_documents
from bdh.training.distributed import World, join_world
from bdh.training.run import TrainingRun
from bdh.training.trainer import TrainConfig, Trainer
from bdh.training.validation import Validation
from tests.bdh.training import verifier_worker

TEXT = "the ferry did not run on sundays, and the ferryman did not run at all. " * 12
SIZES = BDHConfig(n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, dropout=0.0)
NEURO = NeuroConfig.published(256, 16, 8).without("spikes")
ROWS_OF_ALL = 4


def make_trainer(world: World, *, carry: bool, neuro: bool = False) -> Trainer:
    """Return a trainer of six steps of four rows, however many processes share them."""
    rows = ROWS_OF_ALL // world.size
    config = TrainConfig(
        max_iters=6,
        batch_size=rows,
        seq_len=16,
        lr=1e-2,
        warmup=0,
        carry_state=carry,
        log_interval=1,
        eval_interval=2,
        seed=5,
    )
    documents = encode_documents([TEXT[start : start + 130] for start in range(0, 780, 130)], ByteTokenizer())
    torch.manual_seed(config.seed)
    model = BDHNeuro(NEURO) if neuro else BDH(SIZES)
    place = {"batch_size": rows, "seq_len": 16, "seed": 5, "rank": world.rank, "world": world.size}
    batches: Batches = (
        DocumentStreams(documents, reset_probability=0.2, **place) if carry else RandomWindows(documents, **place)
    )
    return Trainer(model, batches, config, world)


def validate(world: World, *, carry: bool) -> list[float]:
    """Return the metrics of three held-out documents."""
    found = _make_validation(make_trainer(world, carry=carry))()
    return [found.documents, found.tokens, found.bytes, found.loss, found.bits_per_byte, found.perplexity]


def _make_validation(trainer: Trainer) -> Validation:
    documents = encode_documents([TEXT[:150], TEXT[150:233], TEXT[233:240]], ByteTokenizer())
    return Validation(trainer, documents, ByteTokenizer().byte_lengths())


def _make_run(folder: Path, world: World) -> TrainingRun:
    trainer = make_trainer(world, carry=True)
    return TrainingRun(folder, trainer, ByteTokenizer(), _make_validation(trainer))


def _curve(run: TrainingRun, *, stop: int = 99) -> list[float]:
    losses = []
    for progress in run.run():
        losses.append(progress.report.loss)
        if progress.report.step == stop:
            break
    return losses


def main(folder: Path) -> None:
    """Write the loss curves of all runs to ``folder``, and the weights of a verifier."""
    torch.set_num_threads(1)
    with join_world("cpu") as world:
        validated = {name: validate(world, carry=name == "carried") for name in ("windowed", "carried")}
        curves = {
            name: [report.loss for report in make_trainer(world, carry=False, neuro=name == "neuro").run()]
            for name in ("windows", "neuro")
        }
        for name, stop in (("whole", 99), ("stopped", 3)):
            curves[name] = _curve(_make_run(folder / name, world), stop=stop)
        resumed = _make_run(folder / "stopped", world)
        resumed.resume()
        curves["resumed"] = _curve(resumed)
        verifier_worker.train(world, folder)
        if world.writes:
            (folder / "curves.json").write_text(json.dumps({"size": world.size, **curves, **validated}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
