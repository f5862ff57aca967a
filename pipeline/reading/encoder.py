"""The one loaded model that reads chunks and claims alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bdh import BDH, BDHError, CharTokenizer, Tokenizer, load_bdh, weights_hash
from bdh.errors import lack_of_memory as lack_of_memory
from pipeline.config import ReadingConfig
from pipeline.errors import ModelError, SettingError
from pipeline.records import Vector

SEPARATOR = "\n\n"
"""What stands before a paragraph, a passage or a claim when it is read."""
MOST_THREADS = 1024
"""More than any machine has; torch breaks down when it is asked for a hundred times as many."""


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
    device = _choose_device(config.device)
    dtype = _choose_dtype(config.dtype, device)
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


def choose_machine(config: ReadingConfig) -> tuple[torch.device, torch.dtype | None]:
    """Return where and in which precision a model computes, None for that of its weights; raises SettingError."""
    device = _choose_device(config.device)
    return device, torch.bfloat16 if _choose_dtype(config.dtype, device) == "bf16" else None


def set_threads(count: int) -> None:
    """Let torch use ``count`` threads of the processor; 0 leaves its own choice. Raises SettingError."""
    if not 0 <= count <= MOST_THREADS:
        raise SettingError(f"threads is {count}; it must be at least 1 and at most {MOST_THREADS}, or 0")
    if count:
        torch.set_num_threads(count)


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if not (name == "cpu" or (kind == "cuda" and (name == kind or (number.isascii() and number.isdigit())))):
        raise SettingError(f"device is {name!r}; expected auto, cpu, cuda or cuda:0")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise SettingError(f"device is {name} but {torch.cuda.device_count()} GPUs are to be seen; use --device cpu")
    return torch.device(name)


def _choose_dtype(name: str, device: torch.device) -> str:
    """Return the precision: ``auto`` is bf16 where the processor multiplies it natively, else fp32."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
