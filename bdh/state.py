"""The memory that a BDH model carries from call to call: explicit in, explicit out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bdh.config import BDHConfig
from bdh.errors import StateError
from bdh.files import replacing
from bdh.shapes import Bool, Float, Tensor

_FORMAT = "bdh-state-1"


@runtime_checkable
class State(Protocol):
    """What the library uses of a state, of either variant."""

    @property
    def position(self) -> int:
        """The absolute position of the next token."""

    def reset(self, rows: Bool[Tensor, "B"]) -> Self:
        """Return the state with empty memories for the sequences whose boolean ``rows`` is True."""

    def detach(self) -> Self:
        """Return the state without gradient history."""

    def to(self, device: torch.device | str) -> Self:
        """Return the state on another device."""

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by a name that begins with "memory"."""

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], position: int) -> Self:
        """Return the state with these tensors."""


@dataclass(frozen=True)
class BDHState:
    """The state of a BDH: one Hebbian matrix per layer, sequence and head, and the number of tokens read.

    ``memory`` is float32, because sums in bfloat16 stop growing after a few hundred equal additions. It is the sum of
    rope(x) outer v over the past (paper, Definition 4 in the form of Appendix E), already damped: the last token has
    weight decay**1. ``position`` is the absolute position of the next token.
    """

    memory: Float[Tensor, "L B H N D"]
    position: int = 0

    @classmethod
    def empty(cls, config: BDHConfig, batch_size: int = 1, *, device: torch.device | str | None = None) -> "BDHState":
        """Return the state before the first token."""
        shape = (config.n_layer, batch_size, config.n_head, config.n_neurons, config.n_embd)
        return cls(torch.zeros(shape, dtype=torch.float32, device=device), 0)

    @property
    def batch_size(self) -> int:
        """Number of sequences."""
        return int(self.memory.shape[1])

    def fork(self, copies: int = 1) -> "BDHState":
        """Return an independent copy in which every sequence is repeated ``copies`` times in a row."""
        if copies < 1:
            raise StateError(f"copies is {copies}; it must be at least 1")
        return replace(self, memory=self.memory.repeat_interleave(copies, dim=1))

    def reset(self, rows: Bool[Tensor, "B"]) -> "BDHState":
        """Return the state with empty memories for the sequences whose boolean ``rows`` is True.

        Positions stay: attention depends on differences of positions only, so such a sequence is like a new one.
        """
        if tuple(rows.shape) != (self.batch_size,):
            raise StateError(
                f"rows have shape {tuple(rows.shape)}; expected one flag per sequence, ({self.batch_size},)"
            )
        return replace(self, memory=self.memory.masked_fill(rows.bool()[None, :, None, None, None], 0.0))

    def detach(self) -> "BDHState":
        """Return the state without gradient history (truncated backpropagation through time)."""
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
        """Return the state with these tensors."""
        return cls(tensors["memory"], position)

    def save(self, path: str | Path) -> None:
        """Write the state to one safetensors file, completely or not at all; raises StateError when that fails."""
        write_state(path, self.tensors(), self.position, format_=_FORMAT)

    @classmethod
    def load(cls, path: str | Path) -> "BDHState":
        """Read a state that ``save`` wrote; raises StateError on any other file."""
        tensors, position = read_state(path, format_=_FORMAT, dimensions={"memory": 5})
        return cls(tensors["memory"].float(), position)

    def check(self, config: BDHConfig, batch_size: int) -> None:
        """Raise StateError unless the state fits ``config`` and ``batch_size``."""
        expected = (config.n_layer, batch_size, config.n_head, config.n_neurons, config.n_embd)
        if tuple(self.memory.shape) != expected:
            raise StateError(
                f"state has shape {tuple(self.memory.shape)}; this call needs (L, B, H, N, D) = {expected}"
            )


def write_state(path: str | Path, tensors: Mapping[str, Tensor], position: int, *, format_: str) -> None:
    """Write a state to one safetensors file, completely or not at all; raises StateError when it cannot be written."""
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with replacing(path) as partial:
            save_file(content, partial, {"format": format_, "position": json.dumps(position)})
    except (OSError, SafetensorError) as error:
        raise StateError(f"{path} cannot be written ({error}); give a path in a writable folder") from error


def read_state(path: str | Path, *, format_: str, dimensions: Mapping[str, int]) -> tuple[dict[str, Tensor], int]:
    """Return tensors and position of a file that ``write_state`` wrote.

    ``dimensions`` are the names of the tensors and their numbers of axes. Raises StateError for any other file, and
    for numbers that are not finite.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StateError(f"{path} is not a saved state ({error}); expected a file that save() wrote") from error
    position = metadata.get("position", "")
    found = {name: tensor.dim() for name, tensor in tensors.items()}
    if metadata.get("format") != format_ or found != dimensions or not _is_count(position):
        raise StateError(f"{path} is not a saved state of this version; expected format {format_}")
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise StateError(f"{path} is damaged: it contains numbers that are not finite; read the text again")
    return tensors, int(position)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
