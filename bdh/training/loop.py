"""The training loop: an iterator of step reports. Printing and saving belong to the caller."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bdh.errors import ConfigError, DataError
from bdh.neuro.model import LanguageModel
from bdh.shapes import Tensor
from bdh.state import State
from bdh.training.data import Batch, Batches
from bdh.training.distributed import World, mean_over_world
from bdh.training.optim import make_optimizer, scheduled_lr

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True)
class TrainConfig:
    """How a model is optimised. ``batch_size`` is rows per process; a step reads ``grad_accum`` batches."""

    max_iters: int = 5000
    batch_size: int = 32
    seq_len: int = 512
    lr: float = 1e-3
    min_lr: float = 0.1
    warmup: int = 100
    weight_decay: float = 0.1
    clip: float = 1.0
    grad_accum: int = 1
    dtype: str = "fp32"
    compile: bool = False
    carry_state: bool = False
    reset_probability: float = 0.0
    log_interval: int = 10
    eval_interval: int = 250
    seed: int = 1337

    def __post_init__(self) -> None:
        for name in ("max_iters", "batch_size", "seq_len", "grad_accum", "log_interval", "eval_interval"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed is {self.seed}; it must lie in 0 to {2**32 - 1}")
        if self.dtype not in _DTYPES:
            raise ConfigError(f"dtype is {self.dtype!r}; it must be one of {', '.join(_DTYPES)}")
        self._check_lr()
        if not 0 <= self.reset_probability <= 1:
            raise ConfigError(f"reset_probability is {self.reset_probability}; it must lie in [0, 1]")

    def _check_lr(self) -> None:
        positive, bounded = 0 < self.lr < math.inf, 0 <= self.weight_decay < math.inf
        if not positive or not bounded or not self.clip >= 0 or self.warmup < 0 or not 0 <= self.min_lr <= 1:
            raise ConfigError(
                f"lr {self.lr}, weight_decay {self.weight_decay}, clip {self.clip}, warmup {self.warmup}, min_lr "
                f"{self.min_lr}: lr must be positive, weight_decay, clip and warmup not negative, min_lr in [0, 1]"
            )


@dataclass(frozen=True)
class StepReport:
    """What one logged step did: loss in nats per token over the steps since the last report, and the model's health.

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
        """Return the record for metrics files, without the gain where there is none."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Trainer:
    """Optimise ``model`` on ``batches``; steps are seeded by number, so a resumed run repeats the loss curve."""

    def __init__(self, model: LanguageModel, batches: Batches, config: TrainConfig, world: World) -> None:
        self.model, self.batches, self.config, self.world = model, batches, config, world
        self.step = 0
        self.state: State | None = None
        self.optimizer = make_optimizer(model, lr=config.lr, weight_decay=config.weight_decay)
        self._scaler = torch.amp.GradScaler(world.device.type, enabled=config.dtype == "fp16")
        if config.compile:
            # Splitting the graph for early all-reduces wins nothing: shared weights have their gradients last of all.
            torch._dynamo.config.optimize_ddp = False
            model.compile_training()
        self._wrapped: nn.Module = model
        if world.size > 1:
            indices = [world.device.index] if world.device.type == "cuda" else None
            self._wrapped = DistributedDataParallel(
                model, device_ids=indices, broadcast_buffers=False, gradient_as_bucket_view=True
            )

    def run(self) -> Iterator[StepReport]:
        """Take the remaining steps, yielding a report every ``log_interval`` steps and at the end."""
        losses: list[Tensor] = []
        since, tokens = time.perf_counter(), 0
        while self.step < self.config.max_iters:
            loss, norm, batch = self.take_step()
            losses.append(loss)
            tokens += batch.tokens.numel() * self.config.grad_accum * self.world.size
            if self.step % self.config.log_interval and self.step < self.config.max_iters:
                continue
            mean = mean_over_world(torch.stack(losses).mean(), self.world)
            rate = tokens / (time.perf_counter() - since)
            yield self._report(mean, norm, rate, batch)
            losses, since, tokens = [], time.perf_counter(), 0

    def take_step(self) -> tuple[Tensor, Tensor, Batch]:
        """Read ``grad_accum`` batches and update the weights once; return mean loss, gradient norm, last batch."""
        self.model.train()
        torch.manual_seed(self.config.seed * 1_000_003 + self.step * self.world.size + self.world.rank)
        self._set_lr()
        losses = []
        for part in range(self.config.grad_accum):
            batch = self.batches.next()
            begins = bool(batch.fresh.any())  # asked before the batch is on the device, which need not wait for it
            batch = batch.to(self.world.device)
            with self._sync(last=part == self.config.grad_accum - 1):
                losses.append(self._backward(batch, begins=begins))
        self._scaler.unscale_(self.optimizer)
        limit = self.config.clip or float("inf")
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return torch.stack(losses).mean(), norm, batch

    def _backward(self, batch: Batch, *, begins: bool) -> Tensor:
        carry = self.config.carry_state
        state = self._carried(batch, begins=begins) if carry else None
        with self.autocast():
            output = self._wrapped(batch.tokens, batch.targets, state, "parallel", keep_state=carry)
        self._scaler.scale(output.loss / self.config.grad_accum).backward()
        self.state = output.state.detach() if carry else None
        loss: Tensor = output.loss.detach()
        return loss

    def _carried(self, batch: Batch, *, begins: bool) -> State:
        """Return the memory before ``batch``: that after the last segment, emptied where a row begins anew."""
        if self.state is None:
            return self.model.empty_state(batch.tokens.shape[0])
        return self.state.reset(batch.fresh) if begins else self.state

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the precision in which the model computes."""
        if self.config.dtype == "fp32":
            return nullcontext()
        return torch.autocast(self.world.device.type, dtype=_DTYPES[self.config.dtype])

    def _sync(self, *, last: bool) -> AbstractContextManager[Any]:
        if isinstance(self._wrapped, DistributedDataParallel) and not last:
            return self._wrapped.no_sync()
        return nullcontext()

    def _set_lr(self) -> None:
        config = self.config
        lr = scheduled_lr(self.step, peak=config.lr, warmup=config.warmup, total=config.max_iters, floor=config.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    @torch.no_grad()
    def _report(self, loss: float, norm: Tensor, rate: float, batch: Batch) -> StepReport:
        """Measure activity and memory on the first row of the last batch, uncompiled."""
        self.model.eval()
        with self.autocast():
            health = self.model.probe(batch.tokens[:1])
        if not math.isfinite(loss):
            raise DataError(f"the loss at step {self.step} is not a number; lower lr, or use bf16 instead of fp16")
        lr = float(self.optimizer.param_groups[0]["lr"])
        return StepReport(self.step, loss, lr, float(norm), rate, *health)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and a JSON-able mapping from which ``load_state_dict`` continues exactly."""
        tensors = {}
        for number, weight in enumerate(self._weights()):
            for key, value in self.optimizer.state.get(weight, {}).items():
                tensors[f"optimizer.{number}.{key}"] = torch.as_tensor(value)
        if self.state is not None:
            tensors |= self.state.tensors()
        position = 0 if self.state is None else self.state.position
        scaler = self._scaler.state_dict()
        return tensors, {
            "step": self.step,
            "position": position,
            "batches": self.batches.state_dict(),
            "scaler": scaler,
        }

    def load_state_dict(self, tensors: dict[str, Tensor], mapping: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned."""
        self.step = mapping["step"]
        self.batches.load_state_dict(mapping["batches"])
        if mapping["scaler"]:
            self._scaler.load_state_dict(mapping["scaler"])
        for number, weight in enumerate(self._weights()):
            prefix = f"optimizer.{number}."
            saved = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            moves = {key: key != "step" or self.optimizer.defaults["fused"] for key in saved}
            on_device = {key: value.to(weight.device) if moves[key] else value for key, value in saved.items()}
            if on_device:
                self.optimizer.state[weight] = on_device
        memory = {key: value.to(self.world.device) for key, value in tensors.items() if key.startswith("memory")}
        if memory:
            self.state = self.model.empty_state().from_tensors(memory, mapping["position"])

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]
