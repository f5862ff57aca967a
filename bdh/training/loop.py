"""The training loop that all trainers share: steps, precision, processes, and exact resume.

A trainer adds what it computes a loss from, and what it reports. Printing and saving belong to the caller.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bdh.errors import ConfigError
from bdh.shapes import Tensor
from bdh.training.distributed import World
from bdh.training.optim import make_optimizer, scheduled_lr

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_EMA_HORIZON = 50
_OPTIMIZER_KEYS = ("step", "exp_avg", "exp_avg_sq")
_T = TypeVar("_T")
_Step = TypeVar("_Step")
_Report = TypeVar("_Report")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """Settings of every trainer. ``batch_size`` is rows per process, ``min_lr`` the last share of ``lr``.

    Subclasses list their counts in ``COUNTS`` and their precisions in ``DTYPES``. Raises ConfigError.
    """

    COUNTS: ClassVar[tuple[str, ...]] = ("max_iters", "batch_size", "log_interval")
    DTYPES: ClassVar[tuple[str, ...]] = tuple(_DTYPES)
    max_iters: int = 5000
    batch_size: int = 32
    lr: float = 1e-3
    min_lr: float = 0.1
    warmup: int = 100
    weight_decay: float = 0.1
    clip: float = 1.0
    dtype: str = "fp32"
    compile: bool = False
    log_interval: int = 10
    seed: int = 1337

    def __post_init__(self) -> None:
        for name in self.COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed is {self.seed}; it must lie in 0 to {2**32 - 1}")
        if self.dtype not in self.DTYPES:
            raise ConfigError(f"dtype is {self.dtype!r}; it must be one of {', '.join(self.DTYPES)}")
        positive, bounded = 0 < self.lr < math.inf, 0 <= self.weight_decay < math.inf
        if not positive or not bounded or not self.clip >= 0 or self.warmup < 0 or not 0 <= self.min_lr <= 1:
            raise ConfigError(
                f"lr {self.lr}, weight_decay {self.weight_decay}, clip {self.clip}, warmup {self.warmup}, min_lr "
                f"{self.min_lr}: lr must be positive, weight_decay, clip and warmup not negative, min_lr in [0, 1]"
            )


class Loop(Generic[_Step, _Report]):
    """Optimise ``model``; steps are seeded by number, so a resumed run repeats the loss curve.

    ``wrapped`` is the module whose forward call gives the loss: several processes average its gradients.
    """

    model: nn.Module
    config: LoopConfig

    def __init__(
        self, model: nn.Module, wrapped: nn.Module, config: LoopConfig, world: World, *, find_unused: bool = False
    ) -> None:
        self.model, self.config, self.world, self.step = model, config, world, 0
        self.optimizer = make_optimizer(model, lr=config.lr, weight_decay=config.weight_decay)
        self._scaler = torch.amp.GradScaler(world.device.type, enabled=config.dtype == "fp16")
        self._wrapped = wrapped
        if config.compile:
            # Splitting the graph for early all-reduces gains nothing: shared weights have their gradients last of all.
            torch._dynamo.config.optimize_ddp = False
        if world.size > 1:
            indices = [world.device.index] if world.device.type == "cuda" else None
            self._wrapped = DistributedDataParallel(
                wrapped,
                device_ids=indices,
                broadcast_buffers=False,
                find_unused_parameters=find_unused,
                gradient_as_bucket_view=True,
            )

    def run(self) -> Iterator[_Report]:
        """Take the remaining steps, yielding a report every ``log_interval`` steps and at the end."""
        results: list[_Step] = []
        steps, since = self._steps(), time.perf_counter()
        while self.step < self.config.max_iters:
            results.append(next(steps))
            if self.step % self.config.log_interval and self.step < self.config.max_iters:
                continue
            yield self._report(results, time.perf_counter() - since)
            results, since = [], time.perf_counter()

    def _steps(self) -> Iterator[_Step]:
        """Yield the result of step after step."""
        raise NotImplementedError

    def _report(self, results: Sequence[_Step], seconds: float) -> _Report:
        """Return the report of the steps since the last one."""
        raise NotImplementedError

    def _update(self, backward: Callable[[], _T]) -> tuple[_T, Tensor]:
        """Update the weights once, from the gradients that ``backward`` computes; return its result and their norm."""
        self.model.train()
        torch.manual_seed(self.config.seed * 1_000_003 + self.step * self.world.size + self.world.rank)
        self._set_lr()
        result = backward()
        self._scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip or math.inf)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return result, norm

    def _set_lr(self) -> None:
        config = self.config
        lr = scheduled_lr(self.step, peak=config.lr, warmup=config.warmup, total=config.max_iters, floor=config.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    @property
    def lr(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the model computes in the precision of the configuration."""
        if self.config.dtype == "fp32":
            return nullcontext()
        return torch.autocast(self.world.device.type, dtype=_DTYPES[self.config.dtype])

    def _slots(self) -> Iterable[tuple[str, Tensor]]:
        """Yield each weight with the name of its optimiser tensors in a checkpoint, ``{key}`` left open."""
        raise NotImplementedError

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        return {
            slot.format(key=key): torch.as_tensor(value)
            for slot, weight in self._slots()
            for key, value in self.optimizer.state.get(weight, {}).items()
        }

    def _load_optimizer(self, tensors: dict[str, Tensor]) -> None:
        fused = self.optimizer.defaults["fused"]  # its step counts are on the device
        for slot, weight in self._slots():
            names = {key: slot.format(key=key) for key in _OPTIMIZER_KEYS}
            found = {key: tensors[name].clone() for key, name in names.items() if name in tensors}
            if found:
                self.optimizer.state[weight] = {
                    key: value.to(weight.device) if fused or key != "step" else value for key, value in found.items()
                }


@torch.no_grad()
def average_weights(mean: dict[str, Tensor], model: nn.Module, *, step: int, decay: float) -> None:
    """Move the averaged weights ``mean`` towards those of ``model``; in the first steps they follow them closely.

    ``decay`` is that of the exponential moving average; 0 makes the mean the weights themselves.
    """
    decay = min(decay, step / (step + _EMA_HORIZON)) if decay else 0.0
    for name, weight in model.named_parameters():
        mean[name].lerp_(weight.detach(), 1 - decay)
