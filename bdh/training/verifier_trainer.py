"""Train a verifier; its averaged weights (an exponential moving average) are those to store."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn

from bdh.errors import ConfigError, DataError
from bdh.shapes import Float, Tensor
from bdh.training.distributed import World, mean_over_world
from bdh.training.loop import Loop, LoopConfig, average_weights
from bdh.training.verifier_batches import ClaimTargets, to_device
from bdh.training.verifier_loss import LossWeights, language_loss, verifier_loss
from bdh.verifier import ClaimBatch, ClaimHeadOutput, ClaimVerifier

_MEASURED = ("ranked", "ranked_by_evidence", "grad_norm", "claims")
"""What a step measures apart from the parts of its loss."""


@dataclass(frozen=True, kw_only=True)
class VerifierTrainConfig(LoopConfig):
    """How a verifier is trained.

    ``batch_size`` counts rows of evidence, ``language`` is the weight of the language loss of supported claims given
    their evidence, ``ema`` the decay of the averaged weights, 0 for none.
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
class VerifierReport:
    """The steps since the last report: mean loss by part, and the shares of pairs ranked right.

    ``ranked`` is by the labels, ``ranked_by_evidence`` by the evidence log-odds.
    """

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


class _WithLoss(nn.Module):
    """A verifier and its loss as one module, as DistributedDataParallel needs it."""

    def __init__(self, verifier: ClaimVerifier, config: VerifierTrainConfig) -> None:
        super().__init__()
        self.verifier, self.config = verifier, config

    def forward(self, batch: ClaimBatch, targets: ClaimTargets) -> tuple[ClaimHeadOutput, dict[str, Tensor]]:
        """Return the output, and the loss (``total``) with its parts."""
        output: ClaimHeadOutput = self.verifier(batch)
        parts = verifier_loss(output, targets, self.config.loss)
        if self.config.language:
            parts["language"] = language_loss(self.verifier, batch, targets, output)
            parts["total"] = parts["total"] + self.config.language * parts["language"]
        return output, parts


class VerifierTrainer(Loop[dict[str, Tensor], VerifierReport]):
    """Optimise a verifier; ``batches(start)`` yields the batch of each step from ``start`` on, always the same ones."""

    model: ClaimVerifier
    config: VerifierTrainConfig

    def __init__(
        self,
        verifier: ClaimVerifier,
        batches: Callable[[int], Iterator[tuple[ClaimBatch, ClaimTargets]]],
        config: VerifierTrainConfig,
        world: World,
    ) -> None:
        if config.compile:
            verifier.compile_training()
        super().__init__(verifier, _WithLoss(verifier, config), config, world, find_unused=True)
        self.batches = batches
        self.mean = {name: weight.detach().clone() for name, weight in verifier.named_parameters()}

    def _steps(self) -> Iterator[dict[str, Tensor]]:
        for batch, targets in self.batches(self.step):
            yield self.take_step(to_device(batch, self.world.device), to_device(targets, self.world.device))

    def take_step(self, batch: ClaimBatch, targets: ClaimTargets) -> dict[str, Tensor]:
        """Update the weights once; return the parts of the loss and the measures of ``_MEASURED``."""
        (output, parts), norm = self._update(lambda: self._backward(batch, targets))
        average_weights(self.mean, self.model, step=self.step, decay=self.config.ema)
        odds = output.logits[..., 0] - output.logits[..., 1]
        return {
            **{name: part.detach() for name, part in parts.items()},
            "ranked": _ranked(odds, targets),
            "ranked_by_evidence": _ranked(output.evidence, targets),
            "grad_norm": norm.detach(),
            "claims": torch.tensor(targets.labels.numel()),
        }

    def _backward(self, batch: ClaimBatch, targets: ClaimTargets) -> tuple[ClaimHeadOutput, dict[str, Tensor]]:
        with self.autocast():
            output, parts = self._wrapped(batch, targets)
        self._scaler.scale(parts["total"]).backward()
        return output, parts

    def _report(self, results: Sequence[dict[str, Tensor]], seconds: float) -> VerifierReport:
        names = [name for name in results[0] if name not in _MEASURED]
        means = {name: mean_over_world(_mean_of(results, name), self.world) for name in names}
        if not math.isfinite(means["total"]):
            raise DataError(f"the loss at step {self.step} is not a number; lower lr")
        ranked, by_evidence = (
            mean_over_world(_mean_of(results, name), self.world) for name in ("ranked", "ranked_by_evidence")
        )
        rate = sum(int(measured["claims"]) for measured in results) * self.world.size / seconds
        return VerifierReport(self.step, means, ranked, by_evidence, self.lr, float(results[-1]["grad_norm"]), rate)

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
    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the exponential moving average of the weights."""
        return {name: weight.clone() for name, weight in self.mean.items()}


def _ranked(odds: Float[Tensor, "B K"], targets: ClaimTargets) -> Float[Tensor, ""]:
    """Return the share of pairs (supported, contradicted) of one row that are ranked right; NaN without pairs."""
    pairs = (targets.labels == 0)[:, :, None] & (targets.labels == 1)[:, None, :]
    above = (odds[:, :, None] > odds[:, None, :]).float()
    return ((above * pairs).sum() / pairs.sum()).detach()


def _mean_of(results: Sequence[dict[str, Tensor]], name: str) -> Tensor:
    return torch.stack([measured[name] for measured in results]).nanmean()
