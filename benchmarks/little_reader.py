"""Tiny encoders and verifiers with random, seeded weights, for benchmarks that do not depend on the verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import bdh
from bdh.tokenizer import BPETokenizer, Tokenizer
from bdh.verifier import ClaimVerifier, save_claim_verifier


def save_little_reader(folder: Path) -> Path:
    """Write a model folder with byte tokens and a verifier in its folder ``claims``; return it.

    The weights are drawn from a fixed seed and scaled, so that the evidence affects the predictions.
    """
    config = bdh.BDHConfig(
        n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, vocab_size=256, decay=(0.9, 0.999), chunk_size=16
    )
    return _save(folder, config, bdh.ByteTokenizer(), scale=6.0)


def save_quick_reader(folder: Path, text: str) -> Path:
    """Write one of that size with a small BPE trained on ``text``: a quarter of the tokens or less."""
    sizes = {"n_embd": 16, "mlp_internal_dim_multiplier": 2, "chunk_size": 64}
    return _save_one_layer(folder, text, words=1024, sizes=sizes, scale=6.0)


def save_wide_reader(folder: Path, text: str) -> Path:
    """Write one with vectors as wide as those of the shipped encoder and a small BPE trained on ``text``.

    Its vectors take as much memory as those of the shipped one, its computation a fraction of the time.
    """
    sizes = {"n_embd": 384, "mlp_internal_dim_multiplier": 1, "chunk_size": 128}
    return _save_one_layer(folder, text, words=2048, sizes=sizes, scale=1.0)


def _save_one_layer(folder: Path, text: str, *, words: int, sizes: dict[str, Any], scale: float) -> Path:
    tokenizer = BPETokenizer.train([text], vocab_size=words)
    config = bdh.BDHConfig(n_layer=1, n_head=2, vocab_size=tokenizer.vocab_size, decay=(0.9, 0.999), **sizes)
    return _save(folder, config, tokenizer, scale=scale)


def _save(folder: Path, config: bdh.BDHConfig, tokenizer: Tokenizer, *, scale: float) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = bdh.BDH(config)
        with torch.no_grad():
            for weight in (model.encoder, model.encoder_v, model.decoder, model.embed.weight, model.lm_head):
                weight.mul_(scale)
        bdh.save(folder, model.eval(), tokenizer)
        save_claim_verifier(folder / "claims", ClaimVerifier(model, inner=8), tokenizer)
    return folder
