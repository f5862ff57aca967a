"""The loss of a verifier on labelled claims, in parts that each train one part of its head."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from bdh.shapes import Float, Int, Tensor
from bdh.training.verifier_batches import IGNORED, ClaimTargets
from bdh.verifier import CLAIM_LABELS, ClaimBatch, ClaimHeadOutput, ClaimVerifier


@dataclass(frozen=True)
class LossWeights:
    """The weight of each part of the loss; see ``verifier_loss``."""

    label: float = 1.0
    margin: float = 0.3
    evidence: float = 0.7
    expected: float = 1.0
    wrong: float = 0.3
    alone: float = 0.5


def verifier_loss(output: ClaimHeadOutput, targets: ClaimTargets, weights: LossWeights) -> dict[str, Float[Tensor, ""]]:
    """Return the weighted sum, ``total``, and the parts of the loss of a batch.

    ``label``: cross-entropy of the labels. ``margin``: logistic ranking loss of each supported and contradicted claim
    of one row, by the log-odds of the labels. ``evidence``: the same ranking by the evidence log-odds, and their
    cross-entropy for supported against contradicted. ``expected``: squared error of the expected match where nothing
    is stated. ``wrong``: cross-entropy of the marks of wrong tokens. ``alone``: cross-entropy of the claim-only
    log-odds, for claims read without evidence.
    """
    labels = targets.labels
    decided = (labels == 0) | (labels == 1)
    by_evidence = _cross_entropy(output.evidence, (labels == 0).float())
    unstated = (labels == CLAIM_LABELS.index("not_stated"))[..., None] & (output.weight > 0)
    known = targets.claim_only >= 0
    parts = {
        "label": F.cross_entropy(output.logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED),
        "margin": _ranking(output.logits[..., 0] - output.logits[..., 1], labels),
        "evidence": _ranking(output.evidence, labels) + 0.5 * _average(by_evidence, decided),
        "expected": _average((output.match.detach() - output.expected).square(), unstated),
        "wrong": _average(_cross_entropy(output.wrong, targets.wrong.clamp(min=0)), targets.wrong >= 0),
        "alone": _average(_cross_entropy(output.claim_only, targets.claim_only.clamp(min=0)), known),
    }
    total = sum((getattr(weights, name) * part for name, part in parts.items()), torch.zeros((), device=labels.device))
    return {"total": total, **{name: part.detach() for name, part in parts.items()}}


def language_loss(
    verifier: ClaimVerifier, batch: ClaimBatch, targets: ClaimTargets, output: ClaimHeadOutput
) -> Float[Tensor, ""]:
    """Return the nats per token of the first reading of each row's first claim, if the evidence supports it."""
    half = batch.claims.shape[2] // 2
    following = batch.claims[:, 0, 1:half].clone()
    positions = torch.arange(1, half, device=following.device)
    following[(positions >= batch.second[:, :1]) | (targets.labels[:, :1] != 0)] = IGNORED
    logits, _ = verifier.model.head(output.hidden[:, 0, : half - 1].to(output.logits.dtype), None)
    nats = F.cross_entropy(logits.flatten(0, 1).float(), following.flatten(), ignore_index=IGNORED, reduction="sum")
    return nats / (following != IGNORED).sum().clamp(min=1)


def _ranking(odds: Float[Tensor, "B K"], labels: Int[Tensor, "B K"]) -> Float[Tensor, ""]:
    """Return the mean logistic loss over pairs of a supported and a contradicted claim of one row."""
    pairs = (labels == 0)[:, :, None] & (labels == 1)[:, None, :]
    return _average(F.softplus(odds[:, None, :] - odds[:, :, None]), pairs)


def _cross_entropy(odds: Tensor, truth: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(odds, truth, reduction="none")


def _average(values: Tensor, chosen: Tensor) -> Float[Tensor, ""]:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
