"""BDH token by token (Definition 4 of arXiv 2509.26507) with switchable biological extensions."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from bdh.backends import Mode
from bdh.errors import ConfigError, StateError
from bdh.model import BDH, IGNORED, BDHOutput, Probe, check_call, check_ids, checked_begins, evaluating
from bdh.neuro.cell import Carry, CellWeights, Input, Step, normalise, read_token
from bdh.neuro.config import NeuroConfig
from bdh.neuro.state import NeuroState, Surprise
from bdh.ops.rotary import make_frequencies, make_rotation
from bdh.shapes import Bool, Float, Int, Tensor


@dataclass(frozen=True)
class Trace:
    """The neurons and the gain at each token, and the state after the text; ``gain`` is 1 without neuromodulation."""

    x: Float[Tensor, "L B T N"]
    y: Float[Tensor, "L B T N"]
    gain: Float[Tensor, "B T"]
    state: NeuroState


class BDHNeuro(nn.Module):
    """A recurrent BDH language model; all layers share one set of weights.

    ``encoder`` (D, N) is D_x, ``encoder_v`` (D, N) is D_y, ``decoder`` (N, D) is E, each transposed. Everything is
    computed in float32 or wider, also under autocast: sums over the past need the precision.
    """

    kernels: Tensor
    shares: Tensor
    freqs: Tensor

    def __init__(self, config: NeuroConfig) -> None:
        super().__init__()
        self.config = config
        self._compiled: Callable[..., Step] | None = None
        self.encoder = _make_weight(config.d, config.n)
        self.encoder_v = _make_weight(config.d, config.n)
        self.decoder = _make_weight(config.n, config.d)
        self.embed = nn.Embedding(config.vocab_size, config.d)
        nn.init.normal_(self.embed.weight, std=0.02)  # normalised after the lookup: smaller weights learn faster
        self.lm_head = _make_weight(config.d, config.vocab_size)
        self.register_buffer("kernels", torch.tensor(config.u_kernels), persistent=False)
        self.register_buffer("shares", torch.tensor(config.u_weights), persistent=False)
        self.register_buffer("freqs", make_frequencies(config.n, config.rope_theta), persistent=False)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"] | None = None,
        state: NeuroState | None = None,
        mode: Mode | None = None,
        *,
        keep_state: bool = True,
        measure_every: int = 0,
        documents: Int[Tensor, "B T"] | None = None,
    ) -> BDHOutput:
        """Read ``tokens`` as the continuation of ``state``, and predict each next token; see ``BDH.forward``.

        This variant is computed token by token in every ``mode``.
        """
        if targets is not None:
            if targets.shape != tokens.shape:
                raise ConfigError(f"targets have shape {tuple(targets.shape)}; tokens have {tuple(tokens.shape)}")
            check_ids(targets, self.config.vocab_size, self.device, name="targets")
        hidden, after, activity = self.encode(
            tokens, state, mode, keep_state=keep_state, measure_every=measure_every, documents=documents
        )
        logits, loss = self.head(hidden, targets)
        return BDHOutput(logits, loss, after, hidden, activity)

    def encode(
        self,
        tokens: Int[Tensor, "B T"],
        state: NeuroState | None = None,
        mode: Mode | None = None,
        *,
        keep_state: bool = True,
        measure_every: int = 0,
        documents: Int[Tensor, "B T"] | None = None,
    ) -> tuple[Float[Tensor, "B T D"], NeuroState | None, Float[Tensor, "L 2"] | None]:
        """Return the last hidden vectors, the state and the activity of ``forward``, without the head."""
        self._check(tokens, state, mode)
        before = self.empty_state(tokens.shape[0]) if state is None else state
        begins = None if documents is None else checked_begins(documents, tokens)
        hidden, shares = [], []
        with torch.autocast(tokens.device.type, enabled=False):
            for number, step in enumerate(self._read(tokens, before, begins)):
                hidden.append(step.v)
                if measure_every and number % measure_every == 0:
                    shares.append(_share_active(step))
        after = _pack(step.carry, before.position + tokens.shape[1]) if keep_state else None
        return torch.stack(hidden, dim=1), after, torch.stack(shares).mean(0) if shares else None

    def head(
        self, hidden: Float[Tensor, "B T D"], targets: Int[Tensor, "B T"] | None
    ) -> tuple[Float[Tensor, "B T V"], Float[Tensor, ""] | None]:
        """Return the logits of the next tokens and, given ``targets``, the mean cross-entropy in nats."""
        with torch.autocast(hidden.device.type, enabled=False):
            logits = hidden @ self.lm_head.to(hidden.dtype)
            if targets is None:
                return logits, None
            return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten().long(), ignore_index=IGNORED)

    @torch.no_grad()
    def trace(self, tokens: Int[Tensor, "B T"], state: NeuroState | None = None) -> Trace:
        """Read ``tokens`` as ``forward`` does, and return every neuron at every token."""
        self._check(tokens, state, None)
        before = self.empty_state(tokens.shape[0]) if state is None else state
        xs, ys, gains = [], [], []
        with torch.autocast(tokens.device.type, enabled=False):
            for step in self._read(tokens, before):
                xs.append(torch.stack(step.x))
                ys.append(torch.stack(step.y))
                gains.append(torch.ones_like(step.x[0][:, 0]) if step.gain is None else step.gain)
        after = _pack(step.carry, before.position + tokens.shape[1])
        return Trace(torch.stack(xs, dim=2), torch.stack(ys, dim=2), torch.stack(gains, dim=1), after)

    def probe(self, tokens: Int[Tensor, "B T"]) -> Probe:
        """Return shares of active x and y on ``tokens``, the norm of a layer's synapses after them, the mean gain."""
        with evaluating(self):
            trace = self.trace(tokens)
        active_x, active_y = (float((neurons > 0).float().mean()) for neurons in (trace.x, trace.y))
        gain = float(trace.gain.mean()) if self.config.mod_gamma_max else None
        return Probe(active_x, active_y, float(trace.state.norm().mean()), gain)

    def _read(
        self, tokens: Int[Tensor, "B T"], state: NeuroState, begins: Bool[Tensor, "B T"] | None = None
    ) -> Iterator[Step]:
        """Yield the result of each token, from an empty state where a document ``begins``."""
        weights = self._prepare()
        wide, length = weights.encoder.dtype, tokens.shape[1]
        carry = _unpack(state, wide)
        vs = normalise(self.embed(tokens).to(wide)).unbind(1)
        spikes, rotations = self.draw_spikes(tokens, wide), self._rotations(state.position, length, wide)
        step = self._compiled if self.training and self._compiled else read_token
        for t in range(length):
            if begins is not None:
                carry = _unpack(_pack(carry, 0).reset(begins[:, t]), wide)
            result = step(self.config, weights, Input(tokens[:, t], vs[t], spikes[t], rotations[t]), carry)
            carry = result.carry
            yield result

    def _prepare(self) -> CellWeights:
        """Return the weights of one call in float32 or wider."""
        wide = torch.promote_types(self.encoder.dtype, torch.float32)
        encoder = self.encoder.to(wide).view(self.config.branches, -1, self.config.n)
        rest = (self.encoder_v, self.decoder, self.lm_head, self.kernels, self.shares)
        return CellWeights(encoder, *(weight.to(wide) for weight in rest))

    def draw_spikes(self, tokens: Int[Tensor, "B T"], dtype: torch.dtype) -> Sequence[Tensor | None]:
        """Return the random spikes (L, B, N) of each token, None outside training; may be overridden."""
        rows, length = tokens.shape
        if not self.training or not self.config.spike_rate:
            return [None] * length
        chance = torch.rand(length, self.config.n_layer, rows, self.config.n, device=tokens.device)
        return (chance < self.config.spike_rate).to(dtype).unbind()

    def _rotations(self, start: int, length: int, dtype: torch.dtype) -> Sequence[tuple[Tensor, Tensor] | None]:
        if not self.config.rope:
            return [None] * length
        cosines, sines = make_rotation(self.freqs, start=start, length=length)
        return list(zip(cosines.to(dtype).unbind(), sines.to(dtype).unbind(), strict=True))

    def _check(self, tokens: Tensor, state: NeuroState | None, mode: Mode | None) -> None:
        check_call(tokens, mode)
        check_ids(tokens, self.config.vocab_size, self.device, name="tokens")
        if state is not None:
            state.check(self.config, tokens.shape[0])
            if state.rho.device != tokens.device:
                raise StateError(f"state is on {state.rho.device}, tokens on {tokens.device}; move one of them")

    def compile_training(self) -> None:
        """Compile the step of one token with torch.compile for training; evaluation is not compiled."""
        self._compiled = torch.compile(read_token, dynamic=False)

    def empty_state(self, batch_size: int = 1) -> NeuroState:
        """Return the state before the first token, on the model's device."""
        return NeuroState.empty(self.config, batch_size, device=self.device)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.lm_head.device


def _make_weight(rows: int, columns: int) -> nn.Parameter:
    """Return a normal weight of standard deviation 1 / sqrt(inputs), which preserves the scale of its input."""
    return nn.Parameter(torch.randn(rows, columns) / math.sqrt(rows))


def _pack(carry: Carry, position: int) -> NeuroState:
    return NeuroState(torch.stack(carry.rho), carry.x, carry.surprise, position)


def _unpack(state: NeuroState, dtype: torch.dtype) -> Carry:
    rho, x, *surprise = (tensor.to(dtype) for tensor in state.tensors().values())
    return Carry(rho.unbind(), x, Surprise(*surprise))


def _share_active(step: Step) -> Float[Tensor, "L 2"]:
    layers = [
        torch.stack([(x > 0).float().mean(), (y > 0).float().mean()]) for x, y in zip(step.x, step.y, strict=True)
    ]
    return torch.stack(layers)


LanguageModel = BDH | BDHNeuro
