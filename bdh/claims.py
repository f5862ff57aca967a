"""A claim head on the streaming model: evidence is streamed, the memory forked, each claim read from the fork.

The evidence leaves a memory S per layer. Every claim begins with its own fork of S, so that many claims are checked
against one evidence at the price of one, and none of them sees another. A claim is read twice in a row: the first time
its early words cannot know its late ones; the second time every word has seen the evidence and the whole claim. The
head stands on the second reading. Without evidence the fork begins from an empty memory; with a ``state`` the evidence
goes on from what was read before, such as a character's own chapters.
"""

import os
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
from bdh.ops import forked, parallel
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
    """B pieces of evidence with K claims each.

    ``evidence`` stands at the right end of its row, ``evidence_lengths`` tokens of it; what stands before is not seen.
    ``claims`` stand at the left end, ``claim_lengths`` tokens each, the second reading from ``second`` on. A length of
    0 is a claim that is not there.
    """

    evidence: Int[Tensor, "B E"]
    evidence_lengths: Int[Tensor, "B"]
    claims: Int[Tensor, "B K C"]
    claim_lengths: Int[Tensor, "B K"]
    second: Int[Tensor, "B K"]


@dataclass(frozen=True)
class ClaimOutput:
    """What a reader says of each claim.

    ``logits`` of supported, contradicted and not_stated; ``wrong``: of each token being wrong. ``match`` is how well
    the best evidence token answers each token of the claim (a cosine), ``expected`` what a token of this kind finds in
    evidence that has nothing to do with it, ``weight`` how much the token counts (0 outside the second reading; the
    weights of a claim sum to 1). ``evidence`` is the log-odds that the matches alone speak: the weighted surplus of
    match over expectation, which is 0 without evidence. ``alone`` are the log-odds that a claim read without evidence
    has by its wording; before evidence they mean nothing.
    """

    logits: Float[Tensor, "B K 3"]
    evidence: Float[Tensor, "B K"]
    alone: Float[Tensor, "B K"]
    wrong: Float[Tensor, "B K C"]
    match: Float[Tensor, "B K C"]
    expected: Float[Tensor, "B K C"]
    weight: Float[Tensor, "B K C"]
    hidden: Float[Tensor, "B K C D"]
    evidence_hidden: Float[Tensor, "B E D"]


@dataclass(frozen=True)
class ClaimTrace:
    """What carried an answer: the share of each evidence token, and of each neuron of each layer over the evidence."""

    tokens: Float[Tensor, "E"]
    neurons: Float[Tensor, "L H N"]


class ClaimHead(nn.Module):
    """What turns the second reading of a claim into answers: pointers from its tokens to the evidence, and labels."""

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
    ) -> ClaimOutput:
        """Answer from the last hidden vectors of claims and evidence; ``words`` are the claims as embedded."""
        hidden, evidence = hidden.float(), evidence.float()
        places = torch.arange(hidden.shape[2], device=hidden.device)
        inside = (places >= batch.second[..., None]) & (places < batch.claim_lengths[..., None] - 1)  # (B, K, C)
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
        told = [summed, (even * surplus).sum(-1), (least * surplus).sum(-1)]
        last = (batch.claim_lengths - 1).clamp(min=0)[..., None, None].expand(-1, -1, 1, hidden.shape[3])
        whole = [hidden.gather(2, last)[:, :, 0], _mean(even, hidden)]
        alone = self.alone(torch.cat(whole, -1))[..., 0].float()
        parts = [*whole, _mean(focus, hidden), 10 * torch.stack(told, -1)]
        inner = F.dropout(F.gelu(self.enter(torch.cat(parts, -1))), self.dropout, self.training)
        logits = self.leave(inner).float()
        return ClaimOutput(logits, evidence_odds, alone, wrong, match, expected, weight, hidden, evidence)

    def best_matches(
        self,
        hidden: Float[Tensor, "B K C D"],
        evidence: Float[Tensor, "B E D"],
        seen: Bool[Tensor, "B E"],
        expected: Float[Tensor, "B K C"],
    ) -> Float[Tensor, "B K C"]:
        """Return the cosine of each claim token with the evidence token nearest to it; without evidence as expected."""
        if not evidence.shape[1]:
            return expected.detach()
        cosines = self.cosines(hidden, evidence).float().masked_fill(~seen[:, None, None], -1.0)
        best = cosines.amax(-1)
        return torch.where(seen.any(-1)[:, None, None], best, expected.detach())

    def cosines(self, hidden: Float[Tensor, "B K C D"], evidence: Float[Tensor, "B E D"]) -> Float[Tensor, "B K C E"]:
        """Return the cosines of the pointers of claim and evidence tokens."""
        asks = F.normalize(self.pointer(hidden).float(), dim=-1)
        answers = F.normalize(self.pointer(evidence).float(), dim=-1)
        return (asks.flatten(1, 2) @ answers.mT).view(*asks.shape[:3], -1)


class ClaimReader(nn.Module):
    """A BDH with a claim head."""

    def __init__(self, model: BDH, *, inner: int = 256) -> None:
        super().__init__()
        self.model = model
        self.claim_head = ClaimHead(model.config.n_embd, inner=inner, dropout=model.config.dropout)
        self._compiled: Callable[..., tuple[Tensor, Tensor]] | None = None

    def forward(self, batch: ClaimBatch, state: BDHState | None = None) -> ClaimOutput:
        """Read each row's evidence and, from forks of the memory it left, each of the row's claims.

        ``state`` is what was read before the evidence, which must then fill its rows. Raises StateError.
        """
        inputs = self._inputs(batch, state)
        hidden, evidence = (self._compiled or self.trunk)(*inputs)
        return self._answer(hidden, evidence, inputs[1], batch)

    def _answer(self, hidden: Tensor, evidence: Tensor, seen: Tensor, batch: ClaimBatch) -> ClaimOutput:
        answer: ClaimOutput = self.claim_head(hidden, evidence, seen, self.model.embedded(batch.claims), batch)
        return answer

    def trace(self, batch: ClaimBatch, *, row: int = 0, claim: int = 0) -> ClaimTrace:
        """Return what carried the answer to one claim: gradient times activity of its evidence log-odds.

        The log-odds are those of supported against contradicted; a positive share speaks for the claim.
        """
        with torch.enable_grad():
            evidence, seen, claims, before, after, memory = self._inputs(batch, None)
            v = self.model.embedded(evidence).detach().requires_grad_()
            neurons: list[Tensor] = []
            read = self._layers(v, seen, claims, before, after, memory, listen=neurons.append)
            logits = self._answer(*read, seen, batch).logits
            odds = logits[row, claim, 0] - logits[row, claim, 1]
            slopes = torch.autograd.grad(odds, [v, *neurons])
        tokens = (slopes[0] * v)[row].sum(-1).detach().float()
        shares = [(slope * x)[row].sum(1).detach().float() for slope, x in zip(slopes[1:], neurons, strict=True)]
        return ClaimTrace(tokens[seen[row]], torch.stack(shares))

    def set_dropout(self, share: float) -> None:
        """Let ``share`` of the neurons' products, and of the head's, be dropped while training."""
        self.model.config = replace(self.model.config, dropout=share)
        self.claim_head.dropout = share

    def compile_training(self) -> None:
        """Compile the layers with torch.compile, for batches of one shape."""
        self._compiled = torch.compile(self.trunk, dynamic=False)

    def _inputs(self, batch: ClaimBatch, state: BDHState | None) -> _Inputs:
        evidence, claims = batch.evidence, batch.claims
        length, begin, memory = evidence.shape[1], 0, None
        seen = torch.arange(length, device=evidence.device) >= length - batch.evidence_lengths[:, None]
        if state is not None:
            state.check(self.model.config, evidence.shape[0])
            if not bool(seen.all()):
                raise StateError("evidence after a state must fill its rows; give rows of one length, or no state")
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

        Free of Python integers that change from call to call, so that it can be compiled once.
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
        listen: Callable[[Tensor], object] | None = None,
    ) -> tuple[Float[Tensor, "B K C D"], Float[Tensor, "B E D"]]:
        """Run evidence and claims through the layers side by side; ``listen`` hears the evidence's neurons x."""
        model = self.model
        dtype, decay = model.encoder.dtype, model.attn.decay()
        rows, count, length = claims.shape
        turned = (before[0].to(dtype), before[1].to(dtype))
        forked_turn = (after[0].to(dtype).repeat(count, 1), after[1].to(dtype).repeat(count, 1))
        inside = None if decay is None else parallel.make_damping(decay, v.shape[1], dtype)
        across = None if decay is None else parallel.make_damping(decay, length, dtype)
        kept = seen[..., None].to(dtype)
        # What is never trained and stands before few tokens is read at its keys; its memory would cost more.
        direct = memory is None and not torch.is_grad_enabled() and 0 < claims[0].numel() <= model.config.n_embd
        back = forked.reach_back(decay, length, v.shape[1], dtype) if direct and decay is not None else None
        before_claims: forked.Before | None = None

        def stream(q: Tensor, v: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
            nonlocal before_claims
            before_claims = forked.Before(q, v * kept, back) if direct else None
            return parallel.attend(q, v * kept, memory, decay, damping=inside, write=not direct)

        def fork(q: Tensor, v: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
            return forked.attend(q, v, memory, across, count, before_claims), None

        c = model.embedded(claims.flatten(1))
        for layer in range(model.config.n_layer):
            left = None if memory is None else memory[layer]
            if v.shape[1]:
                v, left, x, _ = model.layer(v, turned, left, stream)
                if listen is not None:
                    listen(x)
            c, _, _, _ = model.layer(c, forked_turn, left, fork)
        return c.view(rows, count, length, -1), v


def _mean(weights: Float[Tensor, "B K C"], hidden: Float[Tensor, "B K C D"]) -> Float[Tensor, "B K D"]:
    return (weights[..., None, :].to(hidden.dtype) @ hidden)[..., 0, :]


def save_claim_reader(
    folder: str | Path, reader: ClaimReader, tokenizer: Tokenizer, *, card: str = "", dtype: torch.dtype | None = None
) -> Path:
    """Write a model folder with the claim head beside the weights; ``dtype`` narrows what is stored of both."""
    folder = save(folder, reader.model, tokenizer, card=card, dtype=dtype)
    partial = folder / (_HEAD_FILE + ".partial")
    head = {name: tensor.to(dtype or tensor.dtype) for name, tensor in reader.claim_head.state_dict().items()}
    write_tensors(partial, head, {"format": "pt", "claim_head": _HEAD_VERSION})
    os.replace(partial, folder / _HEAD_FILE)
    return folder


def holds_claim_head(folder: str | Path) -> bool:
    """Say whether a model folder holds a claim reader."""
    return (Path(folder) / _HEAD_FILE).is_file()


def load_claim_reader(
    folder: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> tuple[ClaimReader, Tokenizer]:
    """Return the reader that ``save_claim_reader`` wrote, in evaluation mode; raises CheckpointError."""
    folder = Path(folder)
    model, tokenizer = load_bdh(folder, device=device, dtype=dtype)
    weights = read_tensors(folder / _HEAD_FILE)
    enter = weights.get("enter.weight")
    if enter is None or enter.dim() != 2:
        raise CheckpointError(f"{folder / _HEAD_FILE} holds no claim head; expected enter.weight and its like")
    reader = ClaimReader(model, inner=enter.shape[0])
    expected = {name: tuple(tensor.shape) for name, tensor in reader.claim_head.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        raise CheckpointError(f"{folder / _HEAD_FILE} does not fit the model: found {found}, expected {expected}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise CheckpointError(f"{folder / _HEAD_FILE} is damaged: it holds numbers that are not finite")
    reader.claim_head.load_state_dict(weights)
    return reader.to(device).eval(), tokenizer
