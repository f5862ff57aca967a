"""The encoder: one language model with its tokenizer, for novels and for claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.reading.interface import EncoderModel, EncoderTokenizer
from pipeline.states import Vector

SEPARATOR = "\n\n"
"""The text that the model reads before a paragraph or a text of its own."""


@dataclass(frozen=True)
class Encoder:
    """A language model and its tokenizer; ``weights_sha256`` and ``dtype`` are what else its numbers depend on."""

    model: EncoderModel
    tokenizer: EncoderTokenizer
    weights_sha256: str
    dtype: str

    @property
    def width(self) -> int:
        """Numbers of a state vector, D."""
        return self.model.width

    @torch.inference_mode()
    def content_vectors(self, texts: Sequence[str]) -> Vector:
        """Return for each text the mean last hidden vector, read from the initial state: (texts, D)."""
        rows = []
        for text in texts:
            tokens = torch.tensor(self.tokenizer.encode(SEPARATOR + plain(text)), device=self.model.device)
            rows.append(self.model.encode(tokens).float().mean(dim=0).cpu().numpy())
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, self.width), np.float32)


def plain(text: str) -> str:
    """Return the text as the model reads it: every run of white space, line breaks too, as one space."""
    return " ".join(text.split())
