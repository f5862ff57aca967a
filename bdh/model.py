"""BDH-GPU: the published Dragon Hatchling language model (arXiv 2509.26507, Appendix E) with an explicit state.

Names in code, symbols in the paper, and where they are used (docs/equations.md has all of them):

    encoder    D_x  (H, D, N)        x = relu(v D_x)                             step 1, ``BDH.layer``
    encoder_v  D_y  (H, D, N)        y = relu(LN(a) D_y) * x                     step 3
    decoder    E    (H * N, D)       v = LN(v + LN(y E))                         step 4
    x, y            (B, H, T, N)     sparse positive activations of the neurons
    v               (B, T, D)        values; LN(embed(tokens)) for the first layer
    q               (B, H, T, N)     rope(x): the keys equal the queries
    a               (B, H, T, D)     a_t = sum over s < t of decay^(t-s) (q_t . q_s) v_s   step 2, ``bdh/ops/``
    memory     rho  (L, B, H, N, D)  S = decay (S + q_t outer v_t), Definition 4
    decay      U    (H,)             damping per token, one factor per head; None for the published form
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from bdh import backends
from bdh.backends import MODES, Attend, Encoded, Inputs, LayerObserver, Mode, Options
from bdh.config import BDHConfig
from bdh.errors import ConfigError, StateError
from bdh.ops.documents import find_begins
from bdh.ops.layer import normalise
from bdh.ops.rotary import rotate
from bdh.rotary_buffers import RotaryBuffers
from bdh.shapes import Bool, Float, Int, Tensor
from bdh.state import BDHState, State

IGNORED = -100


@dataclass(frozen=True)
class BDHOutput:
    """The result of one call; see ``BDH.forward``.

    ``state`` is None only when called with ``keep_state=False``, ``activity`` when ``measure_every`` is 0.
    """

    logits: Float[Tensor, "B T V"]
    loss: Float[Tensor, ""] | None
    state: State | None
    hidden: Float[Tensor, "B T D"]
    activity: Float[Tensor, "L 2"] | None = None


class Probe(NamedTuple):
    """Health of a model on a text: shares of active neurons, Frobenius norm of a layer's memory, mean gain if any."""

    active_x: float
    active_y: float
    state_norm: float
    gain: float | None = None


class BDH(nn.Module):
    """A stateful BDH language model; all layers share one set of weights.

    Parameter names and shapes are those of the official implementation, so that its state dict loads unchanged:
    ``encoder`` (H, D, N), ``encoder_v`` (H, D, N), ``decoder`` (H * N, D), ``embed.weight`` (V, D), ``lm_head`` (D, V),
    ``attn.freqs`` (1, 1, 1, N).
    """

    def __init__(self, config: BDHConfig) -> None:
        super().__init__()
        self.config = config
        self.gradient_checkpointing = False
        self._compiled: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        heads, width, neurons = config.n_head, config.n_embd, config.n_neurons
        self.encoder = nn.Parameter(torch.empty(heads, width, neurons))
        self.encoder_v = nn.Parameter(torch.empty(heads, width, neurons))
        self.decoder = nn.Parameter(torch.empty(heads * neurons, width))
        self.embed = nn.Embedding(config.vocab_size, width)
        self.lm_head = nn.Parameter(torch.empty(width, config.vocab_size))
        self.attn = RotaryBuffers(config)
        for weight in (self.encoder, self.encoder_v, self.decoder, self.embed.weight, self.lm_head):
            nn.init.normal_(weight, mean=0.0, std=0.02)

    def forward(
        self,
        tokens: Inputs,
        targets: Int[Tensor, "B T"] | None = None,
        state: BDHState | None = None,
        mode: Mode | None = None,
        *,
        keep_state: bool = True,
        measure_every: int = 0,
        observe: LayerObserver | None = None,
        documents: Int[Tensor, "B T"] | None = None,
    ) -> BDHOutput:
        """Read ``tokens`` as the continuation of ``state``, and predict each next token.

        Instead of tokens their embeddings (B, T, D) may be given, as ``embed`` returns them.
        ``targets`` (next tokens, -100 to ignore one) add the mean cross-entropy in nats. ``mode`` changes speed, never
        results; by default it is chosen by length. ``keep_state=False`` skips the last write to the memory.
        ``measure_every`` k > 0 reports the share of active x and y neurons of each layer, at every k-th token;
        ``observe`` is that of ``encode``. With the attribute ``gradient_checkpointing`` True the backward pass computes
        each layer again instead of storing it. ``documents`` are ids, one per token: where the id changes a document
        ends, and the next starts from an empty memory as if it were read alone; the first of a row continues ``state``,
        the last is in the state returned. Raises StateError for a state of another shape, ConfigError for empty or
        misshapen input and, on a CPU, for tokens outside the vocabulary (on a GPU the check would synchronise every
        call).
        """
        if targets is not None and targets.shape != tokens.shape[:2]:
            raise ConfigError(
                f"targets have shape {tuple(targets.shape)}; expected that of tokens, {tuple(tokens.shape[:2])}"
            )
        if targets is not None:
            check_ids(targets, self.config.vocab_size, self.device, name="targets")
        hidden, after, activity = self.encode(
            tokens,
            state,
            mode,
            keep_state=keep_state,
            measure_every=measure_every,
            observe=observe,
            documents=documents,
        )
        head = self._compiled[1] if self.training and self._compiled else self.head
        logits, loss = head(hidden, targets)
        return BDHOutput(logits, loss, after, hidden, activity)

    def encode(
        self,
        tokens: Inputs,
        state: BDHState | None = None,
        mode: Mode | None = None,
        *,
        keep_state: bool = True,
        measure_every: int = 0,
        observe: LayerObserver | None = None,
        overwrite_state: bool = False,
        documents: Int[Tensor, "B T"] | None = None,
    ) -> Encoded:
        """Return the last hidden vectors, the state and the activity of ``forward``, without the head.

        ``observe`` is called for each layer in turn with its input v (B, T, D), its neurons x and y (B, H, T, N) and
        its memory after the text. ``overwrite_state`` allows the memory of ``state`` to be reused for the state that is
        returned.
        """
        self._check(tokens, state, mode)
        mode = mode or backends.choose_mode(tokens.shape[1])
        trunk = self._compiled[0] if self.training and self._compiled else self.trunk
        begins = None if documents is None else checked_begins(documents, tokens)
        options = Options(mode, keep_state, measure_every, observe, overwrite_state, begins)
        return backends.encode(self, trunk, tokens, state, options)

    def trunk(
        self,
        tokens: Inputs,
        rotation: tuple[Float[Tensor, "T N"], Float[Tensor, "T N"]],
        memory: Float[Tensor, "L B H N D"] | None,
        mode: Mode,
        keep_state: bool,
        measure_every: int,
        observe: LayerObserver | None = None,
        begins: Bool[Tensor, "B T"] | None = None,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "L B H N D"] | None, Float[Tensor, "L 2"] | None]:
        """Return the last hidden vectors, the memory after the text, and the activity, from layer after layer.

        Free of Python integers that change from call to call, so that it is compiled only once.
        """
        attend = backends.make_attend(
            mode,
            tokens.shape[1],
            self.attn.decay(),
            chunk_size=self.config.chunk_size,
            dtype=self.encoder.dtype,
            keep_state=keep_state,
            begins=begins,
        )
        rotation = (rotation[0].to(self.encoder.dtype), rotation[1].to(self.encoder.dtype))
        v = self.embedded(tokens)
        memories, activities, weights = [], [], (self.encoder, self.encoder_v, self.decoder)
        for layer in range(self.config.n_layer):
            before, inward = None if memory is None else memory[layer], v
            if self.gradient_checkpointing and torch.is_grad_enabled():
                v, after, x, y = checkpoint(self.layer, v, rotation, before, attend, weights, use_reentrant=False)
            else:
                v, after, x, y = self.layer(v, rotation, before, attend, weights)
            if observe is not None:
                observe(inward, x, y, after)
            if after is not None:
                memories.append(after)
            if measure_every:
                activities.append(torch.stack([_share_active(neurons[:, :, ::measure_every]) for neurons in (x, y)]))
        stacked = torch.stack(memories) if memories else None
        return v, stacked, torch.stack(activities) if activities else None

    def embedded(self, tokens: Int[Tensor, "*B T"] | Float[Tensor, "*B T D"]) -> Float[Tensor, "*B T D"]:
        """Return the input of the first layer: the normalised embedding of each token, or vectors that replace it."""
        return normalise(tokens if tokens.is_floating_point() else self.embed(tokens))

    def layer(
        self,
        v: Float[Tensor, "B T D"],
        rotation: tuple[Float[Tensor, "T N"], Float[Tensor, "T N"]],
        memory: Float[Tensor, "B H N D"] | None,
        attend: Attend,
        weights: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H N D"] | None, Tensor, Tensor]:
        """Apply steps 1 to 4 of one layer (Appendix E); return v, the memory after the text, x and y.

        ``weights`` are the three matrices, for a caller that computes the layer again when they may have changed.
        """
        encoder, encoder_v, decoder = weights or (self.encoder, self.encoder_v, self.decoder)
        narrow = v.to(encoder.dtype)
        x = F.relu(narrow[:, None] @ encoder)  # (B, H, T, N)
        a, after = attend(rotate(x, rotation), narrow, memory)
        y = F.relu(normalise(a).to(encoder_v.dtype) @ encoder_v) * x
        dropped = F.dropout(y, self.config.dropout, self.training)
        out = dropped.transpose(1, 2).flatten(2) @ decoder  # (B, T, D)
        return normalise(v + normalise(out)), after, x, y

    def head(
        self, hidden: Float[Tensor, "B T D"], targets: Int[Tensor, "B T"] | None
    ) -> tuple[Float[Tensor, "B T V"], Float[Tensor, ""] | None]:
        """Return the logits of the next tokens and, given ``targets``, the mean cross-entropy in nats."""
        logits = hidden.to(self.lm_head.dtype) @ self.lm_head
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten().long(), ignore_index=IGNORED)

    def _check(self, tokens: Tensor, state: BDHState | None, mode: Mode | None) -> None:
        embeddings = tokens.dim() == 3 and tokens.is_floating_point() and tokens.shape[2] == self.config.n_embd
        check_call(tokens[..., 0] if embeddings else tokens, mode)
        if not embeddings:
            check_ids(tokens, self.config.vocab_size, self.device, name="tokens")
        if state is not None:
            state.check(self.config, tokens.shape[0])
            if state.memory.device != tokens.device:
                raise StateError(f"state is on {state.memory.device}, tokens on {tokens.device}; move one of them")

    def compile_training(self) -> None:
        """Compile trunk and head with torch.compile for training; evaluation, of any shape, is not compiled."""
        self._compiled = (torch.compile(self.trunk, dynamic=False), torch.compile(self.head, dynamic=False))

    def think(
        self,
        state: BDHState,
        hidden: Float[Tensor, "B D"],
        *,
        steps: int,
        targets: Int[Tensor, "B"] | None = None,
        write: bool = True,
    ) -> BDHOutput:
        """Take ``steps`` latent steps between a question and its answer, without a token (arXiv 2608.09888).

        Each step reads the last hidden vector in the place of a token's embedding, the first one ``hidden``, which is
        that of the question's last token (``output.hidden[:, -1]``). The result has a vector and a prediction for each
        step; ``targets``, the first token of each answer, add the mean cross-entropy over all steps. With ``write`` a
        step takes a position and is remembered, as a token is; without, ``state`` is returned as it was.
        Raises ConfigError for fewer than one step, StateError for a state of another shape.
        """
        if steps < 1:
            raise ConfigError(f"steps is {steps}; it must be at least 1")
        hiddens = []
        for _ in range(steps):
            vector, after, _ = self.encode(hidden[:, None], state, "recurrent", keep_state=write)
            hidden, state = vector[:, 0], after or state
            hiddens.append(hidden)
        thought = torch.stack(hiddens, dim=1)
        logits, loss = self.head(thought, None if targets is None else targets[:, None].expand(-1, steps))
        return BDHOutput(logits, loss, state, thought)

    @torch.no_grad()
    def probe(self, tokens: Int[Tensor, "B T"]) -> Probe:
        """Return the shares of active x and y on ``tokens``, and the Frobenius norm of a layer's memory after them."""
        with evaluating(self):
            _, state, activity = self.encode(tokens, mode="parallel", measure_every=1)
        assert state is not None and activity is not None
        active_x, active_y = activity.mean(dim=0).tolist()
        return Probe(active_x, active_y, float(state.norm().mean()))

    def empty_state(self, batch_size: int = 1) -> BDHState:
        """Return the state before the first token, on the model's device."""
        return BDHState.empty(self.config, batch_size, device=self.lm_head.device)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.lm_head.device


def check_call(tokens: Tensor, mode: Mode | None) -> None:
    """Raise ConfigError unless ``tokens`` are (B, T) and not empty, and ``mode`` is one of ``MODES`` or None."""
    if tokens.dim() != 2 or tokens.numel() == 0:
        raise ConfigError(f"tokens have shape {tuple(tokens.shape)}; expected (B, T) with at least one token")
    if mode is not None and mode not in MODES:
        raise ConfigError(f"mode is {mode!r}; it must be one of {', '.join(MODES)}")


def checked_begins(documents: Tensor, tokens: Tensor) -> Bool[Tensor, "B T"]:
    """Return which tokens begin a document; raises ConfigError unless ``documents`` are one integer per token."""
    if documents.shape != tokens.shape[:2] or documents.is_floating_point():
        raise ConfigError(
            f"documents are {documents.dtype} of shape {tuple(documents.shape)}; expected an integer id for each token "
            f"of {tuple(tokens.shape)}"
        )
    return find_begins(documents.to(tokens.device))


def check_ids(ids: Tensor, vocab_size: int, device: torch.device, *, name: str) -> None:
    """Raise ConfigError unless ``ids`` are integers on ``device`` and, on the CPU, inside the vocabulary.

    ``name`` is "tokens" or "targets"; targets may contain ``IGNORED``.
    """
    if ids.dtype not in (torch.int64, torch.int32):
        raise ConfigError(f"{name} are of {ids.dtype}; expected torch.int64 or torch.int32")
    if ids.device != device:
        raise ConfigError(f"{name} are on {ids.device}, the model is on {device}; move one of them")
    if ids.device.type == "cpu":
        check_range(ids if name == "tokens" else ids[ids != IGNORED], vocab_size, name=name)


def check_range(tokens: Int[Tensor, "..."], vocab_size: int, *, name: str = "tokens") -> None:
    """Raise ConfigError unless every token is in the vocabulary."""
    if tokens.numel() == 0:
        return
    low, high = (int(bound) for bound in torch.aminmax(tokens))
    if low < 0 or high >= vocab_size:
        raise ConfigError(f"{name} run from {low} to {high}; the vocabulary has 0 to {vocab_size - 1}")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put ``model`` into evaluation mode inside the block, and back into its earlier mode afterwards."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _share_active(neurons: Tensor) -> Tensor:
    return (neurons > 0).float().mean()
