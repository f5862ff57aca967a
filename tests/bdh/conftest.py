"""Small models in which every computation changes the logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from bdh.config import BDHConfig
from bdh.model import BDH

ModelMaker = Callable[..., BDH]


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Compute on one thread: on tensors this small, threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_model() -> ModelMaker:
    """Return ``make(seed=0, **sizes)``: a seeded model in evaluation mode, its initialisation scaled by 6."""

    def make(seed: int = 0, **sizes: Any) -> BDH:
        defaults: dict[str, Any] = {"n_layer": 2, "n_embd": 16, "n_head": 2, "mlp_internal_dim_multiplier": 4}
        config = BDHConfig(**{**defaults, "vocab_size": 48, "chunk_size": 5, **sizes})
        torch.manual_seed(seed)
        model = BDH(config)
        with torch.no_grad():
            for weight in (model.encoder, model.encoder_v, model.decoder, model.embed.weight, model.lm_head):
                weight.mul_(6.0)
        return model.eval()

    return make
