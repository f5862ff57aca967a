"""A tiny reader of random, seeded weights, for benchmarks of everything but the answers."""

from __future__ import annotations

from pathlib import Path

import torch

import bdh
from bdh.claims import ClaimReader, save_claim_reader


def save_little_reader(folder: Path) -> Path:
    """Write a model folder that reads bytes, with a claim reader in its folder ``claims``; return it.

    The weights are drawn from a fixed seed and scaled, so that what was read shows in what is predicted.
    """
    config = bdh.BDHConfig(
        n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, vocab_size=256, decay=(0.9, 0.999), chunk_size=16
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = bdh.BDH(config)
        with torch.no_grad():
            for weight in (model.encoder, model.encoder_v, model.decoder, model.embed.weight, model.lm_head):
                weight.mul_(6.0)
        bdh.save(folder, model.eval(), bdh.ByteTokenizer())
        save_claim_reader(folder / "claims", ClaimReader(model, inner=8), bdh.ByteTokenizer())
    return folder
