"""BDH as the language model of the encoder: the published model and the neuro variant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

import bdh
from pipeline.config import ReadingConfig
from pipeline.device import choose_device, choose_dtype
from pipeline.errors import ModelError
from pipeline.reading.encoder import Encoder
from pipeline.reading.interface import EncoderModel, ModelState, SegmentReading

_MEASURE_EVERY = 64
_PREDICTED_AT_ONCE = 256
"""Tokens whose predictions over the whole vocabulary are in memory at one time."""


ModelT = TypeVar("ModelT", bdh.BDH, bdh.BDHNeuro)


@dataclass(frozen=True)
class _Adapter(Generic[ModelT]):
    """What both variants share; their states are the memory of the model and the logits of the next token."""

    model: ModelT

    @property
    def width(self) -> int:
        """Numbers of a hidden vector, D."""
        return self.model.embed.embedding_dim

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    def initial_state(self) -> ModelState:
        """Return an empty memory that predicts every token alike."""
        return _pack(self.model.empty_state(), torch.zeros(self.model.config.vocab_size))

    def encode(self, tokens: Tensor) -> Tensor:
        """Return the last hidden vectors (T, D) of tokens (T,) that are read from an empty memory."""
        return self.model.encode(tokens[None], keep_state=False)[0][0]


class BDHEncoderModel(_Adapter[bdh.BDH]):
    """The published model, whose memory is its Hebbian matrices."""

    def read(self, tokens: Tensor, state: ModelState) -> SegmentReading:
        """Read tokens (T,) as the continuation of ``state``, whose memory is overwritten."""
        before = bdh.BDHState.from_tensors(state, int(state["position"])).to(self.device)
        hidden, after, activity = self.model.encode(
            tokens[None], before, "chunkwise", measure_every=_MEASURE_EVERY, overwrite_state=True
        )
        assert after is not None and activity is not None
        nats, logits = _surprise(self.model, hidden, tokens, state["logits"])
        return SegmentReading(hidden[0], nats, _pack(after, logits), float(activity.mean()), float(after.memory.norm()))


class NeuroEncoderModel(_Adapter[bdh.BDHNeuro]):
    """The neuro variant, computed token by token, whose memory is its synapses and neurons."""

    def read(self, tokens: Tensor, state: ModelState) -> SegmentReading:
        """Read tokens (T,) as the continuation of ``state``."""
        before = bdh.NeuroState.from_tensors(state, int(state["position"])).to(self.device)
        hidden, after, activity = self.model.encode(tokens[None], before, measure_every=_MEASURE_EVERY)
        assert after is not None and activity is not None
        nats, logits = _surprise(self.model, hidden, tokens, state["logits"])
        return SegmentReading(hidden[0], nats, _pack(after, logits), float(activity.mean()), float(after.rho.norm()))


def _pack(state: bdh.BDHState | bdh.NeuroState, logits: Tensor) -> ModelState:
    return {**state.tensors(), "position": torch.tensor(state.position), "logits": logits}


def _surprise(model: bdh.BDH | bdh.BDHNeuro, hidden: Tensor, tokens: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nats (T,) of each token and the logits (V,) after the last, block by block.

    ``hidden`` (1, T, D) predicts the token that follows; ``logits`` (V,) predict the first of ``tokens``.
    """
    nats, before = [], logits.to(tokens.device)
    for start in range(0, len(tokens), _PREDICTED_AT_ONCE):
        block = tokens[start : start + _PREDICTED_AT_ONCE]
        predicted = model.head(hidden[:, start : start + len(block)], None)[0][0].float()
        nats.append(F.cross_entropy(before[None], block[:1], reduction="none"))
        nats.append(F.cross_entropy(predicted[:-1], block[1:], reduction="none"))
        before = predicted[-1].clone()
    return torch.cat(nats), before


def adapt(model: bdh.BDH | bdh.BDHNeuro) -> EncoderModel:
    """Return a model of either variant as the language model of an encoder."""
    return NeuroEncoderModel(model) if isinstance(model, bdh.BDHNeuro) else BDHEncoderModel(model)


def load_encoder(config: ReadingConfig, *, folder: Path) -> Encoder:
    """Load the encoder in ``folder``, a model folder of either variant; raises ModelError if missing or damaged."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.dtype, device)
    if not folder.is_dir():
        raise ModelError(f"{folder} does not exist; expected a folder with a trained model; name one with --model_dir")
    narrow = torch.bfloat16 if dtype == "bf16" else None
    try:
        model, tokenizer = bdh.load(folder, device=device, dtype=narrow)
    except bdh.BDHError as error:
        raise ModelError(f"the encoder cannot be loaded: {error}") from error
    if isinstance(tokenizer, bdh.CharTokenizer):
        raise ModelError(f"the tokenizer in {folder} has some characters only; expected one of bytes or byte-level BPE")
    return Encoder(adapt(model), tokenizer, bdh.weights_hash(folder), dtype)
