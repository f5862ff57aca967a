"""Batches of evidence with claims for a verifier, and what is known of the claims."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch

from bdh.shapes import Float, Int
from bdh.verifier import CLAIM_LABELS, ClaimBatch

IGNORED = -100
_B = TypeVar("_B", "ClaimBatch", "ClaimTargets")


@dataclass(frozen=True)
class ClaimAnnotation:
    """What is known of a claim: its label, and which of its tokens are wrong (None for unknown).

    ``claim_only``, for a claim read without evidence, is the label that it has given its evidence: the claim-only
    log-odds learn it, so that the other parts of the head need not.
    """

    label: str
    wrong: Sequence[bool] | None = None
    claim_only: str | None = None


@dataclass(frozen=True)
class ClaimTargets:
    """The targets of a batch of claims.

    ``labels`` are indices into ``CLAIM_LABELS``, -100 for none. ``wrong`` is 1 for wrong tokens, ``claim_only`` is 1
    for supported and 0 for contradicted claims read without evidence; both are -1 for unknown.
    """

    labels: Int[torch.Tensor, "B K"]
    wrong: Float[torch.Tensor, "B K C"]
    claim_only: Float[torch.Tensor, "B K"]


def make_batch(
    evidence: Sequence[Sequence[int]],
    claims: Sequence[Sequence[Sequence[int]]],
    *,
    separator: Sequence[int],
    evidence_length: int,
    claims_per_row: int,
    claim_length: int,
) -> ClaimBatch:
    """Return rows of evidence and claims as tensors; long evidence loses its start, long claims their end."""
    rows = len(evidence)
    evidence_tokens = torch.zeros(rows, evidence_length, dtype=torch.long)
    evidence_lengths = torch.zeros(rows, dtype=torch.long)
    claim_tokens = torch.zeros(rows, claims_per_row, claim_length, dtype=torch.long)
    claim_lengths = torch.zeros(rows, claims_per_row, dtype=torch.long)
    second = torch.zeros(rows, claims_per_row, dtype=torch.long)
    for row, (text, own) in enumerate(zip(evidence, claims, strict=True)):
        kept = list(text)[-evidence_length:] if evidence_length else []
        evidence_lengths[row] = len(kept)
        if kept:
            evidence_tokens[row, -len(kept) :] = torch.tensor(kept)
        for place, claim in enumerate(own[:claims_per_row]):
            tokens, begin = repeat_claim(claim, separator, claim_length)
            claim_tokens[row, place, : len(tokens)] = torch.tensor(tokens)
            claim_lengths[row, place], second[row, place] = len(tokens), begin
    return ClaimBatch(evidence_tokens, evidence_lengths, claim_tokens, claim_lengths, second)


def repeat_claim(claim: Sequence[int], separator: Sequence[int], longest: int | None = None) -> tuple[list[int], int]:
    """Return separator, claim, separator, claim, separator, and the index at which the second reading begins."""
    if longest is not None:
        claim = claim[: (longest - 3 * len(separator)) // 2]
    first = [*separator, *claim, *separator]
    return [*first, *claim, *separator], len(first)


def make_targets(annotations: Sequence[Sequence[ClaimAnnotation]], batch: ClaimBatch) -> ClaimTargets:
    """Return the targets of the claims of ``batch``; wrong tokens are marked in the second reading."""
    labels = torch.full(batch.second.shape, IGNORED)
    claim_only = torch.full(batch.second.shape, -1.0)
    wrong = torch.full(batch.claims.shape, -1.0)
    for row, own in enumerate(annotations):
        for place, known in enumerate(own[: labels.shape[1]]):
            labels[row, place] = CLAIM_LABELS.index(known.label)
            if known.claim_only in ("supported", "contradicted"):
                claim_only[row, place] = float(known.claim_only == "supported")
            if known.wrong is not None:
                begin = int(batch.second[row, place])
                kept = 2 * int(batch.claim_lengths[row, place]) - 3 * begin  # of two readings and three separators
                marks = torch.tensor([float(mark) for mark in known.wrong[:kept]])
                wrong[row, place, begin : begin + len(marks)] = marks
    return ClaimTargets(labels, wrong, claim_only)


def to_device(item: _B, device: torch.device) -> _B:
    """Return a batch or its targets on ``device``."""
    return replace(item, **{f.name: getattr(item, f.name).to(device, non_blocking=True) for f in fields(item)})
