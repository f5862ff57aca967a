"""Losses of the text models are those computed by hand, and training averages the weights."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch
from torch import nn

from bdh.errors import ConfigError
from bdh.training.distributed import World
from pipeline.judging.cross_encoder import CrossEncoderModel, CrossEncoderOutput
from pipeline.judging.text_model import TokenBatch
from pipeline.training.text_batches import PairBatch, PairBatches, TextBatch
from pipeline.training.text_trainer import TextTrainConfig, TextTrainer, WithContrast, WithPairLoss, by_length
from tests.pipeline.judging.little_models import CPU, WIDTH, make_bert
from tests.pipeline.stand_in_judge import letters
from tests.pipeline.training.little_claims import plain_source

SMALL = TextTrainConfig(max_iters=3, batch_size=6, dtype="fp32", log_interval=2, warmup=1, lr=1e-3)


class Fixed(nn.Module):
    """A cross-encoder with a given output."""

    def __init__(self, logits: list[list[float]], words: torch.Tensor) -> None:
        super().__init__()
        self.logits, self.marks = nn.Parameter(torch.tensor(logits)), words

    def forward(self, tokens: TokenBatch) -> CrossEncoderOutput:
        return CrossEncoderOutput(self.logits, self.marks)


def batch_of(labels: list[list[float]], words: list[list[float]], twins: list[list[int]]) -> PairBatch:
    ids = torch.zeros(len(labels), 1, dtype=torch.long)
    marks = torch.tensor(words)[:, None]
    return PairBatch(
        TokenBatch(ids, ids, ids), torch.tensor(labels), marks, torch.tensor(twins, dtype=torch.long).reshape(-1, 2)
    )


def test_loss_of_pairs_is_that_computed_by_hand() -> None:
    logits = [[log(0.5), log(0.25), log(0.25)], [log(0.2), log(0.2), log(0.6)]]
    batch = batch_of([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], [[1.0, -1.0], [0.0, -1.0]], [[0, 1]])
    words = torch.tensor([[[2.0, 5.0]], [[-1.0, 5.0]]])
    config = TextTrainConfig(twins=0.5, words=0.25)
    parts = WithPairLoss(Fixed(logits, words), config)(batch)  # type: ignore[arg-type]
    label = (-log(0.5) - 0.5 * log(0.2) - 0.5 * log(0.6)) / 2
    twins = log(1 + exp(0.0 - log(2)))
    marks = (log(1 + exp(-2.0)) + log(1 + exp(-1.0))) / 2
    assert float(parts["label"]) == pytest.approx(label)
    assert float(parts["twins"]) == pytest.approx(twins)
    assert float(parts["words"]) == pytest.approx(marks)
    assert float(parts["total"].detach()) == pytest.approx(label + 0.5 * twins + 0.25 * marks)


def test_loss_of_pairs_without_twins_or_marks_is_that_of_the_labels() -> None:
    batch = batch_of([[1.0, 0.0, 0.0]], [[-1.0, -1.0]], [])
    parts = WithPairLoss(Fixed([[0.0, 0.0, 0.0]], torch.zeros(1, 1, 2)), TextTrainConfig())(batch)  # type: ignore[arg-type]
    assert float(parts["total"].detach()) == pytest.approx(log(3))
    assert float(parts["twins"]) == float(parts["words"]) == 0.0


class Vectors(nn.Module):
    """A bi-encoder whose vectors are given by the first token, and whose sentence before does not count."""

    def __init__(self, vectors: list[list[float]]) -> None:
        super().__init__()
        self.vectors, self.temperature = torch.tensor(vectors), nn.Parameter(torch.tensor(0.0))

    def forward(self, tokens: TokenBatch) -> torch.Tensor:
        return self.vectors[tokens.ids[:, 0]]

    def mix(self, before: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        return own


def tokens_of(*ids: int) -> TokenBatch:
    column = torch.tensor(ids)[:, None]
    return TokenBatch(column, column, column)


def test_loss_of_sentences_is_that_computed_by_hand() -> None:
    excluded = torch.tensor([[False, False, True], [False, False, False]])
    batch = TextBatch(tokens_of(0, 1), tokens_of(0, 1, 0), tokens_of(0, 0, 0), excluded)
    found = WithContrast(Vectors([[1.0, 0.0], [0.0, 1.0]]))(batch)["total"]  # type: ignore[arg-type]
    first, second = -log(exp(1) / (exp(1) + exp(0))), -log(exp(1) / (exp(1) + 2 * exp(0)))
    assert float(found.detach()) == pytest.approx((first + second) / 2 + 0.3 * first)


def trainer_of(config: TextTrainConfig = SMALL, *, workers: int = 0) -> TextTrainer:
    torch.manual_seed(2)
    model = CrossEncoderModel(make_bert(layers=1), WIDTH)
    return TextTrainer(
        WithPairLoss(model, config),
        PairBatches(plain_source(open=0.3), letters(), pairs=6, seed=3),
        config,
        World(0, 1, CPU),
        workers=workers,
    )


def test_training_reports_the_mean_loss_and_is_the_same_each_time() -> None:
    first, second = trainer_of(), trainer_of(workers=1)
    reports = list(first.run())
    assert [report.step for report in reports] == [2, 3]
    assert reports[0].losses.keys() == {"total", "label", "twins", "words"}
    assert all(report.steps_per_second > 0 for report in reports)
    assert [report.losses for report in second.run()] == [report.losses for report in reports]
    for name, weight in first.model.named_parameters():
        assert torch.equal(weight, dict(second.model.named_parameters())[name]), name


def test_averaged_weights_follow_the_trained_ones() -> None:
    trainer = trainer_of(TextTrainConfig(max_iters=1, batch_size=6, dtype="fp32", log_interval=1, warmup=0, lr=1e-3))
    start = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    list(trainer.run())
    end = dict(trainer.model.named_parameters())
    assert any(not torch.equal(start[name], end[name]) for name in start)
    for name, mean in trainer.mean.items():
        assert torch.allclose(mean, start[name] + (end[name] - start[name]) * (1 - 1 / 51), atol=1e-6), name
    trainer.finish()
    assert all(torch.equal(weight, trainer.mean[name]) for name, weight in trainer.model.named_parameters())


def test_training_lowers_the_loss() -> None:
    trainer = trainer_of(TextTrainConfig(max_iters=30, batch_size=6, dtype="fp32", log_interval=10, warmup=2, lr=2e-3))
    first, *_, last = list(trainer.run())
    assert last.losses["total"] < first.losses["total"]


@pytest.mark.parametrize("change", [{"max_iters": 0}, {"batch_size": 0}, {"dtype": "fp8"}, {"lr": 0.0}])
def test_settings_that_are_not_valid_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        TextTrainConfig(**change)


def test_output_in_groups_by_length_is_that_of_the_whole_batch() -> None:
    torch.manual_seed(0)
    model = CrossEncoderModel(make_bert(), WIDTH).eval()
    lengths = torch.randint(1, 12, (40,))
    mask = (torch.arange(12) < lengths[:, None]).long()
    tokens = TokenBatch(torch.randint(5, 20, (40, 12)) * mask, mask, torch.zeros_like(mask))
    whole, grouped = model(tokens), by_length(model, tokens)
    torch.testing.assert_close(grouped.logits, whole.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grouped.words[mask.bool()], whole.words[mask.bool()], rtol=1e-4, atol=1e-5)
