"""Training a verifier: settings checked, every part learns, exact resume, several processes as one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bdh.errors import ConfigError, DataError
from bdh.training.distributed import World
from bdh.training.verifier_batches import ClaimTargets
from bdh.training.verifier_loss import LossWeights
from bdh.training.verifier_trainer import VerifierTrainConfig, VerifierTrainer
from bdh.verifier import ClaimBatch
from tests.bdh.training import verifier_worker

ALONE = World(0, 1, torch.device("cpu"))


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
def test_verifier_settings_refuse_invalid_values(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))) as caught:
        VerifierTrainConfig(**changes)
    assert "\n" not in str(caught.value)


def test_every_weight_is_trained() -> None:
    trainer = verifier_worker.make_trainer(ALONE)
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.take_step(*verifier_worker.draw(0, 4))
    still = [name for name, weight in trainer.model.named_parameters() if torch.equal(weight, before[name])]
    assert still == []


@pytest.mark.parametrize("part", ["label", "margin", "evidence", "wrong"])
def test_each_part_of_the_loss_reaches_the_layers(part: str) -> None:
    only = {name: 0.0 for name in vars(LossWeights())} | {part: 1.0}
    trainer = verifier_worker.make_trainer(ALONE, language=0.0, loss=LossWeights(**only), weight_decay=0.0)
    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.take_step(*verifier_worker.draw(0, 4))
    after = dict(trainer.model.named_parameters())
    for name in ("model.encoder", "model.decoder", "claim_head.pointer.weight"):
        assert not torch.equal(after[name], before[name]), name


def _few(steps: int) -> Iterator[tuple[ClaimBatch, ClaimTargets]]:
    batch = verifier_worker.draw(3, 10)
    yield from (batch for _ in range(steps))


def test_verifier_overfits_ten_rows() -> None:
    trainer = verifier_worker.make_trainer(ALONE, max_iters=150, batch_size=10, log_interval=50, language=0.0)
    trainer.batches = lambda start: _few(150)
    trainer.model.set_dropout(0.0)
    first, _, last = trainer.run()
    assert last.losses["label"] < 0.2 * first.losses["label"]
    assert last.losses["margin"] < 0.2 and last.losses["total"] < 0.5 * first.losses["total"]
    assert last.ranked == 1.0


def _weights(trainer: VerifierTrainer) -> dict[str, Tensor]:
    return trainer.state_dict()[0]


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(stop: int) -> None:
    whole = verifier_worker.make_trainer(ALONE)
    expected = [report.losses for report in whole.run()]
    stopped = verifier_worker.make_trainer(ALONE)
    next(report for report in stopped.run() if report.step == stop)
    tensors, mapping = stopped.state_dict()
    kept = {name: tensor.clone() for name, tensor in tensors.items()}
    resumed = verifier_worker.make_trainer(ALONE, seed=5)
    resumed.load_state_dict(kept, json.loads(json.dumps(mapping)))
    assert [report.losses for report in resumed.run()] == expected[stop:]
    for name, weight in _weights(whole).items():
        assert torch.equal(weight, _weights(resumed)[name]), name


def test_averaged_weights_follow_the_weights() -> None:
    trainer = verifier_worker.make_trainer(ALONE, ema=0.0)
    list(trainer.run())
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(trainer.averaged_weights()[name], weight)
    trainer = verifier_worker.make_trainer(ALONE, ema=0.999)
    begin = trainer.model.model.encoder.detach().clone()
    list(trainer.run())
    end, mean = trainer.model.model.encoder.detach(), trainer.averaged_weights()["model.encoder"]
    assert 0 < float((mean - end).norm()) < float((begin - end).norm())


def test_reports_have_losses_and_rankings() -> None:
    reports = list(verifier_worker.make_trainer(ALONE, log_interval=4).run())
    assert [report.step for report in reports] == [4, 6]
    record = reports[0].to_dict()
    assert {"step", "lr", "grad_norm", "ranked", "ranked_by_evidence", "claims_per_second"} <= record.keys()
    assert {f"loss_{name}" for name in (*vars(LossWeights()), "total", "language")} <= record.keys()
    assert all(math.isfinite(value) for value in record.values())
    assert 0 <= reports[0].ranked <= 1


def test_language_loss_is_of_supported_claims() -> None:
    """Only the first claim of a row that its evidence supports has a language loss."""
    trainer, (batch, targets) = verifier_worker.make_trainer(ALONE), verifier_worker.draw(0, 4)
    assert float(trainer.take_step(batch, targets)["language"]) > 0
    unsupported = replace(targets, labels=torch.ones_like(targets.labels))
    assert float(trainer.take_step(batch, unsupported)["language"]) == 0.0


def test_loss_that_is_not_a_number_is_an_error() -> None:
    trainer = verifier_worker.make_trainer(ALONE)
    with torch.no_grad():
        trainer.model.model.encoder.fill_(torch.nan)
    with pytest.raises(DataError, match="lower lr"):
        list(trainer.run())


def test_verifier_trains_in_bfloat16() -> None:
    *_, last = verifier_worker.make_trainer(ALONE, dtype="bf16").run()
    assert math.isfinite(last.losses["total"])
