"""What a claim reader is trained on: batches of evidence with claims, and the loss of its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
import torch.nn.functional as F

from bdh.claims import CLAIM_LABELS, ClaimBatch, ClaimOutput
from bdh.shapes import Float, Int, Tensor

IGNORED = -100
_I = TypeVar("_I", "ClaimBatch", "ClaimTargets")


@dataclass(frozen=True)
class Answer:
    """What is known of a claim: its label, which of its tokens are wrong, and what it is where it is read alone.

    ``wrong`` None is unknown. ``alone`` is the label that the claim has before its own evidence, given where there is
    none, so that its wording can be learned apart.
    """

    label: str
    wrong: Sequence[bool] | None = None
    alone: str | None = None


@dataclass(frozen=True)
class ClaimTargets:
    """Labels (-100 for none), wrong tokens, and whether claims read alone are supported (of both -1 for unknown)."""

    labels: Int[Tensor, "B K"]
    wrong: Float[Tensor, "B K C"]
    alone: Float[Tensor, "B K"]


@dataclass(frozen=True)
class LossWeights:
    """How much each part of the loss counts; see ``comparison_loss``."""

    label: float = 1.0
    margin: float = 0.3
    evidence: float = 0.7
    expected: float = 1.0
    wrong: float = 0.3
    alone: float = 0.5


def comparison_loss(output: ClaimOutput, targets: ClaimTargets, weights: LossWeights) -> dict[str, Float[Tensor, ""]]:
    """Return the weighted sum, ``total``, and the parts of the loss of a batch.

    ``label``: cross-entropy of the labels. ``margin``: order of each supported and contradicted claim of one row by
    the log-odds of the labels. ``evidence``: the same order by what the matches say, and cross-entropy of supported
    against contradicted by it. ``expected``: squared error of the expected match where nothing is stated. ``wrong``:
    cross-entropy of the marks of wrong tokens. ``alone``: that of supported against contradicted by the wording, of
    claims read without evidence.
    """
    labels = targets.labels
    decided = (labels == 0) | (labels == 1)
    settled = _cross_entropy(output.evidence, (labels == 0).float())
    apart = (labels == CLAIM_LABELS.index("not_stated"))[..., None] & (output.weight > 0)
    parts = {
        "label": F.cross_entropy(output.logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED),
        "margin": _order(output.logits[..., 0] - output.logits[..., 1], labels),
        "evidence": _order(output.evidence, labels) + 0.5 * _average(settled, decided),
        "expected": _average((output.match.detach() - output.expected).square(), apart),
        "wrong": _average(_cross_entropy(output.wrong, targets.wrong.clamp(min=0)), targets.wrong >= 0),
        "alone": _average(_cross_entropy(output.alone, targets.alone.clamp(min=0)), targets.alone >= 0),
    }
    total = sum((getattr(weights, name) * part for name, part in parts.items()), torch.zeros((), device=labels.device))
    return {"total": total, **{name: part.detach() for name, part in parts.items()}}


def _order(odds: Float[Tensor, "B K"], labels: Int[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Return the logistic loss of each contradicted claim that stands above a supported one of its row."""
    pairs = (labels == 0)[:, :, None] & (labels == 1)[:, None, :]
    return _average(F.softplus(odds[:, None, :] - odds[:, :, None]), pairs)


def _cross_entropy(odds: Tensor, truth: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(odds, truth, reduction="none")


def _average(values: Tensor, chosen: Tensor) -> Float[Tensor, ""]:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def make_batch(
    evidence: Sequence[Sequence[int]],
    claims: Sequence[Sequence[Sequence[int]]],
    *,
    separator: Sequence[int],
    evidence_length: int,
    claims_per_row: int,
    claim_length: int,
) -> ClaimBatch:
    """Return rows of evidence and claims as tensors; what is too long is cut, evidence at its beginning."""
    rows = len(evidence)
    texts = torch.zeros(rows, evidence_length, dtype=torch.long)
    lengths = torch.zeros(rows, dtype=torch.long)
    asked = torch.zeros(rows, claims_per_row, claim_length, dtype=torch.long)
    ends = torch.zeros(rows, claims_per_row, dtype=torch.long)
    second = torch.zeros(rows, claims_per_row, dtype=torch.long)
    for row, (text, own) in enumerate(zip(evidence, claims, strict=True)):
        kept = list(text)[-evidence_length:] if evidence_length else []
        lengths[row] = len(kept)
        if kept:
            texts[row, -len(kept) :] = torch.tensor(kept)
        for place, claim in enumerate(own[:claims_per_row]):
            tokens, begin = twice(claim, separator, claim_length)
            asked[row, place, : len(tokens)] = torch.tensor(tokens)
            ends[row, place], second[row, place] = len(tokens), begin
    return ClaimBatch(texts, lengths, asked, ends, second)


def twice(claim: Sequence[int], separator: Sequence[int], longest: int | None = None) -> tuple[list[int], int]:
    """Return separator, claim, separator, claim, separator, and where the second reading begins."""
    if longest is not None:
        claim = claim[: (longest - 3 * len(separator)) // 2]
    first = [*separator, *claim, *separator]
    return [*first, *claim, *separator], len(first)


def make_targets(answers: Sequence[Sequence[Answer]], batch: ClaimBatch) -> ClaimTargets:
    """Return what is known of the claims of ``batch``; wrong tokens are marked in the second reading."""
    labels = torch.full(batch.second.shape, IGNORED)
    alone = torch.full(batch.second.shape, -1.0)
    wrong = torch.full(batch.claims.shape, -1.0)
    for row, own in enumerate(answers):
        for place, answer in enumerate(own[: labels.shape[1]]):
            labels[row, place] = CLAIM_LABELS.index(answer.label)
            if answer.alone in ("supported", "contradicted"):
                alone[row, place] = float(answer.alone == "supported")
            if answer.wrong is not None:
                begin = int(batch.second[row, place])
                kept = 2 * int(batch.claim_lengths[row, place]) - 3 * begin  # of two readings and three separators
                marks = torch.tensor([float(mark) for mark in answer.wrong[:kept]])
                wrong[row, place, begin : begin + len(marks)] = marks
    return ClaimTargets(labels, wrong, alone)


def to_device(item: _I, device: torch.device) -> _I:
    """Return a batch or its targets on ``device``."""
    return replace(item, **{f.name: getattr(item, f.name).to(device, non_blocking=True) for f in fields(item)})
