"""The memory that a BDH model carries from call to call: explicit in, explicit out."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bdh.config import BDHConfig
from bdh.errors import StateError
from bdh.shapes import Bool, Float, Tensor

_FORMAT = "bdh-state-1"


@runtime_checkable
class State(Protocol):
    """What the library asks of a memory, of either variant."""

    @property
    def position(self) -> int:
        """The absolute position of the next token."""

    def reset(self, rows: Bool[Tensor, "B"]) -> Self:
        """Return the state with the sequences emptied where the boolean ``rows`` is true."""

    def detach(self) -> Self:
        """Return the state cut off from the gradient tape."""

    def to(self, device: torch.device | str) -> Self:
        """Return the state on another device."""

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by a name that begins with ``memory``."""

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], position: int) -> Self:
        """Return the state whose ``tensors`` these are."""


@dataclass(frozen=True)
class BDHState:
    """What has been read so far: one Hebbian matrix per layer, sequence and head, and the count of tokens.

    ``memory`` is kept in float32, because sums in bfloat16 stop growing after a few hundred equal additions. It holds
    rope(x) outer v summed over the past (paper, Definition 4 in the form of Appendix E), already damped so that the
    token before the next one counts decay**1. ``position`` is the absolute position of the next token.
    """

    memory: Float[Tensor, "L B H N D"]
    position: int = 0

    @classmethod
    def empty(cls, config: BDHConfig, batch_size: int = 1, *, device: torch.device | str | None = None) -> "BDHState":
        """Return the memory of a model that has read nothing."""
        shape = (config.n_layer, batch_size, config.n_head, config.n_neurons, config.n_embd)
        return cls(torch.zeros(shape, dtype=torch.float32, device=device), 0)

    @property
    def batch_size(self) -> int:
        """Sequences that this state carries."""
        return int(self.memory.shape[1])

    def fork(self, copies: int = 1) -> "BDHState":
        """Return an independent copy in which every sequence stands ``copies`` times in a row."""
        if copies < 1:
            raise StateError(f"copies is {copies}; it must be at least 1")
        return replace(self, memory=self.memory.repeat_interleave(copies, dim=1))

    def reset(self, rows: Bool[Tensor, "B"]) -> "BDHState":
        """Return the state with the sequences emptied where the boolean ``rows`` is true; positions run on.

        Only differences of positions enter attention, so an emptied sequence reads like one at position 0.
        """
        if tuple(rows.shape) != (self.batch_size,):
            raise StateError(
                f"rows have shape {tuple(rows.shape)}; expected one flag per sequence, ({self.batch_size},)"
            )
        return replace(self, memory=self.memory.masked_fill(rows.bool()[None, :, None, None, None], 0.0))

    def detach(self) -> "BDHState":
        """Return the state cut off from the gradient tape (truncated backpropagation through time)."""
        return replace(self, memory=self.memory.detach())

    def to(self, device: torch.device | str) -> "BDHState":
        """Return the state on another device."""
        return replace(self, memory=self.memory.to(device))

    def norm(self) -> Float[Tensor, "L B"]:
        """Return the Frobenius norm of the memory of each layer and sequence."""
        return self.memory.float().pow(2).sum(dim=(2, 3, 4)).sqrt()

    def tensors(self) -> dict[str, Tensor]:
        """Return the memory by its name."""
        return {"memory": self.memory}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], position: int) -> "BDHState":
        """Return the state whose ``tensors`` these are."""
        return cls(tensors["memory"], position)

    def save(self, path: str | Path) -> None:
        """Write the state to one safetensors file, whole or not at all; raises StateError where it cannot."""
        metadata = {"format": _FORMAT, "position": json.dumps(self.position)}
        partial = Path(path).with_name(Path(path).name + ".partial")
        try:
            save_file({"memory": self.memory.detach().cpu().contiguous()}, str(partial), metadata)
            os.replace(partial, path)
        except (OSError, SafetensorError) as error:
            raise StateError(f"{path} cannot be written ({error}); give a file in a folder that can be") from error

    @classmethod
    def load(cls, path: str | Path) -> "BDHState":
        """Read a state that ``save`` wrote; raises StateError on any other file."""
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                memory = file.get_tensor("memory") if "memory" in file.keys() else None  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise StateError(
                f"{path} is not a saved state ({error}); expected a file that BDHState.save wrote"
            ) from error
        position = metadata.get("position", "")
        if metadata.get("format") != _FORMAT or memory is None or memory.dim() != 5 or not _is_count(position):
            raise StateError(f"{path} is not a saved state of this version; expected format {_FORMAT}")
        if not torch.isfinite(memory).all():
            raise StateError(f"{path} is damaged: its memory holds numbers that are not finite; read the text again")
        return cls(memory.float(), int(position))

    def check(self, config: BDHConfig, batch_size: int) -> None:
        """Raise StateError unless the state fits ``config`` and ``batch_size``."""
        expected = (config.n_layer, batch_size, config.n_head, config.n_neurons, config.n_embd)
        if tuple(self.memory.shape) != expected:
            raise StateError(
                f"state has shape {tuple(self.memory.shape)}; this call needs (L, B, H, N, D) = {expected}"
            )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
