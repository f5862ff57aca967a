"""The learning rate schedule, and weight decay."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from bdh.model import BDH
from bdh.training.optim import make_optimizer, scheduled_lr

ModelMaker = Callable[..., BDH]


def test_learning_rate_warms_up_then_falls_to_its_floor() -> None:
    sizes = [scheduled_lr(step, peak=1.0, warmup=10, total=110, floor=0.1) for step in range(130)]
    assert sizes[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert sizes[10] == 1.0 and sizes[60] == pytest.approx(0.55)
    assert all(before >= after for before, after in pairwise(sizes[10:]))
    assert sizes[110:] == pytest.approx([0.1] * 20)


def test_learning_rate_without_warmup_starts_at_its_peak() -> None:
    assert scheduled_lr(0, peak=0.5, warmup=0, total=1, floor=0.0) == 0.5


def test_weight_decay_is_for_matrices_but_not_damping(make_model: ModelMaker) -> None:
    optimizer = make_optimizer(make_model(decay=(0.9, 0.99), learn_decay=True), lr=1e-3, weight_decay=0.1)
    shrinks = {tuple(w.shape): group["weight_decay"] for group in optimizer.param_groups for w in group["params"]}
    assert shrinks.pop((2,)) == 0.0 and set(shrinks.values()) == {0.1}
