"""The memory that a neuro model carries from call to call: explicit in, explicit out."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bdh.errors import StateError
from bdh.neuro.config import NeuroConfig
from bdh.shapes import Bool, Float, Tensor

_FORMAT = "bdh-neuro-state-1"
_NAMES = ("rho", "x", "mean", "variance", "seen", "prediction")


class Surprise(NamedTuple):
    """What a row expects: running mean and variance of its surprisals in nats, and log-probabilities of the next token.

    ``seen`` counts the tokens that the row has read. Without neuromodulation all of it rests as ``NeuroState.empty``
    made it.
    """

    mean: Float[Tensor, "B"]
    variance: Float[Tensor, "B"]
    seen: Float[Tensor, "B"]
    prediction: Float[Tensor, "B V"]


@dataclass(frozen=True)
class NeuroState:
    """What has been read so far: the synapses of each layer and timescale, the neurons x, and what is expected next.

    ``rho`` is kept in float32 and already damped, so that the token before the next one counts U**1. ``x`` is that of
    the last layer at the last token. ``position`` is the absolute position of the next token.
    """

    rho: Float[Tensor, "L B K D N"]
    x: Float[Tensor, "B N"]
    surprise: Surprise
    position: int = 0

    @classmethod
    def empty(
        cls, config: NeuroConfig, batch_size: int = 1, *, device: torch.device | str | None = None
    ) -> "NeuroState":
        """Return the memory of a model that has read nothing."""
        rho = torch.zeros(_shapes(config, batch_size)["rho"], device=device)
        x = torch.zeros(batch_size, config.n, device=device)
        mean, variance, seen = (torch.full((batch_size,), value, device=device) for value in (0.0, 1.0, 0.0))
        prediction = torch.zeros(batch_size, config.vocab_size, device=device)
        return cls(rho, x, Surprise(mean, variance, seen, prediction), 0)

    @property
    def batch_size(self) -> int:
        """Sequences that this state carries."""
        return int(self.x.shape[0])

    def fork(self, copies: int = 1) -> "NeuroState":
        """Return an independent copy in which every sequence stands ``copies`` times in a row."""
        if copies < 1:
            raise StateError(f"copies is {copies}; it must be at least 1")
        surprise = Surprise(*(part.repeat_interleave(copies, dim=0) for part in self.surprise))
        rho, x = self.rho.repeat_interleave(copies, dim=1), self.x.repeat_interleave(copies, dim=0)
        return replace(self, rho=rho, x=x, surprise=surprise)

    def reset(self, rows: Bool[Tensor, "B"]) -> "NeuroState":
        """Return the state with the sequences emptied where the boolean ``rows`` is true; positions run on."""
        if tuple(rows.shape) != (self.batch_size,):
            raise StateError(
                f"rows have shape {tuple(rows.shape)}; expected one flag per sequence, ({self.batch_size},)"
            )
        fresh = rows.bool()
        mean, variance, seen, prediction = self.surprise
        surprise = Surprise(
            mean.masked_fill(fresh, 0.0),
            variance.masked_fill(fresh, 1.0),
            seen.masked_fill(fresh, 0.0),
            prediction.masked_fill(fresh[:, None], 0.0),
        )
        rho = self.rho.masked_fill(fresh[None, :, None, None, None], 0.0)
        return replace(self, rho=rho, x=self.x.masked_fill(fresh[:, None], 0.0), surprise=surprise)

    def detach(self) -> "NeuroState":
        """Return the state cut off from the gradient tape (truncated backpropagation through time)."""
        return self.from_tensors({name: tensor.detach() for name, tensor in self.tensors().items()}, self.position)

    def to(self, device: torch.device | str) -> "NeuroState":
        """Return the state on another device."""
        return self.from_tensors({name: tensor.to(device) for name, tensor in self.tensors().items()}, self.position)

    def norm(self) -> Float[Tensor, "L B"]:
        """Return the Frobenius norm of the synapses of each layer and sequence, over all timescales."""
        return self.rho.pow(2).sum(dim=(2, 3, 4)).sqrt()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by a name that begins with ``memory``."""
        parts = zip(_NAMES, (self.rho, self.x, *self.surprise), strict=True)
        return {f"memory.{name}": tensor for name, tensor in parts}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], position: int) -> "NeuroState":
        """Return the state whose ``tensors`` these are."""
        rho, x, *surprise = (tensors[f"memory.{name}"] for name in _NAMES)
        return cls(rho, x, Surprise(*surprise), position)

    def save(self, path: str | Path) -> None:
        """Write the state to one safetensors file, whole or not at all; raises StateError where it cannot."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors().items()}
        partial = Path(path).with_name(Path(path).name + ".partial")
        try:
            save_file(tensors, str(partial), {"format": _FORMAT, "position": json.dumps(self.position)})
            os.replace(partial, path)
        except (OSError, SafetensorError) as error:
            raise StateError(f"{path} cannot be written ({error}); give a file in a folder that can be") from error

    @classmethod
    def load(cls, path: str | Path) -> "NeuroState":
        """Read a state that ``save`` wrote; raises StateError on any other file."""
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise StateError(f"{path} is not a saved state ({error}); expected what NeuroState.save wrote") from error
        position = metadata.get("position", "")
        complete = set(tensors) == {f"memory.{name}" for name in _NAMES}
        if metadata.get("format") != _FORMAT or not complete or not _is_count(position):
            raise StateError(f"{path} is not a saved neuro state of this version; expected format {_FORMAT}")
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise StateError(f"{path} is damaged: it holds numbers that are not finite; read the text again")
        return cls.from_tensors(tensors, int(position))

    def check(self, config: NeuroConfig, batch_size: int) -> None:
        """Raise StateError unless the state fits ``config`` and ``batch_size``."""
        expected = _shapes(config, batch_size)
        found = {name: tuple(self.tensors()[f"memory.{name}"].shape) for name in expected}
        if found != expected:
            raise StateError(f"state has shapes {found}; this call needs {expected} (rho is L, B, K, D, N)")


def _shapes(config: NeuroConfig, batch_size: int) -> dict[str, tuple[int, ...]]:
    rows = {name: (batch_size,) for name in ("mean", "variance", "seen")}
    rho = (config.n_layer, batch_size, len(config.u_kernels), config.d, config.n)
    return {"rho": rho, "x": (batch_size, config.n), **rows, "prediction": (batch_size, config.vocab_size)}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
