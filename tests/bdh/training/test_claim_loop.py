"""Teaching a claim reader: settings checked, every part learns, a stop changes nothing, many processes are one."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bdh.claims import ClaimBatch
from bdh.errors import ConfigError, DataError
from bdh.training.claim_loop import ClaimTrainConfig, ClaimTrainer
from bdh.training.comparison import ClaimTargets, LossWeights
from bdh.training.distributed import World

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("claim_worker.py")
ALONE = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    """Return the script that two processes run."""
    specification = importlib.util.spec_from_file_location("claim_worker", WORKER)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "changes",
    [
        {"max_iters": 0},
        {"batch_size": 0},
        {"log_interval": 0},
        {"save_interval": 0},
        {"dtype": "fp8"},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"min_lr": 1.5},
        {"warmup": -1},
        {"weight_decay": -0.1},
        {"clip": -1.0},
        {"language": -0.1},
        {"ema": 1.0},
    ],
)
def test_claim_training_settings_refuse_a_broken_rule(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))) as caught:
        ClaimTrainConfig(**changes)
    assert "\n" not in str(caught.value)


def test_every_weight_is_taught(worker: ModuleType) -> None:
    trainer = worker.make_trainer(ALONE)
    before = {name: weight.detach().clone() for name, weight in trainer.reader.named_parameters()}
    trainer.take_step(*worker.draw(0, 4))
    still = [name for name, weight in trainer.reader.named_parameters() if torch.equal(weight, before[name])]
    assert still == []


@pytest.mark.parametrize("part", ["label", "margin", "evidence", "wrong"])
def test_each_part_of_the_loss_reaches_the_layers(worker: ModuleType, part: str) -> None:
    only = {name: 0.0 for name in vars(LossWeights())} | {part: 1.0}
    trainer = worker.make_trainer(ALONE, language=0.0, loss=LossWeights(**only), weight_decay=0.0)
    before = {name: weight.detach().clone() for name, weight in trainer.reader.named_parameters()}
    trainer.take_step(*worker.draw(0, 4))
    after = dict(trainer.reader.named_parameters())
    for name in ("model.encoder", "model.decoder", "claim_head.pointer.weight"):
        assert not torch.equal(after[name], before[name]), name


def _few(worker: ModuleType, steps: int) -> Iterator[tuple[ClaimBatch, ClaimTargets]]:
    batch = worker.draw(3, 10)
    yield from (batch for _ in range(steps))


@pytest.mark.slow
def test_reader_learns_ten_packs_by_heart(worker: ModuleType) -> None:
    trainer = worker.make_trainer(ALONE, max_iters=150, batch_size=10, log_interval=50, language=0.0)
    trainer.batches = lambda start: _few(worker, 150)
    trainer.reader.set_dropout(0.0)
    first, _, last = trainer.run()
    assert last.losses["label"] < 0.2 * first.losses["label"]
    assert last.losses["margin"] < 0.2 and last.losses["total"] < 0.5 * first.losses["total"]
    assert last.ranked == 1.0


def _weights(trainer: ClaimTrainer) -> dict[str, Tensor]:
    return trainer.state_dict()[0]


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(worker: ModuleType, stop: int) -> None:
    whole = worker.make_trainer(ALONE)
    expected = [report.losses for report in whole.run()]
    stopped = worker.make_trainer(ALONE)
    next(report for report in stopped.run() if report.step == stop)
    tensors, mapping = stopped.state_dict()
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    resumed = worker.make_trainer(ALONE, seed=5)
    resumed.load_state_dict(kept, json.loads(json.dumps(mapping)))
    assert [report.losses for report in resumed.run()] == expected[stop:]
    for name, weight in _weights(whole).items():
        assert torch.equal(weight, _weights(resumed)[name]), name


def test_mean_of_the_weights_follows_them(worker: ModuleType) -> None:
    trainer = worker.make_trainer(ALONE, ema=0.0)
    list(trainer.run())
    for name, weight in trainer.reader.named_parameters():
        assert torch.equal(trainer.mean_reader()[name], weight)
    trainer = worker.make_trainer(ALONE, ema=0.999)
    begin = trainer.reader.model.encoder.detach().clone()
    list(trainer.run())
    end, mean = trainer.reader.model.encoder.detach(), trainer.mean_reader()["model.encoder"]
    assert 0 < float((mean - end).norm()) < float((begin - end).norm())


def test_reports_say_what_the_steps_did(worker: ModuleType) -> None:
    reports = list(worker.make_trainer(ALONE, log_interval=4).run())
    assert [report.step for report in reports] == [4, 6]
    record = reports[0].to_dict()
    assert {"step", "lr", "grad_norm", "ranked", "ranked_by_evidence", "claims_per_second"} <= record.keys()
    assert {f"loss_{name}" for name in (*vars(LossWeights()), "total", "language")} <= record.keys()
    assert all(math.isfinite(value) for value in record.values())
    assert 0 <= reports[0].ranked <= 1


def test_reader_learns_to_go_on_after_its_evidence(worker: ModuleType) -> None:
    """Only the first claim of a row that its evidence supports has a language loss."""
    trainer, (batch, targets) = worker.make_trainer(ALONE), worker.draw(0, 4)
    assert float(trainer.take_step(batch, targets)["language"]) > 0
    silent = replace(targets, labels=torch.ones_like(targets.labels))
    assert float(trainer.take_step(batch, silent)["language"]) == 0.0


def test_loss_that_is_no_number_is_an_error(worker: ModuleType) -> None:
    trainer = worker.make_trainer(ALONE)
    with torch.no_grad():
        trainer.reader.model.encoder.fill_(torch.nan)
    with pytest.raises(DataError, match="lower lr"):
        list(trainer.run())


def test_reader_can_be_taught_in_bfloat16(worker: ModuleType) -> None:
    *_, last = worker.make_trainer(ALONE, dtype="bf16").run()
    assert math.isfinite(last.losses["total"])


def _torchrun(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    flags = ["--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={port}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"
    command = [sys.executable, "-m", "torch.distributed.run", *flags, str(WORKER), str(folder)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights(worker: ModuleType, tmp_path: Path) -> None:
    _torchrun(tmp_path)
    first, second = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    begin = dict(worker.make_trainer(ALONE).reader.named_parameters())
    assert not torch.equal(first["weight.model.encoder"], begin["model.encoder"])
