"""A small run: three texts, a model whose damping is learned, and batches of either kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bdh.model import BDH
from bdh.tokenizer import ByteTokenizer
from bdh.training.data import DocumentStreams, RandomWindows, encode_documents
from bdh.training.distributed import World
from bdh.training.trainer import TrainConfig, Trainer

TEXT = "the ferry did not run on sundays, and the ferryman did not run at all. " * 30
TrainerMaker = Callable[..., Trainer]


@pytest.fixture(scope="session")
def make_trainer(make_model: Callable[..., BDH]) -> TrainerMaker:
    """Return ``make(carry=False, sizes={}, **settings)``: a trainer of 12 steps, reported every 2, saved every 4."""

    def make(carry: bool = False, sizes: dict[str, Any] | None = None, **settings: Any) -> Trainer:
        defaults: dict[str, Any] = {"max_iters": 12, "lr": 3e-3, "warmup": 3, "log_interval": 2, "eval_interval": 4}
        defaults |= {"seq_len": 12, "batch_size": 3, "seed": 11, "carry_state": carry, "reset_probability": 0.2}
        config = TrainConfig(**{**defaults, **settings})
        model = make_model(**{"vocab_size": 256, "decay": (0.9, 0.99), "learn_decay": True, **(sizes or {})}).train()
        documents = encode_documents([TEXT[:700], TEXT[700:1100], TEXT[1100:]], ByteTokenizer())
        shared: dict[str, Any] = {name: getattr(config, name) for name in ("batch_size", "seq_len", "seed")}
        batches = (
            DocumentStreams(documents, reset_probability=config.reset_probability, **shared)
            if carry
            else RandomWindows(documents, **shared)
        )
        return Trainer(model, batches, config, World(0, 1, torch.device("cpu")))

    return make
