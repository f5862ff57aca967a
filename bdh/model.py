"""BDH-GPU: the published Dragon Hatchling language model (arXiv 2509.26507, Appendix E) with a memory one can carry."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from bdh import fused
from bdh.config import BDHConfig
from bdh.errors import ConfigError, StateError
from bdh.ops import chunkwise, parallel, pieces, recurrent
from bdh.ops.layer import Parameters, normalise
from bdh.ops.rotary import Rotation, make_pair_rotation, make_rotation, make_turns, rotate
from bdh.positions import Positions
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState, State

Mode = Literal["parallel", "chunkwise", "recurrent"]
MODES: tuple[Mode, ...] = ("parallel", "chunkwise", "recurrent")
IGNORED = -100
_PARALLEL_UP_TO = 1024


@dataclass(frozen=True)
class BDHOutput:
    """What one call returns; see ``BDH.forward``.

    ``state`` is None only when the call asked for none. ``activity`` is None unless it was asked for.
    """

    logits: Float[Tensor, "B T V"]
    loss: Float[Tensor, ""] | None
    state: State | None
    hidden: Float[Tensor, "B T D"]
    activity: Float[Tensor, "L 2"] | None = None


class Probe(NamedTuple):
    """How a model does on a text: shares of active neurons, norm of a layer's memory, gain where there is one."""

    active_x: float
    active_y: float
    state_norm: float
    gain: float | None = None


class BDH(nn.Module):
    """A stateful BDH language model; all layers share one set of weights.

    Parameter names and shapes are those of the official implementation, so its state dict loads as it is:
    ``encoder`` (H, D, N), ``encoder_v`` (H, D, N), ``decoder`` (H * N, D), ``embed.weight`` (V, D), ``lm_head`` (D, V),
    ``attn.freqs`` (1, 1, 1, N).
    """

    def __init__(self, config: BDHConfig) -> None:
        super().__init__()
        self.config = config
        self._compiled: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        heads, width, neurons = config.n_head, config.n_embd, config.n_neurons
        self.encoder = nn.Parameter(torch.empty(heads, width, neurons))
        self.encoder_v = nn.Parameter(torch.empty(heads, width, neurons))
        self.decoder = nn.Parameter(torch.empty(heads * neurons, width))
        self.embed = nn.Embedding(config.vocab_size, width)
        self.lm_head = nn.Parameter(torch.empty(width, config.vocab_size))
        self.attn = Positions(config)
        for weight in (self.encoder, self.encoder_v, self.decoder, self.embed.weight, self.lm_head):
            nn.init.normal_(weight, mean=0.0, std=0.02)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        targets: Int[Tensor, "B T"] | None = None,
        state: BDHState | None = None,
        mode: Mode | None = None,
        *,
        keep_state: bool = True,
        measure_every: int = 0,
    ) -> BDHOutput:
        """Read ``tokens`` after what ``state`` has read, and predict each next token.

        ``targets`` (next tokens, -100 for none) add the mean cross-entropy in nats. ``mode`` changes speed, never
        results; when not given it follows from the length. ``keep_state`` False skips writing the last memory.
        ``measure_every`` k > 0 reports the share of active x and y neurons of each layer, at every k-th token.
        Raises StateError for a state of another shape, ConfigError for empty or misshapen input and, on a CPU, for
        tokens outside the vocabulary (on a GPU the look would make every call wait).
        """
        if targets is not None and targets.shape != tokens.shape:
            raise ConfigError(
                f"targets have shape {tuple(targets.shape)}; expected that of tokens, {tuple(tokens.shape)}"
            )
        if targets is not None:
            check_ids(targets, self.config.vocab_size, self.device, name="targets")
        hidden, kept, activity = self.encode(tokens, state, mode, keep_state=keep_state, measure_every=measure_every)
        head = self._compiled[1] if self.training and self._compiled else self.head
        logits, loss = head(hidden, targets)
        return BDHOutput(logits, loss, kept, hidden, activity)

    def encode(
        self,
        tokens: Int[Tensor, "B T"],
        state: BDHState | None = None,
        mode: Mode | None = None,
        *,
        keep_state: bool = True,
        measure_every: int = 0,
        listen: "Listener | None" = None,
        overwrite_state: bool = False,
    ) -> tuple[Float[Tensor, "B T D"], BDHState | None, Float[Tensor, "L 2"] | None]:
        """Return the last hidden vectors, the state and the activity of ``forward``, without predicting anything.

        ``listen`` hears of each layer in turn: its neurons x and y (B, H, T, N) and its memory after the text.
        ``overwrite_state`` gives ``state`` away: its memory may become that of the state that is returned.
        """
        self._check(tokens, state, mode)
        check_ids(tokens, self.config.vocab_size, self.device, name="tokens")
        mode = mode or _choose_mode(tokens.shape[1])
        if mode == "chunkwise" and listen is None and not torch.is_grad_enabled():
            return self._encode_segments(tokens, state, keep_state, measure_every, overwrite_state)
        return self._encode_at_once(tokens, state, mode, keep_state, measure_every, listen)

    def _encode_at_once(
        self,
        tokens: Int[Tensor, "B T"],
        state: BDHState | None,
        mode: Mode,
        keep_state: bool,
        measure_every: int,
        listen: "Listener | None" = None,
    ) -> tuple[Float[Tensor, "B T D"], BDHState | None, Float[Tensor, "L 2"] | None]:
        """Return what ``encode`` returns, by the fused stages where they apply."""
        start = 0 if state is None else state.position
        memory, length = None if state is None else state.memory, tokens.shape[1]
        frequencies = self.attn.freqs.view(-1)
        if listen is None and self._fuses(length, mode):
            pairs = make_pair_rotation(frequencies, start=start, length=length, dtype=self._work_dtype())
            hidden, after, activity = self._fused_trunk(tokens, pairs, memory, mode, keep_state, measure_every)
        else:
            trunk = self._compiled[0] if self.training and self._compiled else self.trunk
            rotation = make_rotation(frequencies, start=start, length=length)
            hidden, after, activity = trunk(tokens, rotation, memory, mode, keep_state, measure_every, listen)
        kept = None if after is None else BDHState(after, start + length)
        return hidden, kept, activity

    def _encode_segments(
        self,
        tokens: Int[Tensor, "B T"],
        state: BDHState | None,
        keep_state: bool,
        measure_every: int,
        overwrite_state: bool,
    ) -> tuple[Float[Tensor, "B T D"], BDHState | None, Float[Tensor, "L 2"] | None]:
        """Return what ``encode`` returns without gradients, segment by segment: what is wide does not grow with T."""
        length, parts = tokens.shape[1], []
        for start, stop in fused.cut(length, measure_every, lambda whole: self._fuses(whole, "chunkwise")):
            kept = keep_state or stop < length
            piece = tokens[:, start:stop]
            if pieces.pays(self.device, len(tokens)):
                own = state if overwrite_state or start else state and state.fork()
                hidden, state, activity = self._encode_pieces(piece, own, measure_every)
            else:
                hidden, state, activity = self._encode_at_once(piece, state, "chunkwise", kept, measure_every)
            parts.append((hidden, activity))
        hidden = torch.cat([hidden for hidden, _ in parts], dim=1)
        state = state if keep_state else None
        if not measure_every:
            return hidden, state, None
        weights = [-(-hidden.shape[1] // measure_every) for hidden, _ in parts]
        shares = [share * weight for (_, share), weight in zip(parts, weights, strict=True) if share is not None]
        return hidden, state, torch.stack(shares).sum(dim=0) / sum(weights)

    def _encode_pieces(
        self, tokens: Int[Tensor, "1 T"], state: BDHState | None, measure_every: int
    ) -> tuple[Float[Tensor, "1 T D"], BDHState, Float[Tensor, "L 2"] | None]:
        """Return what ``encode`` returns on a processor; the memory of ``state`` becomes that of the state returned."""
        state = state or self.empty_state()
        length, wide = tokens.shape[1], torch.promote_types(self.encoder.dtype, torch.float32)
        memory = state.memory[:, 0].to(wide)
        hidden, activity = pieces.trunk(
            self.embedded(tokens)[0],
            self._of_layers(),
            make_turns(self.attn.freqs.view(-1), start=state.position, length=length, dtype=wide),
            memory,
            size=self.config.chunk_size,
            measure_every=measure_every,
        )
        return hidden[None], BDHState(memory[:, None], state.position + length), activity

    def head(
        self, hidden: Float[Tensor, "B T D"], targets: Int[Tensor, "B T"] | None
    ) -> tuple[Float[Tensor, "B T V"], Float[Tensor, ""] | None]:
        """Return the logits of the next tokens and, given ``targets``, the mean cross-entropy in nats."""
        logits = hidden.to(self.lm_head.dtype) @ self.lm_head
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten().long(), ignore_index=IGNORED)

    def trunk(
        self,
        tokens: Int[Tensor, "B T"],
        rotation: tuple[Float[Tensor, "T N"], Float[Tensor, "T N"]],
        memory: Float[Tensor, "L B H N D"] | None,
        mode: Mode,
        keep_state: bool,
        measure_every: int,
        listen: "Listener | None" = None,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "L B H N D"] | None, Float[Tensor, "L 2"] | None]:
        """Return the last hidden vectors, the memory after the text, and the activity: ``forward`` without the head.

        Free of Python integers that change from call to call, so that it can be compiled once.
        """
        attend = self._attention(mode, tokens.shape[1], keep_state)
        rotation = (rotation[0].to(self.encoder.dtype), rotation[1].to(self.encoder.dtype))
        v = self.embedded(tokens)
        memories, activities = [], []
        for layer in range(self.config.n_layer):
            before = None if memory is None else memory[layer]
            v, after, x, y = self.layer(v, rotation, before, attend)
            if listen is not None:
                listen(x, y, after)
            if after is not None:
                memories.append(after)
            if measure_every:
                activities.append(torch.stack([_share_active(neurons[:, :, ::measure_every]) for neurons in (x, y)]))
        stacked = torch.stack(memories) if memories else None
        return v, stacked, torch.stack(activities) if activities else None

    def _fuses(self, length: int, mode: Mode) -> bool:
        """Return whether the fused stages do a text of this length in ``mode``."""
        if mode == "recurrent":
            return False
        sizes = fused.Sizes(self._work_dtype(), self.device, self.config.n_embd, self.config.n_neurons)
        return fused.applies(
            sizes,
            length,
            chunkwise=mode == "chunkwise",
            gradients=torch.is_grad_enabled(),
            learned_decay=self.attn.decay_logit is not None,
        )

    def _fused_trunk(
        self,
        tokens: Int[Tensor, "B T"],
        rotation: Rotation,
        memory: Float[Tensor, "L B H N D"] | None,
        mode: Mode,
        keep_state: bool,
        measure_every: int,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "L B H N D"] | None, Float[Tensor, "L 2"] | None]:
        """Return what ``trunk`` returns."""
        return fused.trunk(
            self.embedded(tokens),
            self._of_layers(),
            rotation,
            memory,
            self._work_dtype(),
            layers=self.config.n_layer,
            count=fused.count_pieces(tokens.shape[1], chunkwise=mode == "chunkwise"),
            drop=self.config.dropout if self.training else 0.0,
            keep_state=keep_state,
            measure_every=measure_every,
        )

    def _of_layers(self) -> Parameters:
        return Parameters(self.encoder, self.encoder_v, self.decoder, self.attn.decay())

    def _work_dtype(self) -> torch.dtype:
        """Return the precision of matrix products: that of autocast where it is on, else that of the weights."""
        kind = self.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.encoder.dtype

    def embedded(self, tokens: Int[Tensor, "*B T"]) -> Float[Tensor, "*B T D"]:
        """Return what the first layer reads: the normalised vector of each token."""
        return normalise(self.embed(tokens))

    def layer(
        self,
        v: Float[Tensor, "B T D"],
        rotation: tuple[Float[Tensor, "T N"], Float[Tensor, "T N"]],
        memory: Float[Tensor, "B H N D"] | None,
        attend: "Attend",
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H N D"] | None, Tensor, Tensor]:
        """Apply steps 1 to 4 of one layer (Appendix E); ``attend`` is given rope(x), the values and ``memory``."""
        narrow = v.to(self.encoder.dtype)
        x = F.relu(narrow[:, None] @ self.encoder)  # (B, H, T, N)
        a, after = attend(rotate(x, rotation), narrow, memory)
        y = F.relu(normalise(a).to(self.encoder_v.dtype) @ self.encoder_v) * x
        kept = F.dropout(y, self.config.dropout, self.training)
        out = kept.transpose(1, 2).flatten(2) @ self.decoder  # (B, T, D)
        return normalise(v + normalise(out)), after, x, y

    def _attention(self, mode: Mode, length: int, keep_state: bool) -> "Attend":
        """Return the attention of ``mode`` with this model's settings bound; damping is made once for all layers."""
        decay, size = self.attn.decay(), self.config.chunk_size
        lengths = {length} if mode == "parallel" else chunkwise.piece_lengths(length, size)
        powers = None
        if decay is not None and mode != "recurrent":
            powers = {piece: parallel.make_damping(decay, piece, self.encoder.dtype) for piece in lengths}

        def attend(q: Tensor, v: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
            if mode == "parallel":
                own = None if powers is None else powers[length]
                return parallel.attend(q, v, memory, decay, write=keep_state, damping=own)
            if mode == "chunkwise":
                return chunkwise.attend(q, v, memory, decay, chunk_size=size, write=keep_state, damping=powers)
            if memory is None:
                memory = torch.zeros(*q.shape[:2], q.shape[3], v.shape[2], dtype=torch.float32, device=q.device)
            attended, after = recurrent.attend(q, v, memory, decay)
            return attended, after if keep_state else None

        return attend

    def _check(self, tokens: Tensor, state: BDHState | None, mode: Mode | None) -> None:
        check_call(tokens, mode)
        if state is not None:
            state.check(self.config, tokens.shape[0])
            if state.memory.device != tokens.device:
                raise StateError(f"state is on {state.memory.device}, tokens on {tokens.device}; move one of them")

    def compile_training(self) -> None:
        """Compile the layers and the head for training with torch.compile; evaluation, of any shape, stays plain."""
        self._compiled = (torch.compile(self.trunk, dynamic=False), torch.compile(self.head, dynamic=False))

    @torch.no_grad()
    def probe(self, tokens: Int[Tensor, "B T"]) -> Probe:
        """Return the shares of active x and y on ``tokens``, and the Frobenius norm of a layer's memory after them."""
        with evaluating(self):
            _, state, activity = self.encode(tokens, mode="parallel", measure_every=1)
        assert state is not None and activity is not None
        active_x, active_y = activity.mean(dim=0).tolist()
        return Probe(active_x, active_y, float(state.norm().mean()))

    def empty_state(self, batch_size: int = 1) -> BDHState:
        """Return an empty memory on the model's device."""
        return BDHState.empty(self.config, batch_size, device=self.lm_head.device)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.lm_head.device


Attend = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
Listener = Callable[[Tensor, Tensor, Tensor | None], None]


def check_call(tokens: Tensor, mode: Mode | None) -> None:
    """Raise ConfigError unless ``tokens`` are (B, T) with a token in them, and ``mode`` is one of ``MODES`` or None."""
    if tokens.dim() != 2 or tokens.numel() == 0:
        raise ConfigError(f"tokens have shape {tuple(tokens.shape)}; expected (B, T) with at least one token")
    if mode is not None and mode not in MODES:
        raise ConfigError(f"mode is {mode!r}; it must be one of {', '.join(MODES)}")


def check_ids(ids: Tensor, vocab_size: int, device: torch.device, *, name: str) -> None:
    """Raise ConfigError unless ``ids`` are whole numbers on ``device`` and, on the CPU, inside the vocabulary.

    ``name`` is tokens or targets; targets may hold ``IGNORED``.
    """
    if ids.dtype not in (torch.int64, torch.int32):
        raise ConfigError(f"{name} are of {ids.dtype}; expected torch.int64 or torch.int32")
    if ids.device != device:
        raise ConfigError(f"{name} are on {ids.device}, the model is on {device}; move one of them")
    if ids.device.type == "cpu":
        check_range(ids if name == "tokens" else ids[ids != IGNORED], vocab_size, name=name)


def check_range(tokens: Int[Tensor, "..."], vocab_size: int, *, name: str = "tokens") -> None:
    """Raise ConfigError unless every token is one of the vocabulary."""
    if tokens.numel() == 0:
        return
    low, high = (int(bound) for bound in torch.aminmax(tokens))
    if low < 0 or high >= vocab_size:
        raise ConfigError(f"{name} run from {low} to {high}; the vocabulary has 0 to {vocab_size - 1}")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout off inside the block, and back to what it was after."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _choose_mode(length: int) -> Mode:
    if length == 1:
        return "recurrent"
    return "parallel" if length <= _PARALLEL_UP_TO else "chunkwise"


def _share_active(neurons: Tensor) -> Tensor:
    return (neurons > 0).float().mean()
