"""The one loaded model that reads chunks and claims alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bdh import BDH, BDHError, CharTokenizer, Tokenizer, load_bdh, weights_hash
from pipeline.config import ReadingConfig
from pipeline.device import choose_device, choose_dtype
from pipeline.errors import ModelError
from pipeline.records import Vector

SEPARATOR = "\n\n"
"""What stands before a paragraph, a passage or a claim when it is read."""


@dataclass(frozen=True)
class Encoder:
    """A BDH model with its tokenizer, where and in which precision it computes, and the sum of its files."""

    model: BDH
    tokenizer: Tokenizer
    weights_sha256: str
    dtype: str

    @property
    def width(self) -> int:
        """Numbers of a state vector, D."""
        return self.model.config.n_embd

    @torch.inference_mode()
    def content_vectors(self, texts: Sequence[str]) -> Vector:
        """Return for each text the mean last hidden vector, read from an empty memory: (texts, D)."""
        rows = []
        for text in texts:
            tokens = torch.tensor([self.tokenizer.encode(SEPARATOR + plain(text))], device=self.model.device)
            hidden, _, _ = self.model.encode(tokens, keep_state=False)
            rows.append(hidden[0].float().mean(dim=0).cpu().numpy())
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, self.width), np.float32)


def plain(text: str) -> str:
    """Return the text as the reader sees it: every run of white space, line breaks too, as one space."""
    return " ".join(text.split())


def load_encoder(config: ReadingConfig, *, folder: Path) -> Encoder:
    """Load the reader that lies in ``folder``; raises ModelError when it is missing or damaged."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.dtype, device)
    if not folder.is_dir():
        raise ModelError(f"no reader in {folder}; expected a folder of trained weights; name one with --model_dir")
    narrow = torch.bfloat16 if dtype == "bf16" else None
    try:
        model, tokenizer = load_bdh(folder, device=device, dtype=narrow)
    except BDHError as error:
        raise ModelError(f"the reader cannot be loaded: {error}") from error
    if isinstance(tokenizer, CharTokenizer):
        raise ModelError(
            f"the reader in {folder} knows some characters only; expected one with bytes or byte-level BPE"
        )
    return Encoder(model, tokenizer, weights_hash(folder), dtype)
