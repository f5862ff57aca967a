"""What a claim reader is taught: texts put into rows, marks where the words stand, and each part of the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bdh.claims import ClaimBatch, ClaimOutput
from bdh.training.comparison import (
    Answer,
    ClaimTargets,
    LossWeights,
    comparison_loss,
    make_batch,
    make_targets,
    to_device,
    twice,
)

ONLY = dict.fromkeys((item.name for item in fields(LossWeights)), 0.0)
SILENT = LossWeights(**ONLY)


def said(labels: Sequence[Sequence[Sequence[float]]], evidence: Sequence[Sequence[float]] | None = None) -> ClaimOutput:
    """Return an answer of three tokens a claim; only the middle one counts."""
    logits = torch.tensor(labels).requires_grad_()
    rows, count = logits.shape[:2]
    zeros = torch.zeros(rows, count, 3)
    weight = torch.tensor([0.0, 1.0, 0.0]).expand(rows, count, 3)
    odds = torch.zeros(rows, count) if evidence is None else torch.tensor(evidence)
    hidden = torch.zeros(rows, count, 3, 2)
    return ClaimOutput(logits, odds, torch.zeros(rows, count), zeros, zeros, zeros, weight, hidden, hidden[:, 0])


def known(labels: list[list[int]]) -> ClaimTargets:
    table = torch.tensor(labels)
    return ClaimTargets(table, torch.full((*table.shape, 3), -1.0), torch.full(table.shape, -1.0))


def part(name: str, output: ClaimOutput, targets: ClaimTargets) -> float:
    return float(comparison_loss(output, targets, SILENT)[name])


def test_label_loss_is_the_cross_entropy_of_what_is_labelled() -> None:
    output = said([[[math.log(2.0), 0.0, 0.0], [9.0, 9.0, -9.0]]])
    assert part("label", output, known([[0, -100]])) == pytest.approx(math.log(2.0))


def test_margin_is_the_order_of_true_and_false_within_a_row() -> None:
    output = said([[[2.0, 0.0, 5.0], [1.0, 0.0, -5.0]], [[0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]])
    # In the first row 2 stands above 1; the second row has no contradicted claim.
    assert part("margin", output, known([[0, 1], [0, 2]])) == pytest.approx(math.log1p(math.exp(-1.0)))
    assert part("margin", output, known([[1, 0], [0, 2]])) == pytest.approx(math.log1p(math.exp(1.0)))


def test_margin_of_no_pair_is_nothing() -> None:
    assert part("margin", said([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), known([[0, 0]])) == 0.0


def test_evidence_loss_is_order_and_half_the_cross_entropy_of_what_is_decided() -> None:
    output = said([[[0.0] * 3] * 3], evidence=[[2.0, -1.0, 7.0]])
    order = math.log1p(math.exp(-3.0))
    settled = (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(-1.0))) / 2
    assert part("evidence", output, known([[0, 1, 2]])) == pytest.approx(order + 0.5 * settled)


def test_expected_match_is_learned_where_nothing_is_stated() -> None:
    match = torch.tensor([[[9.0, 0.5, 9.0], [9.0, 0.9, 9.0]]]).requires_grad_()
    expected = torch.tensor([[[0.0, 0.2, 0.0], [0.0, 0.4, 0.0]]]).requires_grad_()
    output = replace(said([[[0.0] * 3] * 2]), match=match, expected=expected)
    losses = comparison_loss(output, known([[2, 0]]), replace(SILENT, expected=1.0))
    assert float(losses["expected"]) == pytest.approx(0.3**2)
    losses["total"].backward()  # type: ignore[no-untyped-call]
    assert expected.grad is not None and expected.grad.abs().nonzero().tolist() == [[0, 0, 1]]
    assert match.grad is None


def test_wrong_tokens_are_learned_where_they_are_known() -> None:
    output = replace(said([[[0.0] * 3]]), wrong=torch.tensor([[[1.0, -2.0, 50.0]]]))
    targets = replace(known([[1]]), wrong=torch.tensor([[[1.0, 0.0, -1.0]]]))
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(-2.0))) / 2
    assert part("wrong", output, targets) == pytest.approx(expected)


def test_wording_is_learned_of_claims_read_alone_only() -> None:
    output = replace(said([[[0.0] * 3] * 3]), alone=torch.tensor([[3.0, 3.0, 8.0]]))
    targets = replace(known([[2, 2, 0]]), alone=torch.tensor([[1.0, 0.0, -1.0]]))
    expected = (math.log1p(math.exp(-3.0)) + math.log1p(math.exp(3.0))) / 2
    assert part("alone", output, targets) == pytest.approx(expected)


def test_total_is_the_weighted_sum_of_its_parts() -> None:
    output = said([[[2.0, 0.0, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.3]]], evidence=[[0.2, 0.5, 0.0]])
    output = replace(output, match=torch.full((1, 3, 3), 0.7), wrong=torch.full((1, 3, 3), 0.4))
    targets = ClaimTargets(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, 3), torch.tensor([[1.0, 0.0, -1.0]]))
    weights = LossWeights(label=1.0, margin=2.0, evidence=3.0, expected=4.0, wrong=5.0, alone=6.0)
    losses = comparison_loss(output, targets, weights)
    total = sum(getattr(weights, item.name) * float(losses[item.name]) for item in fields(weights))
    assert all(float(losses[item.name]) > 0 for item in fields(weights))
    assert losses["total"].item() == pytest.approx(total)


def make(evidence: list[list[int]], claims: list[list[list[int]]], *, room: int = 6, length: int = 12) -> ClaimBatch:
    return make_batch(evidence, claims, separator=[1, 1], evidence_length=room, claims_per_row=2, claim_length=length)


def test_evidence_stands_right_and_claims_left() -> None:
    batch = make([[5, 6, 7], []], [[[8, 9], [4]], [[3, 2]]])
    assert batch.evidence.tolist() == [[0, 0, 0, 5, 6, 7], [0] * 6]
    assert batch.evidence_lengths.tolist() == [3, 0]
    assert batch.claims[0, 0].tolist() == [1, 1, 8, 9, 1, 1, 8, 9, 1, 1, 0, 0]
    assert batch.claim_lengths.tolist() == [[10, 8], [10, 0]]
    assert batch.second.tolist() == [[6, 5], [6, 0]]


def test_what_is_too_long_is_cut() -> None:
    batch = make([[*range(10, 20)]], [[[*range(20, 30)], [2], [3]]])
    assert batch.evidence.tolist() == [[14, 15, 16, 17, 18, 19]]
    assert batch.claims[0, 0].tolist() == [1, 1, 20, 21, 22, 1, 1, 20, 21, 22, 1, 1]
    assert batch.claims.shape == (1, 2, 12)


def test_no_room_for_evidence_is_no_evidence() -> None:
    batch = make([[5, 6, 7]], [[[8]]], room=0)
    assert batch.evidence.shape == (1, 0) and batch.evidence_lengths.tolist() == [0]


@given(
    claim=st.lists(st.integers(2, 9), max_size=9),
    separator=st.lists(st.just(1), max_size=3),
    longest=st.one_of(st.none(), st.integers(9, 30)),
)
def test_claim_read_twice_stands_twice_within_its_room(
    claim: list[int], separator: list[int], longest: int | None
) -> None:
    tokens, second = twice(claim, separator, longest)
    kept = (len(tokens) - 3 * len(separator)) // 2
    assert longest is None or len(tokens) <= longest
    assert tokens[second : second + kept] == claim[:kept] == tokens[len(separator) : len(separator) + kept]
    assert kept == len(claim) or (longest is not None and len(tokens) > longest - 2)


def test_targets_stand_where_the_claims_stand() -> None:
    batch = make([[5]], [[[8, 9], [4]]])
    answers = [[Answer("contradicted", [False, True]), Answer("not_stated", None, "supported")]]
    targets = make_targets(answers, batch)
    assert targets.labels.tolist() == [[1, 2]]
    assert targets.alone.tolist() == [[-1.0, 1.0]]
    assert targets.wrong[0, 0].tolist() == [-1.0] * 6 + [0.0, 1.0] + [-1.0] * 4
    assert bool((targets.wrong[0, 1] == -1).all())


def test_targets_of_a_claim_that_is_not_there_are_unknown() -> None:
    targets = make_targets([[Answer("supported", [False])]], make([[5]], [[[8]]]))
    assert targets.labels.tolist() == [[0, -100]]
    assert bool((targets.wrong[0, 1] == -1).all()) and float(targets.alone[0, 1]) == -1.0


@pytest.mark.parametrize(("label", "expected"), [("supported", 1.0), ("contradicted", 0.0), ("not_stated", -1.0)])
def test_wording_says_true_or_false_or_nothing(label: str, expected: float) -> None:
    assert float(make_targets([[Answer("not_stated", None, label)]], make([[]], [[[8]]])).alone[0, 0]) == expected


def test_marks_of_a_cut_claim_stay_within_it() -> None:
    batch = make([[5]], [[[*range(20, 30)]]])
    wrong = make_targets([[Answer("contradicted", [True] * 10)]], batch).wrong[0, 0]
    begin = int(batch.second[0, 0])
    assert wrong.tolist() == [-1.0] * begin + [1.0] * 3 + [-1.0] * 2  # none on the separator that follows


def test_batches_and_targets_move_to_a_device() -> None:
    batch = make([[5]], [[[8]]])
    targets = make_targets([[Answer("supported")]], batch)
    assert to_device(batch, torch.device("meta")).claims.is_meta
    assert to_device(targets, torch.device("meta")).labels.is_meta
