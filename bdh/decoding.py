"""Read one token per call: a captured graph on a GPU, or active neurons only on a CPU; constant cost per token."""

import importlib
from collections.abc import Callable

import torch
import torch.nn.functional as F

from bdh.model import BDH
from bdh.ops import decode_sparse, fused_layer
from bdh.ops.kernels import find_kernels
from bdh.ops.rotary import make_rotation
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState


class TritonStepper:
    """Read one token per call for a fixed batch, by Triton kernels; the stepper has its own memory.

    After a change of the model's weights make a new stepper: some are copied, some are not. If ``draw`` is given, each
    step also draws the next token of every text from its logits, with ``generator``, into ``drawn`` (B,).
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: BDH,
        state: BDHState,
        draw: Callable[[Float[Tensor, "B V"]], Int[Tensor, "B"]] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self._kernels = importlib.import_module("bdh.ops.decode_triton")
        self._model, self._memory = model, state.memory.clone()
        device, config = model.device, model.config
        self._weights = fused_layer.arrange(model.encoder, model.encoder_v, model.decoder, model.encoder.dtype)
        self._buffers = self._kernels.Buffers.make(self._weights, state.batch_size)
        self._decay = model.attn.decay()
        self._token = torch.zeros(state.batch_size, dtype=torch.int64, device=device)
        self._position = torch.full((1,), state.position, dtype=torch.int64, device=device)
        self._count = state.position
        self._logits = model.lm_head.new_empty(state.batch_size, config.vocab_size)
        self._draw, self._generator = draw, generator
        self.drawn = torch.zeros_like(self._token)
        self._graph = self._capture(state) if device.type == "cuda" else None

    def _capture(self, state: BDHState) -> torch.cuda.CUDAGraph:
        """Run once on a side stream to compile the kernels; then capture, and restore memory and position."""
        random_state = None if self._generator is None else self._generator.get_state()
        side = torch.cuda.Stream(self._model.device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._model.device))
        with torch.cuda.stream(side):
            self._run()
        torch.cuda.current_stream(self._model.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        if self._generator is not None:
            graph.register_generator_state(self._generator)
        with torch.cuda.graph(graph):
            self._run()
        self._memory.copy_(state.memory)
        self._position.fill_(state.position)
        if self._generator is not None and random_state is not None:
            self._generator.set_state(random_state)
        return graph

    def _run(self) -> None:
        model = self._model
        v = F.layer_norm(model.embed(self._token).float(), (model.config.n_embd,), eps=1e-5)
        frequencies = model.attn.freqs.view(-1)
        for memory in self._memory:
            self._kernels.step(v, self._weights, frequencies, self._position, memory, self._decay, self._buffers)
        torch.mm(v.to(model.lm_head.dtype), model.lm_head, out=self._logits)
        self._position.add_(1)
        if self._draw is not None:
            self.drawn.copy_(self._draw(self._logits))

    @torch.inference_mode()
    def step(self, tokens: Int[Tensor, "B"]) -> Float[Tensor, "B V"]:
        """Read one token per text and return the logits of the next; the next call overwrites the result."""
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
    """Read one token of one text per call on a CPU, using active neurons only; the stepper has its own memory.

    After a change of the model's weights make a new stepper: some are copied, some are not.
    """

    @torch.inference_mode()
    def __init__(self, model: BDH, state: BDHState) -> None:
        self._model, self._memory, self._count = model, state.memory.clone(), state.position
        self._weights = fused_layer.arrange(model.encoder, model.encoder_v, model.decoder, model.encoder.dtype)
        self._factors = torch.ones(model.config.n_layer, model.config.n_head)
        self._decay = model.attn.decay()

    @torch.inference_mode()
    def step(self, tokens: Int[Tensor, "1"]) -> Float[Tensor, "1 V"]:
        """Read one token and return the logits of the next."""
        model = self._model
        rotation = make_rotation(model.attn.freqs.view(-1), start=self._count, length=1)
        v = model.embedded(tokens[None])[0]
        for memory, factors in zip(self._memory, self._factors, strict=True):
            v = decode_sparse.step(v, self._weights, rotation, memory, self._decay, factors)
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
) -> TritonStepper | SparseStepper | None:
    """Return the fastest way to read one token per call, or None if that is the model's own recurrent mode."""
    if not isinstance(model, BDH) or not isinstance(state, BDHState):
        return None
    if triton_applies(model, state):
        return TritonStepper(model, state, draw, generator)
    numbers = model.config.n_neurons_total * model.config.n_embd
    if decode_sparse.applies(model.device, state.batch_size, model.encoder.dtype, numbers):
        return SparseStepper(model, state)
    return None


def triton_applies(model: BDH, state: BDHState) -> bool:
    """Return whether ``TritonStepper`` can be used: 16-bit weights on a GPU with Triton, sizes without remainder."""
    kernels = find_kernels("decode_triton", model.device, instead="tokens are generated by the plain recurrent mode")
    narrow = model.encoder.dtype in (torch.bfloat16, torch.float16) and state.memory.dtype == torch.float32
    return kernels is not None and narrow and bool(kernels.fits(model.config.n_neurons, model.config.n_embd))
