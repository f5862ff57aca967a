"""Activity of neurons and size of the memory while a model reads a text."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from bdh.errors import InspectError
from bdh.model import BDH, evaluating
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.neuro.state import NeuroState
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState
from bdh.tokenizer import Tokenizer

Numbers = npt.NDArray[np.float64]
Kind = Literal["x", "y"]
KINDS: tuple[Kind, ...] = ("x", "y")


@dataclass(frozen=True)
class Activity:
    """Shares of active neurons and norms of the memory over a text.

    ``active`` (L, 2, S) is the share of active neurons x and y of each layer in each of S segments of the text,
    ``state_norm`` (L, S) the Frobenius norm of each layer's memory after the segment, ``positions`` (S,) the number
    of tokens read by then.
    """

    active: Numbers
    state_norm: Numbers
    positions: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neuron:
    """One neuron: ``kind`` x or y, of ``layer`` (from 0), number ``index`` over all heads (head * N + n)."""

    layer: int
    kind: Kind
    index: int

    def __str__(self) -> str:
        return f"{self.kind} {self.index} of layer {self.layer}"


@dataclass(frozen=True)
class Synapse:
    """The connection from neuron y ``i`` of the previous layer to neuron x ``j`` of ``head`` in ``layer``.

    ``i`` counts over all heads, ``j`` inside its head. ``layer`` is at least 1.
    """

    layer: int
    head: int
    i: int
    j: int

    def __str__(self) -> str:
        return f"y {self.i} to x {self.j} (head {self.head}, layer {self.layer})"


@dataclass(frozen=True)
class SynapseTrace:
    """A synapse over a text, one entry per token: the activity ``y`` and ``x`` of its neurons, and its ``strength``."""

    y: Numbers
    x: Numbers
    strength: Numbers


@dataclass(frozen=True)
class LayerTrace:
    """One layer on tokens ``start`` to ``stop`` of the text: its neurons, and its memory after them."""

    layer: int
    start: int
    stop: int
    x: Float[Tensor, "H T N"]
    y: Float[Tensor, "H T N"]
    memory: Float[Tensor, "..."]


@dataclass(frozen=True)
class ModelSizes:
    """Numbers of layers, heads per layer and neurons per head of a model of either variant."""

    layers: int
    heads: int
    neurons: int

    @classmethod
    def of(cls, model: LanguageModel) -> "ModelSizes":
        """Return the sizes of ``model``; the neuro variant has one head."""
        if isinstance(model, BDHNeuro):
            return cls(model.config.n_layer, 1, model.config.n)
        return cls(model.config.n_layer, model.config.n_head, model.config.n_neurons)

    @property
    def total(self) -> int:
        """Neurons over all heads."""
        return self.heads * self.neurons


@torch.inference_mode()
def read_layers(model: LanguageModel, tokens: Sequence[int], *, segment: int = 128) -> Iterator[LayerTrace]:
    """Read ``tokens`` segment by segment with the state carried; yield the trace of every segment and layer.

    Only one segment is in memory at a time. Raises InspectError for an empty text.
    """
    if not len(tokens):
        raise InspectError("the text is empty; give at least one word")
    bdh_state: BDHState | None = None
    neuro_state: NeuroState | None = None
    for start in range(0, len(tokens), segment):
        segment_tokens = torch.tensor([list(tokens[start : start + segment])], device=model.device)
        with evaluating(model):
            if isinstance(model, BDHNeuro):
                layers, neuro_state = _read_neuro(model, segment_tokens, neuro_state)
            else:
                layers, bdh_state = _read_bdh(model, segment_tokens, bdh_state)
        for layer, (x, y, memory) in enumerate(layers):
            yield LayerTrace(layer, start, start + segment_tokens.shape[1], x, y, memory)


_Layers = list[tuple[Tensor, Tensor, Tensor]]


def _read_bdh(model: BDH, tokens: Int[Tensor, "1 T"], state: BDHState | None) -> tuple[_Layers, BDHState | None]:
    layers: _Layers = []

    def collect(_: Tensor, x: Tensor, y: Tensor, memory: Tensor | None) -> None:
        assert memory is not None
        layers.append((x[0], y[0], memory[0]))

    _, after, _ = model.encode(tokens, state, observe=collect)
    return layers, after


def _read_neuro(model: BDHNeuro, tokens: Int[Tensor, "1 T"], state: NeuroState | None) -> tuple[_Layers, NeuroState]:
    trace = model.trace(tokens, state)
    return list(zip(trace.x, trace.y, trace.state.rho[:, 0], strict=True)), trace.state


def measure_activity(model: LanguageModel, tokens: Sequence[int], *, segment: int = 128) -> Activity:
    """Return the shares of active neurons and the norms of the memory over the text ``tokens``."""
    layers = ModelSizes.of(model).layers
    shares: list[list[list[float]]] = [[] for _ in range(layers)]
    norms: list[list[float]] = [[] for _ in range(layers)]
    positions = []
    for trace in read_layers(model, tokens, segment=segment):
        shares[trace.layer].append([float((neurons > 0).float().mean()) for neurons in (trace.x, trace.y)])
        norms[trace.layer].append(float(trace.memory.float().norm()))
        if trace.layer == 0:
            positions.append(trace.stop)
    return Activity(np.array(shares).transpose(0, 2, 1), np.array(norms), np.array(positions))


def follow_neuron(model: LanguageModel, tokens: Sequence[int], neuron: Neuron) -> Numbers:
    """Return the activity of ``neuron`` at every token; raises InspectError if it does not exist."""
    sizes = ModelSizes.of(model)
    check_index("layer", neuron.layer, sizes.layers)
    check_index("neuron", neuron.index, sizes.total)
    traces = (trace for trace in read_layers(model, tokens) if trace.layer == neuron.layer)
    return np.concatenate([_flat(trace.x if neuron.kind == "x" else trace.y)[neuron.index] for trace in traces])


def follow_synapse(model: LanguageModel, tokens: Sequence[int], synapse: Synapse) -> SynapseTrace:
    """Return a synapse's Hebbian strength after every token: the sum of decay^(t - s) y_i(s) x_j(s) over s <= t.

    This is sigma of the paper (section 6.3) without rotary positions: the memory of pairs of neurons, which the decoder
    projects to D numbers. Raises InspectError if the synapse does not exist.
    """
    sizes = ModelSizes.of(model)
    check_index("layer", synapse.layer, sizes.layers, first=1)
    check_index("head", synapse.head, sizes.heads)
    check_index("i", synapse.i, sizes.total)
    check_index("j", synapse.j, sizes.neurons)
    ys, xs = [], []
    for trace in read_layers(model, tokens):
        if trace.layer == synapse.layer - 1:
            ys.append(_flat(trace.y)[synapse.i])
        if trace.layer == synapse.layer:
            xs.append(_flat(trace.x)[synapse.head * sizes.neurons + synapse.j])
    y, x = np.concatenate(ys), np.concatenate(xs)
    strength = sum(share * _accumulate(y * x, factor) for share, factor in _damping(model, synapse.head))
    return SynapseTrace(y, x, np.asarray(strength))


def _damping(model: LanguageModel, head: int) -> list[tuple[float, float]]:
    """Return the share and the damping factor per token of each timescale of a head."""
    if isinstance(model, BDHNeuro):
        return list(zip(model.config.u_weights, model.config.u_kernels, strict=True))
    decay = model.attn.decay()
    return [(1.0, 1.0 if decay is None else float(decay[head].detach()))]


def words_of(tokens: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    """Return for each token the word of the text that contains its last byte."""
    lengths = tokenizer.byte_lengths()
    ends = np.cumsum([lengths[token] for token in tokens])
    text = tokenizer.decode(tokens).encode("utf-8")
    words = [(match.start(), match.group().decode("utf-8")) for match in re.finditer(rb"\S+", text)]
    starts = [start for start, _ in words]
    places = [bisect_right(starts, int(end) - 1) - 1 for end in ends]
    return [words[place][1] if place >= 0 else "" for place in places]


def check_index(name: str, value: int, count: int, *, first: int = 0) -> None:
    """Raise InspectError unless ``first`` <= ``value`` < ``count``."""
    if not first <= value < count:
        raise InspectError(f"{name} is {value}; this model has {first} to {count - 1}")


def _accumulate(steps: Numbers, decay: float) -> Numbers:
    strength = np.zeros_like(steps)
    total = 0.0
    for position, step in enumerate(steps):
        total = total * decay + step
        strength[position] = total
    return strength


def _flat(neurons: Float[Tensor, "H T N"]) -> Numbers:
    """Return the activity as (H * N, T)."""
    flat: Numbers = neurons.transpose(1, 2).flatten(0, 1).cpu().double().numpy()
    return flat
