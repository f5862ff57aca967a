"""What the encoder needs of a language model: any model that reads a stream of tokens with a state can be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

ModelState = Mapping[str, Tensor]
"""All that a model needs to go on after some tokens, its prediction of the next one too, as tensors by name."""


@dataclass(frozen=True)
class SegmentReading:
    """Consecutive tokens as a model read them, and the state after them.

    ``hidden`` (T, D) are the last hidden vectors, ``nats`` (T,) the surprise of each token given all tokens before it.
    ``activity``, the share of active neurons, and ``state_norm``, the size of the memory, are None for a model that
    does not measure them.
    """

    hidden: Tensor
    nats: Tensor
    state: ModelState
    activity: float | None = None
    state_norm: float | None = None


class EncoderModel(Protocol):
    """A language model of one text at a time; it is called without gradients."""

    @property
    def width(self) -> int:
        """Numbers of a hidden vector, D."""

    @property
    def device(self) -> torch.device:
        """Where the model computes, and expects tokens."""

    def initial_state(self) -> ModelState:
        """Return the state before the first token."""

    def encode(self, tokens: Tensor) -> Tensor:
        """Return the last hidden vectors (T, D) of tokens (T,) that are read from the initial state."""

    def read(self, tokens: Tensor, state: ModelState) -> SegmentReading:
        """Read tokens (T,) as the continuation of ``state``, whose tensors may be overwritten.

        The tensors of ``state`` may be on any device: a stored state is on the CPU.
        """


class EncoderTokenizer(Protocol):
    """What the encoder needs of a tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text."""
