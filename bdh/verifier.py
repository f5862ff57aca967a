"""A verifier: a BDH that labels claims given evidence, by a head on claims that continue the memory of the evidence.

The evidence leaves a memory S per layer. Each claim starts from its own fork of S: evidence is encoded once for many
claims, and no claim sees another. A claim is read twice in a row, so that in the second reading every token has seen
the evidence and the whole claim; the head uses the second reading. Without evidence the memory is empty at the start;
with a ``state`` the evidence continues an earlier text, such as the chapters about a character.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn

from bdh.checkpoint import load_bdh, read_tensors, save, write_tensors
from bdh.errors import CheckpointError, StateError
from bdh.model import BDH
from bdh.ops import parallel, shared_prefix
from bdh.ops.rotary import make_rotation
from bdh.shapes import Bool, Float, Int, Tensor
from bdh.state import BDHState
from bdh.tokenizer import Tokenizer

ClaimLabel = Literal["supported", "contradicted", "not_stated"]
EvidenceRotation = tuple[Float[Tensor, "E N"], Float[Tensor, "E N"]]
ClaimRotation = tuple[Float[Tensor, "C N"], Float[Tensor, "C N"]]
_Inputs = tuple[Tensor, Tensor, Tensor, EvidenceRotation, ClaimRotation, Tensor | None]
_HEAD_FILE = "claim_head.safetensors"
_HEAD_VERSION = "1"
CLAIM_LABELS: tuple[ClaimLabel, ...] = get_args(ClaimLabel)


@dataclass(frozen=True)
class ClaimBatch:
    """B rows of evidence with K claims each.

    ``evidence`` is padded on the left to E tokens, of which ``evidence_lengths`` are real. ``claims`` are padded on the
    right to C tokens, of which ``claim_lengths`` are real (0 for no claim); the second reading begins at ``second``.
    """

    evidence: Int[Tensor, "B E"]
    evidence_lengths: Int[Tensor, "B"]
    claims: Int[Tensor, "B K C"]
    claim_lengths: Int[Tensor, "B K"]
    second: Int[Tensor, "B K"]


@dataclass(frozen=True)
class ClaimHeadOutput:
    """The output of a verifier for each claim.

    ``logits`` are those of ``CLAIM_LABELS``, ``wrong`` the log-odds of each token being wrong. ``match`` is the cosine
    of each claim token with the best evidence token, ``expected`` the match of such a token with unrelated evidence,
    ``weight`` the share of the token (0 outside the second reading; the weights of a claim sum to 1). ``evidence`` is
    the log-odds of supported against contradicted by the matches: the weighted surplus of match over expectation,
    which is 0 without evidence. ``claim_only`` is the log-odds of a claim read without evidence, by its wording; it is
    not defined for a claim read with evidence. ``hidden`` are the last hidden vectors of claims and evidence.
    """

    logits: Float[Tensor, "B K 3"]
    evidence: Float[Tensor, "B K"]
    claim_only: Float[Tensor, "B K"]
    wrong: Float[Tensor, "B K C"]
    match: Float[Tensor, "B K C"]
    expected: Float[Tensor, "B K C"]
    weight: Float[Tensor, "B K C"]
    hidden: Float[Tensor, "B K C D"]
    evidence_hidden: Float[Tensor, "B E D"]


@dataclass(frozen=True)
class ClaimTrace:
    """The contribution of each evidence token, and of each neuron over the evidence, to the output for one claim."""

    tokens: Float[Tensor, "E"]
    neurons: Float[Tensor, "L H N"]


class ClaimHead(nn.Module):
    """The head on the second reading of a claim: pointers from its tokens to the evidence, and labels.

    The names of its parameters are those in stored files: ``alone`` gives the claim-only log-odds.
    """

    def __init__(self, width: int, *, inner: int = 256, pointer: int = 128, dropout: float = 0.1) -> None:
        super().__init__()
        self.pointer = nn.Linear(width, pointer)
        self.weight = nn.Linear(width, 1)
        self.expected = nn.Linear(width, 1)
        self.evidence = nn.Parameter(torch.tensor([10.0, 0.0]))
        self.wrong = nn.Linear(width, 1)
        self.wrong_match = nn.Parameter(torch.tensor(-1.0))
        self.alone = nn.Linear(2 * width, 1)
        self.enter = nn.Linear(3 * width + 3, inner)
        self.leave = nn.Linear(inner, len(CLAIM_LABELS))
        self.dropout = dropout

    def forward(
        self,
        hidden: Float[Tensor, "B K C D"],
        evidence: Float[Tensor, "B E D"],
        seen: Bool[Tensor, "B E"],
        words: Float[Tensor, "B K C D"],
        batch: ClaimBatch,
    ) -> ClaimHeadOutput:
        """Return the output from the last hidden vectors of claims and evidence; ``words`` are the embedded claims.

        ``seen`` is True for evidence tokens that are not padding.
        """
        hidden, evidence = hidden.float(), evidence.float()
        positions = torch.arange(hidden.shape[2], device=hidden.device)
        inside = (positions >= batch.second[..., None]) & (positions < batch.claim_lengths[..., None] - 1)  # (B, K, C)
        expected = torch.sigmoid(self.expected(words.detach())[..., 0].float())
        match = self.best_matches(hidden, evidence, seen, expected)
        weight = (self.weight(hidden)[..., 0].float()).masked_fill(~inside, -1e4).softmax(-1) * inside
        surplus = match - expected.detach()
        summed = (weight * surplus).sum(-1)
        evidence_odds = self.evidence[0] * summed
        wrong = self.wrong(hidden)[..., 0].float() + self.wrong_match * 10 * surplus
        focus = wrong.masked_fill(~inside, -1e4).softmax(-1)
        even = inside / inside.sum(-1, keepdim=True).clamp(min=1)
        least = (-10 * surplus).masked_fill(~inside, -1e4).softmax(-1)
        surpluses = [summed, (even * surplus).sum(-1), (least * surplus).sum(-1)]
        last = (batch.claim_lengths - 1).clamp(min=0)[..., None, None].expand(-1, -1, 1, hidden.shape[3])
        whole = [hidden.gather(2, last)[:, :, 0], _mean(even, hidden)]
        claim_only = self.alone(torch.cat(whole, -1))[..., 0].float()
        parts = [*whole, _mean(focus, hidden), 10 * torch.stack(surpluses, -1)]
        inner = F.dropout(F.gelu(self.enter(torch.cat(parts, -1))), self.dropout, self.training)
        logits = self.leave(inner).float()
        return ClaimHeadOutput(logits, evidence_odds, claim_only, wrong, match, expected, weight, hidden, evidence)

    def best_matches(
        self,
        hidden: Float[Tensor, "B K C D"],
        evidence: Float[Tensor, "B E D"],
        seen: Bool[Tensor, "B E"],
        expected: Float[Tensor, "B K C"],
    ) -> Float[Tensor, "B K C"]:
        """Return the cosine of each claim token with its nearest evidence token; without evidence, ``expected``."""
        if not evidence.shape[1]:
            return expected.detach()
        cosines = self.cosines(hidden, evidence).float().masked_fill(~seen[:, None, None], -1.0)
        best = cosines.amax(-1)
        return torch.where(seen.any(-1)[:, None, None], best, expected.detach())

    def cosines(self, hidden: Float[Tensor, "B K C D"], evidence: Float[Tensor, "B E D"]) -> Float[Tensor, "B K C E"]:
        """Return the cosines of the pointers of claim and evidence tokens."""
        queries = F.normalize(self.pointer(hidden).float(), dim=-1)
        keys = F.normalize(self.pointer(evidence).float(), dim=-1)
        return (queries.flatten(1, 2) @ keys.mT).view(*queries.shape[:3], -1)


class ClaimVerifier(nn.Module):
    """A BDH that encodes evidence and claims, and the head that labels the claims."""

    def __init__(self, model: BDH, *, inner: int = 256) -> None:
        super().__init__()
        self.model = model
        self.claim_head = ClaimHead(model.config.n_embd, inner=inner, dropout=model.config.dropout)
        self._compiled: Callable[..., tuple[Tensor, Tensor]] | None = None

    def forward(self, batch: ClaimBatch, state: BDHState | None = None) -> ClaimHeadOutput:
        """Encode each row's evidence and, from forks of its memory, each of the row's claims.

        ``state`` is that of a text before the evidence, which must then have no padding. Raises StateError.
        """
        inputs = self._inputs(batch, state)
        hidden, evidence = (self._compiled or self.trunk)(*inputs)
        return self._head(hidden, evidence, inputs[1], batch)

    def _head(self, hidden: Tensor, evidence: Tensor, seen: Tensor, batch: ClaimBatch) -> ClaimHeadOutput:
        output: ClaimHeadOutput = self.claim_head(hidden, evidence, seen, self.model.embedded(batch.claims), batch)
        return output

    def trace(self, batch: ClaimBatch, *, row: int = 0, claim: int = 0) -> ClaimTrace:
        """Return the contributions of evidence tokens and neurons to one claim's output: gradient times activity.

        The gradient is that of the log-odds of supported against contradicted; positive contributions support it.
        """
        with torch.enable_grad():
            evidence, seen, claims, before, after, memory = self._inputs(batch, None)
            v = self.model.embedded(evidence).detach().requires_grad_()
            neurons: list[Tensor] = []
            read = self._layers(v, seen, claims, before, after, memory, observe=neurons.append)
            logits = self._head(*read, seen, batch).logits
            odds = logits[row, claim, 0] - logits[row, claim, 1]
            slopes = torch.autograd.grad(odds, [v, *neurons])
        tokens = (slopes[0] * v)[row].sum(-1).detach().float()
        shares = [(slope * x)[row].sum(1).detach().float() for slope, x in zip(slopes[1:], neurons, strict=True)]
        return ClaimTrace(tokens[seen[row]], torch.stack(shares))

    def set_dropout(self, share: float) -> None:
        """Set the dropout of the model and of the head in training."""
        self.model.config = replace(self.model.config, dropout=share)
        self.claim_head.dropout = share

    def compile_training(self) -> None:
        """Compile the trunk with torch.compile, for batches of one shape."""
        self._compiled = torch.compile(self.trunk, dynamic=False)

    def _inputs(self, batch: ClaimBatch, state: BDHState | None) -> _Inputs:
        evidence, claims = batch.evidence, batch.claims
        length, begin, memory = evidence.shape[1], 0, None
        seen = torch.arange(length, device=evidence.device) >= length - batch.evidence_lengths[:, None]
        if state is not None:
            state.check(self.model.config, evidence.shape[0])
            if not bool(seen.all()):
                raise StateError("evidence after a state must have no padding; give rows of one length, or no state")
            begin, memory = state.position, state.memory
        frequencies = self.model.attn.freqs.view(-1)
        before = make_rotation(frequencies, start=begin, length=length)
        after = make_rotation(frequencies, start=begin + length, length=claims.shape[2])
        return evidence, seen, claims, before, after, memory

    def trunk(
        self,
        evidence: Int[Tensor, "B E"],
        seen: Bool[Tensor, "B E"],
        claims: Int[Tensor, "B K C"],
        before: EvidenceRotation,
        after: ClaimRotation,
        memory: Float[Tensor, "L B H N D"] | None,
    ) -> tuple[Float[Tensor, "B K C D"], Float[Tensor, "B E D"]]:
        """Return the last hidden vectors of claims and evidence.

        Free of Python integers that change from call to call, so that it is compiled only once.
        """
        return self._layers(self.model.embedded(evidence), seen, claims, before, after, memory)

    def _layers(
        self,
        v: Float[Tensor, "B E D"],
        seen: Bool[Tensor, "B E"],
        claims: Int[Tensor, "B K C"],
        before: EvidenceRotation,
        after: ClaimRotation,
        memory: Float[Tensor, "L B H N D"] | None,
        observe: Callable[[Tensor], object] | None = None,
    ) -> tuple[Float[Tensor, "B K C D"], Float[Tensor, "B E D"]]:
        """Compute the layers for evidence and claims in step; ``observe`` is called with the evidence's neurons x."""
        model = self.model
        dtype, decay = model.encoder.dtype, model.attn.decay()
        rows, count, length = claims.shape
        rotation = (before[0].to(dtype), before[1].to(dtype))
        claim_rotation = (after[0].to(dtype).repeat(count, 1), after[1].to(dtype).repeat(count, 1))
        inside = None if decay is None else parallel.make_damping(decay, v.shape[1], dtype)
        across = None if decay is None else parallel.make_damping(decay, length, dtype)
        mask = seen[..., None].to(dtype)
        # Without gradients and for few claim tokens, evidence is read at its keys: writing a memory would cost more.
        direct = memory is None and not torch.is_grad_enabled() and 0 < claims[0].numel() <= model.config.n_embd
        damping = (
            shared_prefix.prefix_damping(decay, length, v.shape[1], dtype) if direct and decay is not None else None
        )
        prefix: shared_prefix.Prefix | None = None

        def attend_evidence(q: Tensor, v: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
            nonlocal prefix
            prefix = shared_prefix.Prefix(q, v * mask, damping) if direct else None
            return parallel.attend(q, v * mask, memory, decay, damping=inside, write=not direct)

        def attend_claims(q: Tensor, v: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
            return shared_prefix.attend(q, v, memory, across, count, prefix), None

        c = model.embedded(claims.flatten(1))
        for layer in range(model.config.n_layer):
            left = None if memory is None else memory[layer]
            if v.shape[1]:
                v, left, x, _ = model.layer(v, rotation, left, attend_evidence)
                if observe is not None:
                    observe(x)
            c, _, _, _ = model.layer(c, claim_rotation, left, attend_claims)
        return c.view(rows, count, length, -1), v


def _mean(weights: Float[Tensor, "B K C"], hidden: Float[Tensor, "B K C D"]) -> Float[Tensor, "B K D"]:
    return (weights[..., None, :].to(hidden.dtype) @ hidden)[..., 0, :]


def save_claim_verifier(
    folder: str | Path,
    verifier: ClaimVerifier,
    tokenizer: Tokenizer,
    *,
    card: str = "",
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a model folder that contains the claim head; ``dtype`` is the precision in which both are stored."""
    folder = save(folder, verifier.model, tokenizer, card=card, dtype=dtype)
    head = {name: tensor.to(dtype or tensor.dtype) for name, tensor in verifier.claim_head.state_dict().items()}
    write_tensors(folder / _HEAD_FILE, head, {"format": "pt", "claim_head": _HEAD_VERSION})
    return folder


def has_claim_head(folder: str | Path) -> bool:
    """Return whether a model folder contains a claim head."""
    return (Path(folder) / _HEAD_FILE).is_file()


def load_claim_verifier(
    folder: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> tuple[ClaimVerifier, Tokenizer]:
    """Return the verifier that ``save_claim_verifier`` wrote, in evaluation mode; raises CheckpointError."""
    folder = Path(folder)
    model, tokenizer = load_bdh(folder, device=device, dtype=dtype)
    weights = read_tensors(folder / _HEAD_FILE)
    enter = weights.get("enter.weight")
    if enter is None or enter.dim() != 2:
        raise CheckpointError(f"{folder / _HEAD_FILE} is not a claim head; expected enter.weight and others")
    verifier = ClaimVerifier(model, inner=enter.shape[0])
    expected = {name: tuple(tensor.shape) for name, tensor in verifier.claim_head.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        raise CheckpointError(f"{folder / _HEAD_FILE} does not fit the model: found {found}, expected {expected}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise CheckpointError(f"{folder / _HEAD_FILE} is damaged: it contains numbers that are not finite")
    verifier.claim_head.load_state_dict(weights)
    return verifier.to(device).eval(), tokenizer
