"""A BDH model as a model of lm-evaluation-harness: a context is read once, and each answer continues its state."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from lm_eval import simple_evaluate
from lm_eval.api.model import TemplateLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import make_table

from bdh.errors import ConfigError
from bdh.generation import generate
from bdh.neuro.model import LanguageModel
from bdh.shapes import Float, Tensor
from bdh.state import State
from bdh.tokenizer import Tokenizer

_SEGMENT = 1024
_LENGTH = 256
_SAMPLING = {"do_sample", "temperature", "top_k"}


class HarnessModel(TemplateLM):  # type: ignore[misc]
    """Scores and generates for the tasks of the harness; no text is ever truncated.

    The model has no token for the begin of a text: the first token is scored after a line break.
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._model, self._tokens = model.eval(), tokenizer
        self._device = model.device
        self._read_context = lru_cache(maxsize=1)(self._read)  # the answers to a question follow each other

    @property
    def eot_token_id(self) -> int:
        """The token of a line break, in place of one for the end of a text."""
        return self._tokens.encode("\n")[0]

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Return the tokens of a text."""
        return self._tokens.encode(string)

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[tuple[str, str], list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        answers = []
        for request, context, continuation in requests:
            answers.append(self._score(context, continuation))
            self.cache_hook.add_partial("loglikelihood", request, answers[-1])
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Return the log-likelihood of each whole text, in nats."""
        scores = []
        for (text,) in (request.args for request in requests):
            scores.append(self._score([self.eot_token_id], self._tokens.encode(text))[0])
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), scores[-1])
        return scores

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return what the model writes after each context, up to the first stop sequence."""
        texts = []
        for context, settings in (request.args for request in requests):
            texts.append(self._write(context, settings))
            self.cache_hook.add_partial("generate_until", (context, settings), texts[-1])
        return texts

    @torch.inference_mode()
    def _read(self, tokens: tuple[int, ...]) -> tuple[Float[Tensor, "V"], State]:
        """Return the logits and the state after ``tokens``."""
        state: State | None = None
        for segment in self._segments(tokens):
            output = self._model(segment, state=state)
            state = output.state
        assert state is not None
        return output.logits[0, -1], state

    @torch.inference_mode()
    def _score(self, context: Sequence[int], continuation: Sequence[int]) -> tuple[float, bool]:
        """Return the log-likelihood of the continuation, and whether each of its tokens is the most likely one."""
        last, state = self._read_context(tuple(context))
        total, greedy = 0.0, True
        for segment in self._segments(continuation):
            output = self._model(segment, state=state)
            logits = torch.cat([last[None], output.logits[0, :-1]]).float()
            total += float(logits.log_softmax(-1).gather(1, segment.T).sum())
            greedy = greedy and bool((logits.argmax(-1) == segment[0]).all())
            last, state = output.logits[0, -1], output.state
        return total, greedy

    def _segments(self, tokens: Sequence[int]) -> Iterator[Tensor]:
        for start in range(0, len(tokens), _SEGMENT):
            yield torch.tensor([list(tokens[start : start + _SEGMENT])], device=self._device)

    def _write(self, context: str, settings: Mapping[str, Any]) -> str:
        wishes = dict(settings)
        stops, limit = wishes.pop("until", []), int(wishes.pop("max_gen_toks", _LENGTH))
        stops = [stops] if isinstance(stops, str) else list(stops)
        prompt = self._tokens.encode(context) or [self.eot_token_id]
        made: list[int] = []
        text = ""
        for token in generate(self._model, prompt, max_new_tokens=limit, **_sampling(wishes)):
            made.append(token)
            text = self._tokens.decode(made)
            ends = [text.index(stop) for stop in stops if stop and stop in text]
            if ends:
                return text[: min(ends)]
        return text


def _sampling(wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of ``generate``; raises ConfigError for sampling that it does not have."""
    temperature = float(wishes.get("temperature", 1.0))
    if not wishes.get("do_sample", False) or temperature == 0:
        return {"temperature": 0.0}
    unknown = sorted(wishes.keys() - _SAMPLING)
    if unknown:
        raise ConfigError(f"the task samples with {', '.join(unknown)}; only {', '.join(sorted(_SAMPLING))} are known")
    return {"temperature": temperature, "top_k": int(wishes.get("top_k", 0))}


def run_tasks(
    model: LanguageModel,
    tokenizer: Tokenizer,
    tasks: Sequence[str],
    *,
    include: str | None = None,
    shots: int | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Return the results of the tasks by name; ``include`` is a folder of the user's own tasks.

    ``limit`` is the number of examples of each task, None for all; ``shots`` that of solved ones in a context. Raises
    ConfigError for a task that is unknown.
    """
    manager = TaskManager(include_path=include)
    unknown = [name for name in tasks if not manager.match_tasks([name])]
    if unknown:
        raise ConfigError(f"tasks {', '.join(unknown)} are unknown; --include names a folder of your own tasks")
    done = simple_evaluate(
        HarnessModel(model, tokenizer),
        tasks=list(tasks),
        task_manager=manager,
        num_fewshot=shots,
        limit=limit,
        bootstrap_iters=1000,
        log_samples=False,
    )
    return {"results": done["results"], "table": make_table(done)}
