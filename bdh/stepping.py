"""Generation one token a call: a captured graph on a GPU, only active neurons on a processor; at any length of text."""

import importlib
import importlib.util
from collections.abc import Callable

import torch
import torch.nn.functional as F

from bdh.model import BDH
from bdh.ops import sparse_step, whole
from bdh.ops.rotary import make_rotation
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState


class Stepper:
    """A model that reads one token a call, for a fixed batch, with a memory of its own that it changes in place.

    The graph holds the model's weights as they were when it was made. Where ``draw`` is given, each step also draws the
    next token of every text from its logits, with ``generator``, into ``drawn`` (B,).
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: BDH,
        state: BDHState,
        draw: Callable[[Float[Tensor, "B V"]], Int[Tensor, "B"]] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self._kernels = importlib.import_module("bdh.ops.step_kernels")
        self._model, self._memory = model, state.memory.clone()
        device, config = model.device, model.config
        self._weights = whole.arrange(model.encoder, model.encoder_v, model.decoder, model.encoder.dtype)
        self._room = self._kernels.Room.make(self._weights, state.batch_size)
        self._decay = model.attn.decay()
        self._token = torch.zeros(state.batch_size, dtype=torch.int64, device=device)
        self._position = torch.full((1,), state.position, dtype=torch.int64, device=device)
        self._count = state.position
        self._logits = model.lm_head.new_empty(state.batch_size, config.vocab_size)
        self._draw, self._generator = draw, generator
        self.drawn = torch.zeros_like(self._token)
        self._graph = self._capture(state) if device.type == "cuda" else None

    def _capture(self, state: BDHState) -> torch.cuda.CUDAGraph:
        """Run once beside the main stream, so that kernels are built; then capture, and put memory and place back."""
        chance = None if self._generator is None else self._generator.get_state()
        aside = torch.cuda.Stream(self._model.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(self._model.device))
        with torch.cuda.stream(aside):
            self._run()
        torch.cuda.current_stream(self._model.device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        if self._generator is not None:
            graph.register_generator_state(self._generator)
        with torch.cuda.graph(graph):
            self._run()
        self._memory.copy_(state.memory)
        self._position.fill_(state.position)
        if self._generator is not None and chance is not None:
            self._generator.set_state(chance)
        return graph

    def _run(self) -> None:
        model = self._model
        v = F.layer_norm(model.embed(self._token).float(), (model.config.n_embd,), eps=1e-5)
        frequencies = model.attn.freqs.view(-1)
        for memory in self._memory:
            self._kernels.step(v, self._weights, frequencies, self._position, memory, self._decay, self._room)
        torch.mm(v.to(model.lm_head.dtype), model.lm_head, out=self._logits)
        self._position.add_(1)
        if self._draw is not None:
            self.drawn.copy_(self._draw(self._logits))

    @torch.inference_mode()
    def step(self, tokens: Int[Tensor, "B"]) -> Float[Tensor, "B V"]:
        """Read one token a text and return the logits of the next; the result is overwritten by the next call."""
        self._token.copy_(tokens)
        if self._graph is None:
            self._run()
        else:
            self._graph.replay()
        self._count += 1
        return self._logits

    @property
    def state(self) -> BDHState:
        """A copy of the memory after the last token."""
        return BDHState(self._memory.clone(), self._count)


class SparseStepper:
    """A model on a processor that reads one token of one text a call; only active neurons touch memory and weights.

    It holds the model's weights as they were when it was made, and a memory of its own that it changes in place.
    """

    @torch.inference_mode()
    def __init__(self, model: BDH, state: BDHState) -> None:
        self._model, self._memory, self._count = model, state.memory.clone(), state.position
        self._weights = whole.arrange(model.encoder, model.encoder_v, model.decoder, model.encoder.dtype)
        self._factors = torch.ones(model.config.n_layer, model.config.n_head)
        self._decay = model.attn.decay()

    @torch.inference_mode()
    def step(self, tokens: Int[Tensor, "1"]) -> Float[Tensor, "1 V"]:
        """Read one token and return the logits of the next."""
        model = self._model
        rotation = make_rotation(model.attn.freqs.view(-1), start=self._count, length=1)
        v = model.embedded(tokens[None])[0]
        for memory, factors in zip(self._memory, self._factors, strict=True):
            v = sparse_step.step(v, self._weights, rotation, memory, self._decay, factors)
        self._count += 1
        logits: Tensor = v.to(model.lm_head.dtype) @ model.lm_head
        return logits

    @property
    def state(self) -> BDHState:
        """A copy of the memory after the last token."""
        return BDHState(self._memory * self._factors[:, None, :, None, None], self._count)


def make_stepper(
    model: object,
    state: object,
    draw: Callable[[Float[Tensor, "B V"]], Int[Tensor, "B"]] | None = None,
    generator: torch.Generator | None = None,
) -> Stepper | SparseStepper | None:
    """Return the fastest way to read one token a call, or None where that is the model's own recurrent mode."""
    if not isinstance(model, BDH) or not isinstance(state, BDHState):
        return None
    if can_step(model, state):
        return Stepper(model, state, draw, generator)
    numbers = model.config.n_neurons_total * model.config.n_embd
    if sparse_step.pays(model.device, state.batch_size, model.encoder.dtype, numbers):
        return SparseStepper(model, state)
    return None


def can_step(model: BDH, state: BDHState) -> bool:
    """Return whether a ``Stepper`` works here: 16-bit weights on a GPU with Triton, sizes without remainder."""
    if model.device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return False
    kernels = importlib.import_module("bdh.ops.step_kernels")
    narrow = model.encoder.dtype in (torch.bfloat16, torch.float16)
    fits: bool = narrow and kernels.fits(model.config.n_neurons, model.config.n_embd)
    return fits and state.memory.dtype == torch.float32
