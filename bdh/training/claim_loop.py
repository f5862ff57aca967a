"""Train a claim reader: an iterator of step reports, exact resume, and the running mean of the weights that is kept."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bdh.claims import ClaimBatch, ClaimOutput, ClaimReader
from bdh.errors import ConfigError, DataError
from bdh.shapes import Float, Tensor
from bdh.training.comparison import IGNORED, ClaimTargets, LossWeights, comparison_loss, to_device
from bdh.training.distributed import World, mean_over_world
from bdh.training.optim import make_optimizer, scheduled_lr

_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
_EMA_HORIZON = 50


@dataclass(frozen=True)
class ClaimTrainConfig:
    """How a claim reader is optimised. ``batch_size`` is pieces of evidence a process; ``language`` weighs the surprise
    of supported claims after their evidence; ``ema`` is the decay of the running mean of the weights, 0 for none.
    """

    max_iters: int = 4000
    batch_size: int = 64
    lr: float = 1e-3
    min_lr: float = 0.02
    warmup: int = 200
    weight_decay: float = 0.1
    clip: float = 1.0
    dtype: str = "fp32"
    compile: bool = False
    language: float = 0.1
    ema: float = 0.999
    log_interval: int = 50
    save_interval: int = 500
    seed: int = 1337
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        for name in ("max_iters", "batch_size", "log_interval", "save_interval"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.dtype not in _DTYPES:
            raise ConfigError(f"dtype is {self.dtype!r}; it must be one of {', '.join(_DTYPES)}")
        if not 0 < self.lr < math.inf or not 0 <= self.min_lr <= 1 or self.warmup < 0 or self.weight_decay < 0:
            raise ConfigError(
                f"lr {self.lr}, min_lr {self.min_lr}, warmup {self.warmup}, weight_decay {self.weight_decay}: lr must "
                f"be positive, min_lr in [0, 1], warmup and weight_decay not negative"
            )
        if not 0 <= self.ema < 1 or self.language < 0 or self.clip < 0:
            raise ConfigError(f"ema {self.ema}, language {self.language}, clip {self.clip}: ema must lie in [0, 1)")


@dataclass(frozen=True)
class ClaimReport:
    """What the steps since the last report did: mean losses by part, and twins ranked right by labels and matches."""

    step: int
    losses: dict[str, float]
    ranked: float
    ranked_by_evidence: float
    lr: float
    grad_norm: float
    claims_per_second: float

    def to_dict(self) -> dict[str, float]:
        """Return the record for metrics files."""
        record = asdict(self)
        return {**{f"loss_{name}": value for name, value in record.pop("losses").items()}, **record}


class _Lesson(nn.Module):
    """A reader with its loss in one module: several processes average the gradients of what one module computes."""

    def __init__(self, reader: ClaimReader, config: ClaimTrainConfig) -> None:
        super().__init__()
        self.reader, self.config = reader, config

    def forward(self, batch: ClaimBatch, targets: ClaimTargets) -> tuple[ClaimOutput, dict[str, Tensor]]:
        """Return the answers, and the loss (``total``) with its parts."""
        output: ClaimOutput = self.reader(batch)
        parts = comparison_loss(output, targets, self.config.loss)
        if self.config.language:
            parts["language"] = language_loss(self.reader, batch, targets, output)
            parts["total"] = parts["total"] + self.config.language * parts["language"]
        return output, parts


def language_loss(
    reader: ClaimReader, batch: ClaimBatch, targets: ClaimTargets, output: ClaimOutput
) -> Float[Tensor, ""]:
    """Return the nats of the first reading of each row's first claim, where the evidence supports it."""
    half = batch.claims.shape[2] // 2
    following = batch.claims[:, 0, 1:half].clone()
    places = torch.arange(1, half, device=following.device)
    following[(places >= batch.second[:, :1]) | (targets.labels[:, :1] != 0)] = IGNORED
    logits, _ = reader.model.head(output.hidden[:, 0, : half - 1].to(output.logits.dtype), None)
    nats = F.cross_entropy(logits.flatten(0, 1).float(), following.flatten(), ignore_index=IGNORED, reduction="sum")
    return nats / (following != IGNORED).sum().clamp(min=1)


class ClaimTrainer:
    """Optimise ``reader``; ``batches`` yields the batch of each step from ``start`` on, the same for the same step."""

    def __init__(
        self,
        reader: ClaimReader,
        batches: Callable[[int], Iterator[tuple[ClaimBatch, ClaimTargets]]],
        config: ClaimTrainConfig,
        world: World,
    ) -> None:
        self.reader, self.batches, self.config, self.world = reader, batches, config, world
        self.step = 0
        self.optimizer = make_optimizer(reader, lr=config.lr, weight_decay=config.weight_decay)
        self.mean = {name: weight.detach().clone() for name, weight in reader.named_parameters()}
        if config.compile:
            torch._dynamo.config.optimize_ddp = False
            reader.compile_training()
        self._lesson: nn.Module = _Lesson(reader, config)
        if world.size > 1:
            indices = [world.device.index] if world.device.type == "cuda" else None
            self._lesson = DistributedDataParallel(
                self._lesson, device_ids=indices, broadcast_buffers=False, find_unused_parameters=True
            )

    def run(self) -> Iterator[ClaimReport]:
        """Take the remaining steps, with a report every ``log_interval`` steps and at the end."""
        history: list[dict[str, Tensor]] = []
        since, claims = time.perf_counter(), 0
        source = self.batches(self.step)
        while self.step < self.config.max_iters:
            batch, targets = next(source)
            history.append(self.take_step(to_device(batch, self.world.device), to_device(targets, self.world.device)))
            claims += targets.labels.numel() * self.world.size
            if self.step % self.config.log_interval and self.step < self.config.max_iters:
                continue
            yield self._report(history, claims / (time.perf_counter() - since))
            history, since, claims = [], time.perf_counter(), 0

    def take_step(self, batch: ClaimBatch, targets: ClaimTargets) -> dict[str, Tensor]:
        """Update the weights once; return the parts of the loss and what was measured beside them."""
        self.reader.train()
        torch.manual_seed(self.config.seed * 1_000_003 + self.step * self.world.size + self.world.rank)
        lr = self._set_lr()
        with self.autocast():
            output, parts = self._lesson(batch, targets)
        torch.autograd.backward(parts["total"])
        norm = nn.utils.clip_grad_norm_(self.reader.parameters(), self.config.clip or math.inf)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._follow()
        odds = output.logits[..., 0] - output.logits[..., 1]
        return {
            **{name: part.detach() for name, part in parts.items()},
            "ranked": _ranked(odds, targets),
            "ranked_by_evidence": _ranked(output.evidence, targets),
            "grad_norm": norm.detach(),
            "lr": torch.tensor(lr),
        }

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running mean towards the weights; early on it follows them closely."""
        decay = min(self.config.ema, self.step / (self.step + _EMA_HORIZON)) if self.config.ema else 0.0
        for name, weight in self.reader.named_parameters():
            self.mean[name].lerp_(weight.detach(), 1 - decay)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the precision in which the reader computes."""
        if self.config.dtype == "fp32":
            return nullcontext()
        return torch.autocast(self.world.device.type, dtype=_DTYPES[self.config.dtype])

    def _set_lr(self) -> float:
        config = self.config
        lr = scheduled_lr(self.step, peak=config.lr, warmup=config.warmup, total=config.max_iters, floor=config.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _report(self, history: list[dict[str, Tensor]], rate: float) -> ClaimReport:
        names = [name for name in history[0] if name not in ("ranked", "ranked_by_evidence", "grad_norm", "lr")]
        means = {name: mean_over_world(_mean_of(history, name), self.world) for name in names}
        if not math.isfinite(means["total"]):
            raise DataError(f"the loss at step {self.step} is not a number; lower lr")
        ranked, by_evidence = (
            mean_over_world(_mean_of(history, name), self.world) for name in ("ranked", "ranked_by_evidence")
        )
        last = history[-1]
        return ClaimReport(self.step, means, ranked, by_evidence, float(last["lr"]), float(last["grad_norm"]), rate)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and a JSON-able mapping from which ``load_state_dict`` continues exactly."""
        tensors = {f"mean.{name}": weight for name, weight in self.mean.items()}
        tensors |= {f"weight.{name}": weight.detach() for name, weight in self.reader.named_parameters()}
        for name, weight in self.reader.named_parameters():
            for key, value in self.optimizer.state.get(weight, {}).items():
                tensors[f"optimizer.{key}.{name}"] = torch.as_tensor(value)
        return tensors, {"step": self.step}

    @torch.no_grad()
    def load_state_dict(self, tensors: dict[str, Tensor], mapping: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned."""
        self.step = mapping["step"]
        for name, weight in self.reader.named_parameters():
            weight.copy_(tensors[f"weight.{name}"])
            self.mean[name].copy_(tensors[f"mean.{name}"])
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"optimizer.{key}.{name}" in tensors]
            moved = {key: tensors[f"optimizer.{key}.{name}"].clone() for key in keys}
            on_device = self.optimizer.defaults["fused"]
            self.optimizer.state[weight] = {
                key: value.to(weight.device) if key != "step" or on_device else value for key, value in moved.items()
            }

    @torch.no_grad()
    def mean_reader(self) -> dict[str, Tensor]:
        """Return the weights to keep: the running mean."""
        return {name: weight.clone() for name, weight in self.mean.items()}


def _ranked(odds: Float[Tensor, "B K"], targets: ClaimTargets) -> Float[Tensor, ""]:
    """Return the share of pairs of a supported and a contradicted claim of one row with the former above; else NaN."""
    pairs = (targets.labels == 0)[:, :, None] & (targets.labels == 1)[:, None, :]
    above = (odds[:, :, None] > odds[:, None, :]).float()
    return ((above * pairs).sum() / pairs.sum()).detach()


def _mean_of(history: list[dict[str, Tensor]], name: str) -> Tensor:
    return torch.stack([measured[name] for measured in history]).nanmean()
