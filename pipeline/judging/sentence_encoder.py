"""A bi-encoder: claims and sentences as vectors whose cosine says how likely the sentence is about the claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn

from pipeline.judging.text_model import (
    TokenBatch,
    batches_by_length,
    hidden_vectors,
    load_tokenizer,
    load_weights,
    make_body,
    mean_vectors,
    weights_sum,
)
from pipeline.states import Vector

LONGEST_SENTENCE = 64
"""Tokens of a sentence or claim; the rest is left out."""


class SentenceEncoderModel(nn.Module):
    """An encoder of single texts; a sentence's vector is mixed with that of the one before it.

    ``temperature`` is used in training only.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.before = nn.Parameter(torch.tensor(0.0))
        self.temperature = nn.Parameter(torch.tensor(4.0))

    def forward(self, tokens: TokenBatch) -> torch.Tensor:
        """Return the vectors of texts, of length one: (B, D)."""
        return F.normalize(mean_vectors(hidden_vectors(self.body, tokens), tokens.mask).float(), dim=-1)

    def mix(self, before: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """Return the vectors of sentences with those before them mixed in, of length one: (..., D)."""
        return F.normalize(own + self.before.sigmoid() * before, dim=-1)


@dataclass(frozen=True)
class SentenceEncoder:
    """A trained bi-encoder with its tokenizer and the SHA-256 of its files."""

    model: SentenceEncoderModel
    tokenizer: Tokenizer
    weights_sha256: str
    device: torch.device

    @classmethod
    def load(cls, folder: Path, *, device: torch.device, dtype: torch.dtype | None = None) -> SentenceEncoder:
        """Load the bi-encoder of a folder, in ``dtype`` or single precision; raises ModelError."""
        model = SentenceEncoderModel(make_body(folder))
        load_weights(model, folder)
        tokenizer = load_tokenizer(folder, longest=LONGEST_SENTENCE)
        return cls(model.to(device, dtype).eval(), tokenizer, weights_sum(folder), device)

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs: weights, precision and kind of device."""
        return f"{self.weights_sha256}, {next(self.model.parameters()).dtype} on {self.device.type}"

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Vector:
        """Return the vectors of single texts, (texts, D), in order."""
        found = np.zeros((len(texts), int(self.model.body.config.hidden_size)), dtype=np.float32)  # type: ignore[union-attr, arg-type]
        encodings = list(self.tokenizer.encode_batch([text.strip() or "." for text in texts]))
        for places, batch in batches_by_length(encodings, self.device):
            found[places] = self.model(batch).float().cpu().numpy()
        return found

    @torch.inference_mode()
    def mix(self, before: Vector, own: Vector) -> Vector:
        """Return the vectors of sentences with those before them mixed in: (..., D)."""
        mixed = self.model.mix(torch.from_numpy(before).to(self.device), torch.from_numpy(own).to(self.device))
        return mixed.float().cpu().numpy()
