"""The memory that a neuro model carries from call to call: explicit in, explicit out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from bdh.errors import StateError
from bdh.neuro.config import NeuroConfig
from bdh.shapes import Bool, Float, Tensor
from bdh.state import read_state, write_state

_FORMAT = "bdh-neuro-state-1"
_DIMENSIONS = {"rho": 5, "x": 2, "mean": 1, "variance": 1, "seen": 1, "prediction": 2}


class Surprise(NamedTuple):
    """Running mean and variance of the surprisals of a row in nats, and its log-probabilities of the next token.

    ``seen`` counts the tokens that the row has read. Without neuromodulation all of it stays as ``NeuroState.empty``
    returns it.
    """

    mean: Float[Tensor, "B"]
    variance: Float[Tensor, "B"]
    seen: Float[Tensor, "B"]
    prediction: Float[Tensor, "B V"]


@dataclass(frozen=True)
class NeuroState:
    """The state of a BDHNeuro: the synapses of each layer and timescale, the neurons x, and the next prediction.

    ``rho`` is float32 and already damped: the last token has weight U**1. ``x`` is that of the last layer at the last
    token. ``position`` is the absolute position of the next token.
    """

    rho: Float[Tensor, "L B K D N"]
    x: Float[Tensor, "B N"]
    surprise: Surprise
    position: int = 0

    @classmethod
    def empty(
        cls, config: NeuroConfig, batch_size: int = 1, *, device: torch.device | str | None = None
    ) -> "NeuroState":
        """Return the state before the first token."""
        rho = torch.zeros(_shapes(config, batch_size)["rho"], device=device)
        x = torch.zeros(batch_size, config.n, device=device)
        mean, variance, seen = (torch.full((batch_size,), value, device=device) for value in (0.0, 1.0, 0.0))
        prediction = torch.zeros(batch_size, config.vocab_size, device=device)
        return cls(rho, x, Surprise(mean, variance, seen, prediction), 0)

    @property
    def batch_size(self) -> int:
        """Number of sequences."""
        return int(self.x.shape[0])

    def fork(self, copies: int = 1) -> "NeuroState":
        """Return an independent copy in which every sequence is repeated ``copies`` times in a row."""
        if copies < 1:
            raise StateError(f"copies is {copies}; it must be at least 1")
        surprise = Surprise(*(part.repeat_interleave(copies, dim=0) for part in self.surprise))
        rho, x = self.rho.repeat_interleave(copies, dim=1), self.x.repeat_interleave(copies, dim=0)
        return replace(self, rho=rho, x=x, surprise=surprise)

    def reset(self, rows: Bool[Tensor, "B"]) -> "NeuroState":
        """Return the state with empty memories for the sequences whose boolean ``rows`` is True; positions stay."""
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
        """Return the state without gradient history (truncated backpropagation through time)."""
        return self.from_tensors({name: tensor.detach() for name, tensor in self.tensors().items()}, self.position)

    def to(self, device: torch.device | str) -> "NeuroState":
        """Return the state on another device."""
        return self.from_tensors({name: tensor.to(device) for name, tensor in self.tensors().items()}, self.position)

    def norm(self) -> Float[Tensor, "L B"]:
        """Return the Frobenius norm of the synapses of each layer and sequence, over all timescales."""
        return self.rho.pow(2).sum(dim=(2, 3, 4)).sqrt()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by a name that begins with "memory"."""
        parts = zip(_DIMENSIONS, (self.rho, self.x, *self.surprise), strict=True)
        return {f"memory.{name}": tensor for name, tensor in parts}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], position: int) -> "NeuroState":
        """Return the state with these tensors."""
        rho, x, *surprise = (tensors[f"memory.{name}"] for name in _DIMENSIONS)
        return cls(rho, x, Surprise(*surprise), position)

    def save(self, path: str | Path) -> None:
        """Write the state to one safetensors file, completely or not at all; raises StateError when that fails."""
        write_state(path, self.tensors(), self.position, format_=_FORMAT)

    @classmethod
    def load(cls, path: str | Path) -> "NeuroState":
        """Read a state that ``save`` wrote; raises StateError on any other file."""
        dimensions = {f"memory.{name}": count for name, count in _DIMENSIONS.items()}
        return cls.from_tensors(*read_state(path, format_=_FORMAT, dimensions=dimensions))

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
