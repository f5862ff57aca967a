"""Training a language model: settings checked, steps that learn, the state carried from segment to segment."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bdh.errors import ConfigError, DataError
from bdh.model import BDH
from bdh.training.data import Batch
from bdh.training.distributed import World
from bdh.training.trainer import TrainConfig, Trainer

ModelMaker = Callable[..., BDH]
TrainerMaker = Callable[..., Trainer]
ALONE = World(0, 1, torch.device("cpu"))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_iters": 0},
        {"batch_size": 0},
        {"seq_len": -1},
        {"grad_accum": 0},
        {"log_interval": 0},
        {"eval_interval": 0},
        {"dtype": "fp8"},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"weight_decay": -0.1},
        {"clip": -1.0},
        {"clip": float("nan")},
        {"warmup": -1},
        {"min_lr": 1.5},
        {"reset_probability": 1.5},
        {"seed": -1},
        {"seed": 2**40},
    ],
)
def test_training_settings_refuse_invalid_values(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))) as caught:
        TrainConfig(**changes)
    assert "\n" not in str(caught.value)


class _Fixed:
    """Batches from a table, ``rows`` at a time."""

    def __init__(self, table: Tensor, rows: int) -> None:
        self._parts, self._next = table.split(rows), 0

    def next(self) -> Batch:
        part = self._parts[self._next]
        self._next += 1
        return Batch(part[:, :-1].contiguous(), part[:, 1:].contiguous(), torch.ones(len(part), dtype=torch.bool))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def test_accumulated_batches_are_the_larger_batch(make_model: ModelMaker) -> None:
    table = torch.randint(0, 48, (8, 13), generator=torch.Generator().manual_seed(1))
    results = []
    for rows, parts in ((4, 1), (2, 2), (1, 4)):
        model = make_model(dropout=0.0)
        trainer = Trainer(model, _Fixed(table, rows), TrainConfig(batch_size=rows, grad_accum=parts, lr=1e-2), ALONE)
        steps = [trainer.take_step() for _ in range(2)]
        losses = [float(number) for loss, norm, _ in steps for number in (loss, norm)]
        results.append((losses, [weight.detach() for weight in model.parameters()]))
    for losses, weights in results[1:]:
        assert losses == pytest.approx(results[0][0], abs=1e-4)
        for found, expected in zip(weights, results[0][1], strict=True):
            assert torch.allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("carry", [False, True])
def test_loss_falls_on_a_tiny_text(make_trainer: TrainerMaker, carry: bool) -> None:
    trainer = make_trainer(carry, max_iters=60, lr=1e-2, log_interval=10)
    reports = list(trainer.run())
    assert [report.step for report in reports] == [10, 20, 30, 40, 50, 60]
    assert reports[-1].loss < 0.6 * reports[0].loss
    for report in reports:
        values = report.to_dict()
        assert all(math.isfinite(value) for value in values.values())
        assert 0 <= report.active_y <= report.active_x <= 1 and report.state_norm > 0 and report.grad_norm > 0


def test_carried_state_is_reset_only_where_a_row_starts_a_new_text(make_trainer: TrainerMaker) -> None:
    trainer = make_trainer(True)
    for _ in range(12):
        before = None if trainer.state is None else trainer.state.memory.clone()
        batch = trainer.batches.next()
        assert trainer.state is None or trainer.state.memory.grad_fn is None
        carried = trainer._carried(batch, begins=bool(batch.fresh.any()))
        for row, fresh in enumerate(batch.fresh.tolist()):
            if before is not None:
                expected = torch.zeros_like(before[:, row]) if fresh else before[:, row]
                assert torch.equal(carried.memory[:, row], expected)
        trainer._backward(batch, begins=bool(batch.fresh.any()))
    assert trainer.state is not None and trainer.state.position == 12 * 12


def test_gradient_is_clipped_to_its_limit(make_trainer: TrainerMaker) -> None:
    trainer = make_trainer(clip=0.05)
    seen: list[float] = []
    step = trainer.optimizer.step

    def watch(*arguments: Any, **named: Any) -> Any:
        seen.append(float(torch.cat([weight.grad.flatten() for weight in trainer.model.parameters()]).norm()))
        return step(*arguments, **named)

    trainer.optimizer.step = watch  # type: ignore[method-assign]
    _, norm, _ = trainer.take_step()
    assert float(norm) > 0.05 and seen == [pytest.approx(0.05, rel=1e-3)]


def test_training_in_bfloat16_stays_near_float32(make_trainer: TrainerMaker) -> None:
    wide, narrow = ([report.loss for report in make_trainer(True, dtype=dtype).run()] for dtype in ("fp32", "bf16"))
    assert narrow == pytest.approx(wide, rel=0.02)


def test_loss_that_is_not_a_number_is_an_error(make_trainer: TrainerMaker) -> None:
    trainer = make_trainer()
    trainer.model.lm_head.data.fill_(torch.nan)
    with pytest.raises(DataError, match="lower lr"):
        list(trainer.run())
