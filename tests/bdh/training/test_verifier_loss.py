"""Each part of the loss of a verifier, computed by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

import pytest
import torch

from bdh.training.verifier_batches import ClaimTargets
from bdh.training.verifier_loss import LossWeights, verifier_loss
from bdh.verifier import ClaimHeadOutput

ONLY = dict.fromkeys((item.name for item in fields(LossWeights)), 0.0)
ZERO = LossWeights(**ONLY)


def make_output(
    labels: Sequence[Sequence[Sequence[float]]], evidence: Sequence[Sequence[float]] | None = None
) -> ClaimHeadOutput:
    """Return an output of three tokens per claim, of which only the middle one has weight."""
    logits = torch.tensor(labels).requires_grad_()
    rows, count = logits.shape[:2]
    zeros = torch.zeros(rows, count, 3)
    weight = torch.tensor([0.0, 1.0, 0.0]).expand(rows, count, 3)
    odds = torch.zeros(rows, count) if evidence is None else torch.tensor(evidence)
    hidden = torch.zeros(rows, count, 3, 2)
    return ClaimHeadOutput(logits, odds, torch.zeros(rows, count), zeros, zeros, zeros, weight, hidden, hidden[:, 0])


def known(labels: list[list[int]]) -> ClaimTargets:
    table = torch.tensor(labels)
    return ClaimTargets(table, torch.full((*table.shape, 3), -1.0), torch.full(table.shape, -1.0))


def part(name: str, output: ClaimHeadOutput, targets: ClaimTargets) -> float:
    return float(verifier_loss(output, targets, ZERO)[name])


def test_label_loss_is_the_cross_entropy_of_labelled_claims() -> None:
    output = make_output([[[math.log(2.0), 0.0, 0.0], [9.0, 9.0, -9.0]]])
    assert part("label", output, known([[0, -100]])) == pytest.approx(math.log(2.0))


def test_margin_is_the_ranking_loss_within_a_row() -> None:
    output = make_output([[[2.0, 0.0, 5.0], [1.0, 0.0, -5.0]], [[0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]])
    # In the first row 2 is ranked above 1; the second row has no contradicted claim.
    assert part("margin", output, known([[0, 1], [0, 2]])) == pytest.approx(math.log1p(math.exp(-1.0)))
    assert part("margin", output, known([[1, 0], [0, 2]])) == pytest.approx(math.log1p(math.exp(1.0)))


def test_margin_without_pairs_is_zero() -> None:
    assert part("margin", make_output([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), known([[0, 0]])) == 0.0


def test_evidence_loss_is_ranking_and_half_the_cross_entropy_of_decided_claims() -> None:
    output = make_output([[[0.0] * 3] * 3], evidence=[[2.0, -1.0, 7.0]])
    ranking = math.log1p(math.exp(-3.0))
    decided = (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(-1.0))) / 2
    assert part("evidence", output, known([[0, 1, 2]])) == pytest.approx(ranking + 0.5 * decided)


def test_expected_match_is_learned_where_nothing_is_stated() -> None:
    match = torch.tensor([[[9.0, 0.5, 9.0], [9.0, 0.9, 9.0]]]).requires_grad_()
    expected = torch.tensor([[[0.0, 0.2, 0.0], [0.0, 0.4, 0.0]]]).requires_grad_()
    output = replace(make_output([[[0.0] * 3] * 2]), match=match, expected=expected)
    losses = verifier_loss(output, known([[2, 0]]), replace(ZERO, expected=1.0))
    assert float(losses["expected"]) == pytest.approx(0.3**2)
    losses["total"].backward()  # type: ignore[no-untyped-call]
    assert expected.grad is not None and expected.grad.abs().nonzero().tolist() == [[0, 0, 1]]
    assert match.grad is None


def test_wrong_tokens_are_learned_where_they_are_known() -> None:
    output = replace(make_output([[[0.0] * 3]]), wrong=torch.tensor([[[1.0, -2.0, 50.0]]]))
    targets = replace(known([[1]]), wrong=torch.tensor([[[1.0, 0.0, -1.0]]]))
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(-2.0))) / 2
    assert part("wrong", output, targets) == pytest.approx(expected)


def test_claim_only_odds_are_learned_from_claims_without_evidence() -> None:
    output = replace(make_output([[[0.0] * 3] * 3]), claim_only=torch.tensor([[3.0, 3.0, 8.0]]))
    targets = replace(known([[2, 2, 0]]), claim_only=torch.tensor([[1.0, 0.0, -1.0]]))
    expected = (math.log1p(math.exp(-3.0)) + math.log1p(math.exp(3.0))) / 2
    assert part("alone", output, targets) == pytest.approx(expected)


def test_total_is_the_weighted_sum_of_its_parts() -> None:
    output = make_output([[[2.0, 0.0, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.3]]], evidence=[[0.2, 0.5, 0.0]])
    output = replace(output, match=torch.full((1, 3, 3), 0.7), wrong=torch.full((1, 3, 3), 0.4))
    targets = ClaimTargets(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, 3), torch.tensor([[1.0, 0.0, -1.0]]))
    weights = LossWeights(label=1.0, margin=2.0, evidence=3.0, expected=4.0, wrong=5.0, alone=6.0)
    losses = verifier_loss(output, targets, weights)
    total = sum(getattr(weights, item.name) * float(losses[item.name]) for item in fields(weights))
    assert all(float(losses[item.name]) > 0 for item in fields(weights))
    assert losses["total"].item() == pytest.approx(total)
