"""Sampling: an iterator of tokens from a state; constant time and memory per token."""

import math
from collections.abc import Iterator, Sequence

import torch

from bdh.decoding import SparseStepper, TritonStepper, make_stepper
from bdh.errors import ConfigError
from bdh.model import BDHOutput, check_range, evaluating
from bdh.neuro.model import LanguageModel
from bdh.shapes import Float, Int, Tensor
from bdh.state import State

_PROMPT_SEGMENT = 1024


class Generation(Iterator[int]):
    """An iterator of sampled tokens, each read by the fastest stepper (``make_stepper``)."""

    def __init__(
        self,
        model: LanguageModel,
        logits: Float[Tensor, "V"],
        state: State,
        *,
        limit: int,
        temperature: float,
        top_k: int,
        seed: int,
    ) -> None:
        self._state = state
        self._model = model
        self._stepper: TritonStepper | SparseStepper | None = None
        self._logits = logits
        self._left = limit
        self._temperature = temperature
        self._top_k = top_k
        self._generator = torch.Generator(device=logits.device).manual_seed(seed)

    @torch.inference_mode()
    def __next__(self) -> int:
        """Sample the next token, and read it."""
        if self._left == 0:
            raise StopIteration
        self._left -= 1
        if isinstance(self._stepper, TritonStepper):
            token = int(self._stepper.drawn)
            self._stepper.step(self._stepper.drawn)
            return token
        drawn = self._draw(self._logits[None])
        if self._stepper is None:
            self._stepper = make_stepper(self._model, self._state, self._draw, self._generator)
        if self._stepper is not None:
            self._logits = self._stepper.step(drawn)[0]
            return int(drawn)
        with evaluating(self._model):
            output: BDHOutput = self._model(drawn.view(1, 1), state=self._state, mode="recurrent")
        assert output.state is not None
        self._state, self._logits = output.state, output.logits[0, -1]
        return int(drawn)

    @property
    def state(self) -> State:
        """The state after the last token that the model has read."""
        return self._state if self._stepper is None else self._stepper.state

    def _draw(self, logits: Float[Tensor, "B V"]) -> Int[Tensor, "B"]:
        """Return the most likely tokens at temperature 0, otherwise a sample of the ``top_k`` most likely ones.

        Only steps that a CUDA graph can capture: argmax of p / e, with e exponential, is a sample of p.
        """
        logits = logits.float()
        if self._temperature == 0:
            return logits.argmax(-1)
        logits = (logits - logits.amax(-1, keepdim=True)) / self._temperature  # the maximum at 0: no overflow
        if 0 < self._top_k < logits.shape[-1]:
            logits = logits.masked_fill(logits < logits.topk(self._top_k).values[:, -1:], -torch.inf)
        chance = torch.empty_like(logits).exponential_(generator=self._generator)
        return (logits.softmax(-1) / chance).argmax(-1)


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prompt: Sequence[int],
    *,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
    state: State | None = None,
) -> Generation:
    """Read ``prompt`` as the continuation of ``state``; return an iterator of up to ``max_new_tokens`` tokens.

    ``top_k`` 0 samples from the whole vocabulary; ``temperature`` 0 is greedy. Dropout is off in any mode of the
    model. Raises ConfigError for an empty prompt, a token outside the vocabulary, or a setting that is not valid.
    """
    if not len(prompt):
        raise ConfigError("the prompt is empty; give at least one token")
    if not 0 <= temperature < math.inf or top_k < 0 or max_new_tokens < 0 or not 0 <= seed < 2**63:
        raise ConfigError(
            f"temperature {temperature}, top_k {top_k}, max_new_tokens {max_new_tokens}, seed {seed}: "
            "none may be negative or infinite"
        )
    tokens = torch.tensor([list(prompt)])
    check_range(tokens, model.config.vocab_size, name="tokens of the prompt")
    logits, state = _read(model, tokens, state)
    return Generation(model, logits, state, limit=max_new_tokens, temperature=temperature, top_k=top_k, seed=seed)


def _read(model: LanguageModel, tokens: Int[Tensor, "1 T"], state: State | None) -> tuple[Float[Tensor, "V"], State]:
    """Read a prompt of any length in segments, so that the memory in use does not grow with it."""
    for start in range(0, tokens.shape[1], _PROMPT_SEGMENT):
        segment = tokens[:, start : start + _PROMPT_SEGMENT].to(model.device)
        with evaluating(model):
            output: BDHOutput = model(segment, state=state)
        state = output.state
    assert state is not None
    return output.logits[0, -1], state
