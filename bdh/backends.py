"""The ways to compute the layers of a BDH, and the choice between them. They differ in speed, not in results.

Plain layers (``BDH.trunk``) for gradients and short texts; fused layers for 16-bit work on a GPU; for long texts
without gradients segment after segment, by the fused layers or, for one text on a CPU, chunk by chunk in the cache.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import torch
from torch import nn

from bdh import fused
from bdh.config import BDHConfig
from bdh.ops import chunkwise, cpu_stream, parallel, recurrent
from bdh.ops.documents import split_damping
from bdh.ops.layer import Parameters
from bdh.ops.rotary import make_pair_rotation, make_phasors, make_rotation
from bdh.rotary_buffers import RotaryBuffers
from bdh.shapes import Bool, Float, Int, Tensor
from bdh.state import BDHState

Mode = Literal["parallel", "chunkwise", "recurrent"]
MODES: tuple[Mode, ...] = ("parallel", "chunkwise", "recurrent")
Attend = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
"""Takes rope(x) (B, H, T, N), the values (B, T, D) and the memory (B, H, N, D); returns a and the memory after."""
LayerObserver = Callable[[Tensor, Tensor, Tensor, Tensor | None], None]
"""Is called with the input v (B, T, D) of a layer, its x and y (B, H, T, N) and its memory after the text."""
Inputs = Int[Tensor, "B T"] | Float[Tensor, "B T D"]
"""Tokens, or their embeddings."""
Trunk = Callable[..., tuple[Tensor, Tensor | None, Tensor | None]]
_PARALLEL_UP_TO = 1024


class Encoded(NamedTuple):
    """Last hidden vectors, the state after the text, and the shares of active x and y of each layer."""

    hidden: Float[Tensor, "B T D"]
    state: BDHState | None
    activity: Float[Tensor, "L 2"] | None


class Options(NamedTuple):
    """How a text is encoded; see ``BDH.forward`` and ``BDH.encode``. ``begins`` marks the first token of documents."""

    mode: Mode
    keep_state: bool
    measure_every: int
    observe: LayerObserver | None
    overwrite_state: bool
    begins: Bool[Tensor, "B T"] | None = None


class Layers(Protocol):
    """What a backend uses of a model."""

    config: BDHConfig
    training: bool
    gradient_checkpointing: bool
    encoder: nn.Parameter
    encoder_v: nn.Parameter
    decoder: nn.Parameter
    attn: RotaryBuffers

    @property
    def device(self) -> torch.device:
        """The device of the weights."""

    def embedded(self, tokens: Inputs) -> Float[Tensor, "B T D"]:
        """Return the input of the first layer."""

    def empty_state(self) -> BDHState:
        """Return the state of one text before its first token."""


def choose_mode(length: int) -> Mode:
    """Return the fastest mode for ``length`` tokens."""
    if length == 1:
        return "recurrent"
    return "parallel" if length <= _PARALLEL_UP_TO else "chunkwise"


def make_attend(
    mode: Mode,
    length: int,
    decay: Float[Tensor, "H"] | None,
    *,
    chunk_size: int,
    dtype: torch.dtype,
    keep_state: bool,
    begins: Bool[Tensor, "B T"] | None = None,
) -> Attend:
    """Return the attention of ``mode`` for ``length`` tokens; the powers of ``decay`` are computed once, in ``dtype``.

    Without ``keep_state`` the memory after the text is None.
    """
    powers: list[parallel.Damping | None] = []
    if mode == "chunkwise":
        powers = chunkwise.make_dampings(decay, length, chunk_size, dtype, begins)
    if mode == "parallel":
        whole = None if decay is None else parallel.make_damping(decay, length, dtype)
        powers = [whole if begins is None else split_damping(whole, begins, dtype)]

    def attend(q: Tensor, v: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if mode == "parallel":
            return parallel.attend(q, v, memory, decay, write=keep_state, damping=powers[0])
        if mode == "chunkwise":
            return chunkwise.attend(q, v, memory, decay, chunk_size=chunk_size, write=keep_state, damping=powers)
        if memory is None:
            memory = torch.zeros(*q.shape[:2], q.shape[3], v.shape[2], dtype=torch.float32, device=q.device)
        attended, after = recurrent.attend(q, v, memory, decay, begins)
        return attended, after if keep_state else None

    return attend


def encode(model: Layers, trunk: Trunk, tokens: Inputs, state: BDHState | None, options: Options) -> Encoded:
    """Return what ``BDH.encode`` returns, computed the fastest way that applies; ``trunk`` is ``BDH.trunk``."""
    if options.mode == "chunkwise" and options.observe is None and not torch.is_grad_enabled():
        return _encode_segments(model, trunk, tokens, state, options)
    return _encode_at_once(model, trunk, tokens, state, options)


def _encode_at_once(model: Layers, trunk: Trunk, tokens: Inputs, state: BDHState | None, options: Options) -> Encoded:
    """Encode all tokens together, by the fused layers where they apply."""
    start, length = 0 if state is None else state.position, tokens.shape[1]
    memory = None if state is None else state.memory
    frequencies = model.attn.freqs.view(-1)
    if options.observe is None and _fuses(model, length, options.mode):
        pairs = make_pair_rotation(frequencies, start=start, length=length, dtype=_work_dtype(model))
        hidden, after, activity = _fused_trunk(model, tokens, pairs, memory, options)
    else:
        rotation = make_rotation(frequencies, start=start, length=length)
        settings = (options.mode, options.keep_state, options.measure_every, options.observe, options.begins)
        hidden, after, activity = trunk(tokens, rotation, memory, *settings)
    return Encoded(hidden, None if after is None else BDHState(after, start + length), activity)


def _encode_segments(model: Layers, trunk: Trunk, tokens: Inputs, state: BDHState | None, options: Options) -> Encoded:
    """Encode without gradients segment after segment, so that the memory for wide tensors does not grow with T."""
    length, every = tokens.shape[1], options.measure_every
    parts: list[Encoded] = []
    for start, stop in fused.cut(length, every, lambda whole: _fuses(model, whole, "chunkwise")):
        segment = tokens[:, start:stop]
        begins = None if options.begins is None else options.begins[:, start:stop]
        if begins is None and cpu_stream.applies(model.device, len(tokens), model.encoder.dtype):
            own = state if options.overwrite_state or start else state and state.fork()
            part = _encode_on_cpu(model, segment, own, every)
        else:
            keep = options.keep_state or stop < length
            part = _encode_at_once(model, trunk, segment, state, options._replace(keep_state=keep, begins=begins))
        parts.append(part)
        state = part.state
    hidden = torch.cat([part.hidden for part in parts], dim=1)
    return Encoded(hidden, state if options.keep_state else None, _mean_activity(parts, every))


def _encode_on_cpu(model: Layers, tokens: Int[Tensor, "1 T"], state: BDHState | None, measure_every: int) -> Encoded:
    """Encode one text on a CPU; the memory of ``state`` is overwritten by that of the state returned."""
    state = state or model.empty_state()
    length, wide = tokens.shape[1], torch.promote_types(model.encoder.dtype, torch.float32)
    memory = state.memory[:, 0].to(wide)
    hidden, activity = cpu_stream.trunk(
        model.embedded(tokens)[0],
        _parameters(model),
        make_phasors(model.attn.freqs.view(-1), start=state.position, length=length, dtype=wide),
        memory,
        size=model.config.chunk_size,
        measure_every=measure_every,
    )
    return Encoded(hidden[None], BDHState(memory[:, None], state.position + length), activity)


def _mean_activity(parts: list[Encoded], measure_every: int) -> Float[Tensor, "L 2"] | None:
    """Return the activity over all segments, each weighted by its number of measured tokens."""
    if not measure_every:
        return None
    weights = [-(-part.hidden.shape[1] // measure_every) for part in parts]
    shares = [part.activity * weight for part, weight in zip(parts, weights, strict=True) if part.activity is not None]
    return torch.stack(shares).sum(dim=0) / sum(weights)


def _fuses(model: Layers, length: int, mode: Mode) -> bool:
    """Return whether the fused layers compute a text of this length in ``mode``."""
    if mode == "recurrent" or (model.gradient_checkpointing and torch.is_grad_enabled()):
        return False
    sizes = fused.Workload(_work_dtype(model), model.device, model.config.n_embd, model.config.n_neurons)
    return fused.applies(
        sizes,
        length,
        chunkwise=mode == "chunkwise",
        gradients=torch.is_grad_enabled(),
        learned_decay=model.attn.decay_logit is not None,
    )


def _fused_trunk(
    model: Layers,
    tokens: Inputs,
    rotation: tuple[Tensor, Tensor],
    memory: Float[Tensor, "L B H N D"] | None,
    options: Options,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    return fused.trunk(
        model.embedded(tokens),
        _parameters(model),
        rotation,
        memory,
        _work_dtype(model),
        layers=model.config.n_layer,
        count=fused.count_chunks(tokens.shape[1], chunkwise=options.mode == "chunkwise"),
        drop=model.config.dropout if model.training else 0.0,
        keep_state=options.keep_state,
        measure_every=options.measure_every,
        begins=options.begins,
    )


def _parameters(model: Layers) -> Parameters:
    return Parameters(model.encoder, model.encoder_v, model.decoder, model.attn.decay())


def _work_dtype(model: Layers) -> torch.dtype:
    """Return the precision of matrix products: that of autocast if it is on, else that of the weights."""
    kind = model.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else model.encoder.dtype
