"""Losses and checkpoints stored before the trainers shared one loop: the same curves, and old runs still resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bdh.training.distributed import World
from bdh.training.run import read_training_state
from bdh.training.trainer import Trainer
from tests.bdh.training import verifier_worker

FIXTURES = Path(__file__).parents[2] / "fixtures" / "training"
LOSSES: dict[str, Any] = json.loads((FIXTURES / "losses.json").read_text(encoding="utf-8"))
SIZES = {"n_embd": 8, "dropout": 0.1}
ALONE = World(0, 1, torch.device("cpu"))


def _trainer(make_trainer: Any, carry: bool) -> Trainer:
    trainer: Trainer = make_trainer(carry, SIZES, max_iters=8, log_interval=1, grad_accum=2)
    return trainer


@pytest.mark.parametrize("carry", [False, True])
def test_loss_curve_is_the_stored_one(make_trainer: Any, carry: bool) -> None:
    found = [report.loss for report in _trainer(make_trainer, carry).run()]
    assert found == pytest.approx(LOSSES["carried" if carry else "windows"], rel=1e-5)


@pytest.mark.parametrize("carry", [False, True])
def test_stored_checkpoint_resumes(make_trainer: Any, carry: bool) -> None:
    trainer, name = _trainer(make_trainer, carry), "carried" if carry else "windows"
    tensors, mapping = read_training_state(FIXTURES / f"trainer_{name}.safetensors")
    trainer.model.load_state_dict({key: tensors.pop("weights." + key) for key in trainer.model.state_dict()})
    trainer.load_state_dict(tensors, mapping)
    assert trainer.state_dict()[0].keys() == tensors.keys()
    assert [report.loss for report in trainer.run()] == pytest.approx(LOSSES[name][4:], rel=1e-5)


def _same(found: list[dict[str, float]], expected: list[dict[str, float]]) -> bool:
    return len(found) == len(expected) and all(
        mine == pytest.approx(stored, rel=1e-4, abs=1e-6) for mine, stored in zip(found, expected, strict=True)
    )


def test_verifier_losses_are_the_stored_ones() -> None:
    assert _same([report.losses for report in verifier_worker.make_trainer(ALONE).run()], LOSSES["verifier"])


def test_stored_verifier_checkpoint_resumes() -> None:
    trainer, stored = (
        verifier_worker.make_trainer(ALONE),
        read_training_state(FIXTURES / "verifier_trainer.safetensors"),
    )
    trainer.load_state_dict(*stored)
    tensors, mapping = trainer.state_dict()
    assert tensors.keys() == stored[0].keys() and mapping == stored[1]
    assert _same([report.losses for report in trainer.run()], LOSSES["verifier"][3:])
