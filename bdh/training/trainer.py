"""Train a language model: steps on batches of text, the state carried from segment to segment if asked."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch.nn.parallel import DistributedDataParallel

from bdh.errors import ConfigError, DataError
from bdh.neuro.model import LanguageModel
from bdh.shapes import Float, Int, Tensor
from bdh.state import State
from bdh.training.data import Batch, Batches
from bdh.training.distributed import World, mean_over_world
from bdh.training.loop import Loop, LoopConfig


@dataclass(frozen=True, kw_only=True)
class TrainConfig(LoopConfig):
    """How a language model is trained; a step reads ``grad_accum`` batches of ``seq_len`` tokens a row."""

    COUNTS: ClassVar[tuple[str, ...]] = (*LoopConfig.COUNTS, "seq_len", "grad_accum", "eval_interval")
    seq_len: int = 512
    grad_accum: int = 1
    carry_state: bool = False
    reset_probability: float = 0.0
    split_documents: bool = False
    eval_interval: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.reset_probability <= 1:
            raise ConfigError(f"reset_probability is {self.reset_probability}; it must lie in [0, 1]")
        if self.carry_state and self.split_documents:
            raise ConfigError("carry_state already reads each document by itself; leave split_documents out")


@dataclass(frozen=True)
class StepReport:
    """One logged step: loss in nats per token over the steps since the last report, and the model's health.

    ``active_x`` and ``active_y`` are shares of active neurons, ``state_norm`` the mean Frobenius norm of the memory of
    a layer after the segment, ``gain`` the mean gain of the synapses in the neuro variant with neuromodulation.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    tokens_per_second: float
    active_x: float
    active_y: float
    state_norm: float
    gain: float | None = None

    def to_dict(self) -> dict[str, float]:
        """Return the record for metrics files, without the gain if there is none."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class _Step(NamedTuple):
    """Mean loss, gradient norm, tokens read by this process, and the first row of the last batch."""

    loss: Float[Tensor, ""]
    norm: Float[Tensor, ""]
    tokens: int
    row: Int[Tensor, "1 T"]


class Trainer(Loop[_Step, StepReport]):
    """Optimise ``model`` on ``batches``."""

    model: LanguageModel
    config: TrainConfig

    def __init__(self, model: LanguageModel, batches: Batches, config: TrainConfig, world: World) -> None:
        if config.compile:
            model.compile_training()
        super().__init__(model, model, config, world)
        self.batches = batches
        self.state: State | None = None

    def _steps(self) -> Iterator[_Step]:
        while True:
            loss, norm, batch = self.take_step()
            yield _Step(loss, norm, batch.tokens.numel() * self.config.grad_accum, batch.tokens[:1].clone())

    def take_step(self) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Batch]:
        """Read ``grad_accum`` batches and update the weights once; return mean loss, gradient norm, last batch."""
        (loss, batch), norm = self._update(self._accumulate)
        return loss, norm, batch

    def _accumulate(self) -> tuple[Tensor, Batch]:
        losses = []
        for part in range(self.config.grad_accum):
            batch = self.batches.next()
            begins = bool(batch.fresh.any())  # before the batch is on the device, where the check would synchronise
            batch = batch.to(self.world.device)
            with self._sync(last=part == self.config.grad_accum - 1):
                losses.append(self._backward(batch, begins=begins))
        return torch.stack(losses).mean(), batch

    def _backward(self, batch: Batch, *, begins: bool) -> Tensor:
        carry = self.config.carry_state
        state = self._carried(batch, begins=begins) if carry else None
        with self.autocast():
            output = self._wrapped(
                batch.tokens, batch.targets, state, "parallel", keep_state=carry, documents=batch.documents
            )
        self._scaler.scale(output.loss / self.config.grad_accum).backward()
        self.state = output.state.detach() if carry else None
        loss: Tensor = output.loss.detach()
        return loss

    def _carried(self, batch: Batch, *, begins: bool) -> State:
        """Return the state before ``batch``: that after the last segment, emptied where a row starts a new text."""
        if self.state is None:
            return self.model.empty_state(batch.tokens.shape[0])
        return self.state.reset(batch.fresh) if begins else self.state

    def _sync(self, *, last: bool) -> AbstractContextManager[Any]:
        if isinstance(self._wrapped, DistributedDataParallel) and not last:
            return self._wrapped.no_sync()
        return nullcontext()

    @torch.no_grad()
    def _report(self, results: Sequence[_Step], seconds: float) -> StepReport:
        """Measure activity and memory on the first row of the last batch, uncompiled."""
        loss = mean_over_world(torch.stack([step.loss for step in results]).mean(), self.world)
        rate = sum(step.tokens for step in results) * self.world.size / seconds
        self.model.eval()
        with self.autocast():
            health = self.model.probe(results[-1].row)
        if not math.isfinite(loss):
            raise DataError(f"the loss at step {self.step} is not a number; lower lr, or use bf16 instead of fp16")
        return StepReport(self.step, loss, self.lr, float(results[-1].norm), rate, *health)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and a JSON-able mapping from which ``load_state_dict`` continues exactly."""
        tensors = self._optimizer_tensors()
        if self.state is not None:
            tensors |= self.state.tensors()
        position = 0 if self.state is None else self.state.position
        return tensors, {
            "step": self.step,
            "position": position,
            "batches": self.batches.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, tensors: dict[str, Tensor], mapping: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned."""
        self.step = mapping["step"]
        self.batches.load_state_dict(mapping["batches"])
        if mapping["scaler"]:
            self._scaler.load_state_dict(mapping["scaler"])
        self._load_optimizer(tensors)
        memory = {key: value.to(self.world.device) for key, value in tensors.items() if key.startswith("memory")}
        if memory:
            self.state = self.model.empty_state().from_tensors(memory, mapping["position"])

    def _slots(self) -> Iterable[tuple[str, Tensor]]:
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        return [(f"optimizer.{number}.{{key}}", weight) for number, weight in enumerate(weights)]
