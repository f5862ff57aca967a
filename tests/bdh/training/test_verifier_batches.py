"""Batches of a verifier: texts in padded rows, and targets at the places of their claims."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bdh.training.verifier_batches import ClaimAnnotation, make_batch, make_targets, repeat_claim, to_device
from bdh.verifier import ClaimBatch


def make(
    evidence: list[list[int]], claims: list[list[list[int]]], *, evidence_length: int = 6, length: int = 12
) -> ClaimBatch:
    return make_batch(
        evidence, claims, separator=[1, 1], evidence_length=evidence_length, claims_per_row=2, claim_length=length
    )


def test_evidence_is_padded_on_the_left_and_claims_on_the_right() -> None:
    batch = make([[5, 6, 7], []], [[[8, 9], [4]], [[3, 2]]])
    assert batch.evidence.tolist() == [[0, 0, 0, 5, 6, 7], [0] * 6]
    assert batch.evidence_lengths.tolist() == [3, 0]
    assert batch.claims[0, 0].tolist() == [1, 1, 8, 9, 1, 1, 8, 9, 1, 1, 0, 0]
    assert batch.claim_lengths.tolist() == [[10, 8], [10, 0]]
    assert batch.second.tolist() == [[6, 5], [6, 0]]


def test_texts_that_are_too_long_are_cut() -> None:
    batch = make([[*range(10, 20)]], [[[*range(20, 30)], [2], [3]]])
    assert batch.evidence.tolist() == [[14, 15, 16, 17, 18, 19]]
    assert batch.claims[0, 0].tolist() == [1, 1, 20, 21, 22, 1, 1, 20, 21, 22, 1, 1]
    assert batch.claims.shape == (1, 2, 12)


def test_evidence_length_zero_is_no_evidence() -> None:
    batch = make([[5, 6, 7]], [[[8]]], evidence_length=0)
    assert batch.evidence.shape == (1, 0) and batch.evidence_lengths.tolist() == [0]


@given(
    claim=st.lists(st.integers(2, 9), max_size=9),
    separator=st.lists(st.just(1), max_size=3),
    longest=st.one_of(st.none(), st.integers(9, 30)),
)
def test_repeated_claim_fits_its_length(claim: list[int], separator: list[int], longest: int | None) -> None:
    tokens, second = repeat_claim(claim, separator, longest)
    kept = (len(tokens) - 3 * len(separator)) // 2
    assert longest is None or len(tokens) <= longest
    assert tokens[second : second + kept] == claim[:kept] == tokens[len(separator) : len(separator) + kept]
    assert kept == len(claim) or (longest is not None and len(tokens) > longest - 2)


def test_targets_are_at_the_places_of_their_claims() -> None:
    batch = make([[5]], [[[8, 9], [4]]])
    annotations = [[ClaimAnnotation("contradicted", [False, True]), ClaimAnnotation("not_stated", None, "supported")]]
    targets = make_targets(annotations, batch)
    assert targets.labels.tolist() == [[1, 2]]
    assert targets.claim_only.tolist() == [[-1.0, 1.0]]
    assert targets.wrong[0, 0].tolist() == [-1.0] * 6 + [0.0, 1.0] + [-1.0] * 4
    assert bool((targets.wrong[0, 1] == -1).all())


def test_targets_of_a_missing_claim_are_unknown() -> None:
    targets = make_targets([[ClaimAnnotation("supported", [False])]], make([[5]], [[[8]]]))
    assert targets.labels.tolist() == [[0, -100]]
    assert bool((targets.wrong[0, 1] == -1).all()) and float(targets.claim_only[0, 1]) == -1.0


@pytest.mark.parametrize(("label", "expected"), [("supported", 1.0), ("contradicted", 0.0), ("not_stated", -1.0)])
def test_claim_only_target_is_one_zero_or_unknown(label: str, expected: float) -> None:
    assert (
        float(make_targets([[ClaimAnnotation("not_stated", None, label)]], make([[]], [[[8]]])).claim_only[0, 0])
        == expected
    )


def test_marks_of_a_cut_claim_stay_within_it() -> None:
    batch = make([[5]], [[[*range(20, 30)]]])
    wrong = make_targets([[ClaimAnnotation("contradicted", [True] * 10)]], batch).wrong[0, 0]
    begin = int(batch.second[0, 0])
    assert wrong.tolist() == [-1.0] * begin + [1.0] * 3 + [-1.0] * 2  # none on the separator that follows


def test_batches_and_targets_move_to_a_device() -> None:
    batch = make([[5]], [[[8]]])
    targets = make_targets([[ClaimAnnotation("supported")]], batch)
    assert to_device(batch, torch.device("meta")).claims.is_meta
    assert to_device(targets, torch.device("meta")).labels.is_meta
