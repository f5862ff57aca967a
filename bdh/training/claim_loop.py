"""Train a claim reader: an iterator of step reports, exact resume, and the running mean of the weights that is kept."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from bdh.claims import ClaimBatch, ClaimOutput, ClaimReader
from bdh.errors import ConfigError, DataError
from bdh.shapes import Float, Tensor
from bdh.training.comparison import IGNORED, ClaimTargets, LossWeights, comparison_loss, to_device
from bdh.training.distributed import World, mean_over_world
from bdh.training.loop import Loop, LoopConfig

_MEASURED = ("ranked", "ranked_by_evidence", "grad_norm", "claims")
"""What a step measures apart from the parts of its loss."""
_EMA_HORIZON = 50


@dataclass(frozen=True, kw_only=True)
class ClaimTrainConfig(LoopConfig):
    """How a claim reader is trained. ``batch_size`` is pieces of evidence a process; ``language`` weighs the language
    loss of supported claims given their evidence; ``ema`` is the decay of the running mean of the weights, 0 for none.
    """

    COUNTS: ClassVar[tuple[str, ...]] = (*LoopConfig.COUNTS, "save_interval")
    DTYPES: ClassVar[tuple[str, ...]] = ("bf16", "fp32")
    max_iters: int = 4000
    batch_size: int = 64
    min_lr: float = 0.02
    warmup: int = 200
    log_interval: int = 50
    language: float = 0.1
    ema: float = 0.999
    save_interval: int = 500
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.ema < 1 or self.language < 0:
            raise ConfigError(f"ema {self.ema}, language {self.language}: ema must lie in [0, 1), language from 0 on")


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


class ClaimTrainer(Loop[dict[str, Tensor], ClaimReport]):
    """Optimise a reader; ``batches`` yields the batch of each step from ``start`` on, the same for the same step."""

    model: ClaimReader
    config: ClaimTrainConfig

    def __init__(
        self,
        reader: ClaimReader,
        batches: Callable[[int], Iterator[tuple[ClaimBatch, ClaimTargets]]],
        config: ClaimTrainConfig,
        world: World,
    ) -> None:
        if config.compile:
            reader.compile_training()
        super().__init__(reader, _Lesson(reader, config), config, world, find_unused=True)
        self.batches = batches
        self.mean = {name: weight.detach().clone() for name, weight in reader.named_parameters()}

    def _steps(self) -> Iterator[dict[str, Tensor]]:
        for batch, targets in self.batches(self.step):
            yield self.take_step(to_device(batch, self.world.device), to_device(targets, self.world.device))

    def take_step(self, batch: ClaimBatch, targets: ClaimTargets) -> dict[str, Tensor]:
        """Update the weights once; return the parts of the loss, ``ranked``, ``grad_norm`` and the number of claims."""
        (output, parts), norm = self._update(lambda: self._backward(batch, targets))
        self._follow()
        odds = output.logits[..., 0] - output.logits[..., 1]
        return {
            **{name: part.detach() for name, part in parts.items()},
            "ranked": _ranked(odds, targets),
            "ranked_by_evidence": _ranked(output.evidence, targets),
            "grad_norm": norm.detach(),
            "claims": torch.tensor(targets.labels.numel()),
        }

    def _backward(self, batch: ClaimBatch, targets: ClaimTargets) -> tuple[ClaimOutput, dict[str, Tensor]]:
        with self.autocast():
            output, parts = self._wrapped(batch, targets)
        self._scaler.scale(parts["total"]).backward()
        return output, parts

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running mean towards the weights; early on it follows them closely."""
        decay = min(self.config.ema, self.step / (self.step + _EMA_HORIZON)) if self.config.ema else 0.0
        for name, weight in self.model.named_parameters():
            self.mean[name].lerp_(weight.detach(), 1 - decay)

    def _report(self, results: Sequence[dict[str, Tensor]], seconds: float) -> ClaimReport:
        names = [name for name in results[0] if name not in _MEASURED]
        means = {name: mean_over_world(_mean_of(results, name), self.world) for name in names}
        if not math.isfinite(means["total"]):
            raise DataError(f"the loss at step {self.step} is not a number; lower lr")
        ranked, by_evidence = (
            mean_over_world(_mean_of(results, name), self.world) for name in ("ranked", "ranked_by_evidence")
        )
        rate = sum(int(measured["claims"]) for measured in results) * self.world.size / seconds
        return ClaimReport(self.step, means, ranked, by_evidence, self.lr, float(results[-1]["grad_norm"]), rate)

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and a JSON-able mapping from which ``load_state_dict`` continues exactly."""
        tensors = {f"mean.{name}": weight for name, weight in self.mean.items()}
        tensors |= {f"weight.{name}": weight.detach() for name, weight in self.model.named_parameters()}
        return tensors | self._optimizer_tensors(), {"step": self.step}

    @torch.no_grad()
    def load_state_dict(self, tensors: dict[str, Tensor], mapping: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned."""
        self.step = mapping["step"]
        for name, weight in self.model.named_parameters():
            weight.copy_(tensors[f"weight.{name}"])
            self.mean[name].copy_(tensors[f"mean.{name}"])
        self._load_optimizer(tensors)

    def _slots(self) -> Iterable[tuple[str, Tensor]]:
        return [(f"optimizer.{{key}}.{name}", weight) for name, weight in self.model.named_parameters()]

    @torch.no_grad()
    def mean_reader(self) -> dict[str, Tensor]:
        """Return the weights to keep: the running mean."""
        return {name: weight.clone() for name, weight in self.mean.items()}


def _ranked(odds: Float[Tensor, "B K"], targets: ClaimTargets) -> Float[Tensor, ""]:
    """Return the share of pairs of a supported and a contradicted claim of one row with the former above; else NaN."""
    pairs = (targets.labels == 0)[:, :, None] & (targets.labels == 1)[:, None, :]
    above = (odds[:, :, None] > odds[:, None, :]).float()
    return ((above * pairs).sum() / pairs.sum()).detach()


def _mean_of(results: Sequence[dict[str, Tensor]], name: str) -> Tensor:
    return torch.stack([measured[name] for measured in results]).nanmean()
