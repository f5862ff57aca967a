"""Train the cross-encoders and the bi-encoder: losses, and the loop with averaged weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from bdh.training.distributed import World
from bdh.training.loop import Loop, LoopConfig, average_weights
from pipeline.judging.cross_encoder import CrossEncoderModel, CrossEncoderOutput
from pipeline.judging.sentence_encoder import SentenceEncoderModel
from pipeline.judging.text_model import TokenBatch
from pipeline.training.text_batches import PairBatch, TextBatch

_EMA = 0.998
_GROUPS, _FEWEST = 4, 16
"""The groups of a batch by length, and the pairs that a group has at least."""


class Batches(Protocol):
    """Batches by their step."""

    def __getitem__(self, step: int) -> Any: ...


@dataclass(frozen=True)
class TextTrainConfig(LoopConfig):
    """How a text model is trained; ``twins`` and ``words`` are the weights of these parts of a cross-encoder's loss."""

    lr: float = 6e-5
    min_lr: float = 0.02
    weight_decay: float = 0.05
    dtype: str = "bf16"
    log_interval: int = 200
    twins: float = 0.5
    words: float = 0.3


def by_length(model: CrossEncoderModel, tokens: TokenBatch) -> CrossEncoderOutput:
    """Return the output of a batch, computed in groups of similar length without most of the padding."""
    groups = min(_GROUPS, len(tokens.ids) // _FEWEST)
    if groups < 2:
        return model(tokens)  # type: ignore[no-any-return]
    lengths = tokens.mask.sum(1)
    order = lengths.argsort()
    logits, words = [], []
    for rows in order.chunk(groups):
        longest = int(lengths[rows].max())
        group = TokenBatch(*(one[rows, :longest] for one in (tokens.ids, tokens.mask, tokens.types)))
        output = model(group)
        logits.append(output.logits)
        words.append(F.pad(output.words, (0, 0, 0, tokens.ids.shape[1] - longest)))
    places = order.argsort()
    return CrossEncoderOutput(torch.cat(logits)[places], torch.cat(words)[places])


class WithPairLoss(nn.Module):
    """A cross-encoder and its loss: labels, the order of twins, and the words that differ."""

    def __init__(self, model: CrossEncoderModel, config: TextTrainConfig) -> None:
        super().__init__()
        self.model, self.config = model, config

    def forward(self, batch: PairBatch) -> dict[str, torch.Tensor]:
        """Return the parts of the loss, and ``total``."""
        output = by_length(self.model, batch.tokens)
        label = -(batch.labels * output.logits.log_softmax(-1)).sum(-1).mean()
        odds = output.logits[:, 0] - output.logits[:, 1]
        order = F.softplus(odds[batch.twins[:, 1]] - odds[batch.twins[:, 0]])
        twins = order.mean() if len(order) else label.new_zeros(())
        known = batch.words >= 0
        marks = F.binary_cross_entropy_with_logits(output.words, batch.words.clamp(min=0), reduction="none")
        words = (marks * known).sum() / known.sum().clamp(min=1)
        total = label + self.config.twins * twins + self.config.words * words
        return {"total": total, "label": label.detach(), "twins": twins.detach(), "words": words.detach()}


class WithContrast(nn.Module):
    """A bi-encoder and its loss: each claim's gold sentence among all sentences of the batch, and the reverse."""

    def __init__(self, model: SentenceEncoderModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: TextBatch) -> dict[str, torch.Tensor]:
        """Return the loss as ``total``."""
        claims = self.model(batch.claims)
        sentences = self.model.mix(self.model(batch.before), self.model(batch.own))
        scores = (claims @ sentences.T * self.model.temperature.exp()).masked_fill(batch.excluded, -1e4)
        right = torch.arange(len(claims), device=scores.device)
        reverse = F.cross_entropy(scores[:, : len(claims)].T, right)
        return {"total": F.cross_entropy(scores, right) + 0.3 * reverse}


@dataclass(frozen=True)
class TextReport:
    """The mean of each part of the loss since the last report."""

    step: int
    losses: dict[str, float]
    steps_per_second: float


class TextTrainer(Loop[dict[str, torch.Tensor], TextReport]):
    """Optimise a text model; ``mean`` are its averaged weights, which are those to store."""

    config: TextTrainConfig

    def __init__(
        self,
        wrapped: WithPairLoss | WithContrast,
        batches: Batches,
        config: TextTrainConfig,
        world: World,
        *,
        workers: int,
    ) -> None:
        super().__init__(wrapped.model, wrapped, config, world)
        self.batches, self.workers = batches, workers
        self.mean = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}

    def _steps(self) -> Iterator[dict[str, torch.Tensor]]:
        options: dict[str, Any] = {"prefetch_factor": 4} if self.workers else {}
        steps = range(self.step, self.config.max_iters)
        for batch in DataLoader(self.batches, batch_size=None, sampler=steps, num_workers=self.workers, **options):  # type: ignore[arg-type]
            moved = batch.to(self.world.device)
            parts, _ = self._update(partial(self._backward, moved))
            average_weights(self.mean, self.model, step=self.step, decay=_EMA)
            yield {name: part.detach() for name, part in parts.items()}

    def _backward(self, batch: PairBatch | TextBatch) -> dict[str, torch.Tensor]:
        with self.autocast():
            parts: dict[str, torch.Tensor] = self._wrapped(batch)
        loss: Any = self._scaler.scale(parts["total"])
        loss.backward()
        return parts

    def _report(self, results: Sequence[dict[str, torch.Tensor]], seconds: float) -> TextReport:
        means = {name: float(torch.stack([one[name] for one in results]).mean()) for name in results[0]}
        return TextReport(self.step, means, len(results) / seconds)

    def _slots(self) -> Iterable[tuple[str, torch.Tensor]]:
        return [(f"optimizer.{{key}}.{name}", weight) for name, weight in self.model.named_parameters()]

    @torch.no_grad()
    def finish(self) -> None:
        """Set the model to its averaged weights."""
        for name, weight in self.model.named_parameters():
            weight.copy_(self.mean[name])


OnReport = Callable[[TextReport], object]
