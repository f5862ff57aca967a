"""The trained claim reader: what it says of a claim once it has read some evidence, and without any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from bdh import BDH, BDHError, BDHState, Tokenizer, weights_hash
from bdh.training.verifier_batches import make_batch, to_device
from bdh.verifier import CLAIM_LABELS, ClaimBatch, ClaimHeadOutput, ClaimVerifier, has_claim_head, load_claim_verifier
from pipeline.errors import ModelError
from pipeline.records import ClaimLabel

SEPARATOR = "\n\n"
FEATURES = ("odds", "evidence", "surplus", "surplus_low")
"""What the fitted verdict may use, once the share of the wording is taken off: numbers that are 0 without evidence."""
_LOW_SHARE = 0.2
_BATCH_TOKENS = {"cpu": 512, "cuda": 65536}
"""On a processor a batch is small, so that what is wide stays in its cache."""
_CLAIMS_A_ROW = 6


@dataclass(frozen=True)
class VerifierOutput:
    """What a reader says of one claim before one piece of evidence.

    ``probabilities`` of supported, contradicted and not_stated sum to 1. ``log_odds`` are the reader's answer: those of
    supported against contradicted, where there is no evidence by the claim's wording alone. ``alone`` are the latter,
    whatever the evidence. ``features`` are numbers that speak of the evidence, all 0 where there is none; the wording
    still has a share in them, which is known from ``alone``.
    """

    probabilities: dict[ClaimLabel, float]
    log_odds: float
    alone: float
    features: dict[str, float]

    @property
    def stated(self) -> float:
        """Return the probability that the evidence settles the claim, one way or the other."""
        return 1 - self.probabilities["not_stated"]


@dataclass(frozen=True)
class VerifierInput:
    """A claim, and the verbatim sentences it is read against, in the order of the book; none is no evidence."""

    claim: str
    sentences: tuple[str, ...]


class Verifier(Protocol):
    """Anything that labels claims given evidence: the shipped BDH verifier, ablations of it, fakes in tests."""

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of its weights."""

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs: weights, precision and kind of device."""

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = ...
    ) -> list[VerifierOutput]:
        """Return a comparison for each question, in order; ``on_progress`` hears how many were just done."""


@dataclass(frozen=True)
class BDHVerifier:
    """A claim reader with its tokenizer and the sum of its files."""

    reader: ClaimVerifier
    tokenizer: Tokenizer
    weights_sha256: str

    @classmethod
    def load(cls, folder: Path, *, device: torch.device, dtype: torch.dtype | None) -> BDHVerifier:
        """Load the claim reader in ``folder``, or else in its folder ``claims``; raises ModelError for damage."""
        folder = claims_folder(folder)
        try:
            reader, tokenizer = load_claim_verifier(folder, device=device, dtype=dtype)
            return cls(reader, tokenizer, weights_hash(folder))
        except BDHError as error:
            raise ModelError(f"the claim reader cannot be loaded: {error}") from error

    @property
    def identity(self) -> str:
        """Return what its answers follow from beside the questions: weights, precision and kind of device."""
        weight = self.reader.model.encoder
        return f"{self.weights_sha256}, {weight.dtype} on {weight.device.type}"

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        """Return a comparison for each question, in order; each distinct claim is read once without evidence, too."""
        claims = list(dict.fromkeys(question.claim for question in questions))
        bare = self._read([VerifierInput(claim, ()) for claim in claims], lambda done: None)
        alone = {claim: float(heard.alone) for claim, heard in zip(claims, bare, strict=True)}
        told = self._read(questions, on_progress)
        return [_comparison(heard, alone[question.claim]) for question, heard in zip(questions, told, strict=True)]

    def untrained(self, seed: int) -> BDHVerifier:
        """Return a reader of the same architecture with the weights that a training would begin from: a control."""
        own, device = self.reader, self.reader.model.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = ClaimVerifier(BDH(own.model.config), inner=own.claim_head.enter.out_features)
        fresh.model.to(device, next(own.model.parameters()).dtype)
        fresh.claim_head.to(device)
        return BDHVerifier(fresh.eval(), self.tokenizer, f"{self.weights_sha256}, untrained, seed {seed}")

    @torch.inference_mode()
    def verify_after(self, question: VerifierInput, state: BDHState) -> VerifierOutput:
        """Return a comparison whose evidence is read after what ``state`` has read, in the place of an empty memory."""
        (bare,) = self._read([VerifierInput(question.claim, ())], lambda done: None)
        evidence = self.tokenizer.encode(evidence_text(question.sentences))
        batch = self._batch([evidence], [[self.tokenizer.encode(" ".join(question.claim.split()))]])
        ((heard,),) = _hear(self.reader(batch, state), batch)
        return _comparison(heard, bare.alone)

    @torch.inference_mode()
    def _read(self, questions: Sequence[VerifierInput], on_progress: Callable[[int], object]) -> list[_Heard]:
        """Return what is heard of each question, in order.

        Questions about one piece of evidence are read in one row, rows of like length side by side.
        """
        evidence = self._encode([evidence_text(question.sentences) for question in questions])
        claims = self._encode([" ".join(question.claim.split()) for question in questions])
        rows = _rows(evidence, claims)
        sizes = [len(evidence[row[0]]) + len(row) * 2 * max(len(claims[place]) for place in row) for row in rows]
        order = sorted(range(len(rows)), key=lambda row: (len(evidence[rows[row][0]]), sizes[row]))
        found: dict[int, _Heard] = {}
        for numbers in _groups(order, sizes, _BATCH_TOKENS.get(self.reader.model.device.type, 512)):
            chosen = [rows[number] for number in numbers]
            batch = self._batch(
                [evidence[row[0]] for row in chosen], [[claims[place] for place in row] for row in chosen]
            )
            heard = _hear(self.reader(batch), batch)
            found.update(
                (place, heard[row][own]) for row, places in enumerate(chosen) for own, place in enumerate(places)
            )
            on_progress(sum(len(row) for row in chosen))
        return [found[place] for place in range(len(questions))]

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text; claims share passages, so each distinct one is encoded once."""
        distinct = list(dict.fromkeys(texts))
        tokens = dict(zip(distinct, self.tokenizer.encode_batch(distinct), strict=True))
        return [tokens[text] for text in texts]

    def _batch(self, evidence: Sequence[Sequence[int]], claims: Sequence[Sequence[Sequence[int]]]) -> ClaimBatch:
        separator = self.tokenizer.encode(SEPARATOR)
        batch = make_batch(
            evidence,
            claims,
            separator=separator,
            evidence_length=max(len(text) for text in evidence),
            claims_per_row=max(len(row) for row in claims),
            claim_length=max(2 * len(claim) + 3 * len(separator) for row in claims for claim in row),
        )
        return to_device(batch, self.reader.model.device)


@dataclass(frozen=True)
class ForgetfulVerifier:
    """A verifier whose state is reset after every sentence of the evidence: an ablation.

    What the state holds when the claim is read is the last sentence alone.
    """

    verifier: Verifier

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return self.verifier.weights_sha256

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs."""
        return f"{self.verifier.identity}, reset after every sentence"

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        """Return the output for each input, in order."""
        last = [VerifierInput(question.claim, question.sentences[-1:]) for question in questions]
        return self.verifier.verify(last, on_progress=on_progress)


@dataclass(frozen=True)
class NoEvidenceVerifier:
    """A verifier whose state is emptied before the claim is read: an ablation."""

    verifier: Verifier

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return self.verifier.weights_sha256

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs."""
        return f"{self.verifier.identity}, without evidence"

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        """Return the output for each input, in order."""
        bare = [VerifierInput(question.claim, ()) for question in questions]
        return self.verifier.verify(bare, on_progress=on_progress)


def claims_folder(folder: Path) -> Path:
    """Return where the claim reader of a model folder lies: in it, or in its folder ``claims``."""
    return folder if has_claim_head(folder) else folder / "claims"


def evidence_text(sentences: Sequence[str]) -> str:
    """Return evidence as the reader is given it; nothing where there is none."""
    return SEPARATOR + " ".join(" ".join(sentence.split()) for sentence in sentences) if sentences else ""


def _rows(evidence: Sequence[Sequence[int]], claims: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the places of questions that have their evidence in common, at most ``_CLAIMS_A_ROW`` together."""
    shared: dict[tuple[int, ...], list[int]] = {}
    for place in sorted(range(len(evidence)), key=lambda place: len(claims[place])):  # of like length together
        shared.setdefault(tuple(evidence[place]), []).append(place)
    return [
        places[first : first + _CLAIMS_A_ROW]
        for places in shared.values()
        for first in range(0, len(places), _CLAIMS_A_ROW)
    ]


def _groups(order: Sequence[int], sizes: Sequence[int], limit: int) -> list[list[int]]:
    """Cut the order into groups whose rows, all as long as the longest, stay within ``limit`` tokens."""
    groups: list[list[int]] = []
    longest = 0
    for place in order:
        longest = max(longest, sizes[place])
        if groups and (len(groups[-1]) + 1) * longest <= limit:
            groups[-1].append(place)
        else:
            groups.append([place])
            longest = sizes[place]
    return groups


@dataclass(frozen=True)
class _Heard:
    """What one reading of a claim gave."""

    logits: tuple[float, float, float]
    alone: float
    features: dict[str, float]
    by_evidence: bool


def _hear(output: ClaimHeadOutput, batch: ClaimBatch) -> list[list[_Heard]]:
    """Return what was heard of each claim of each row."""
    logits, alone = output.logits.float().tolist(), output.claim_only.tolist()
    surplus = (output.match - output.expected).float()
    inside = output.weight > 0
    heard: list[list[_Heard]] = []
    for row, told in enumerate(batch.evidence_lengths > 0):
        heard.append([])
        for claim, own_logits in enumerate(logits[row]):
            own = surplus[row, claim][inside[row, claim]]
            by_evidence = bool(told) and len(own) > 0
            features = dict.fromkeys(FEATURES, 0.0)
            if by_evidence:
                lowest = own.sort().values[: max(1, int(len(own) * _LOW_SHARE))]
                odds = own_logits[0] - own_logits[1]
                numbers = (odds, output.evidence[row, claim], own.mean(), lowest.mean())
                features = {name: float(number) for name, number in zip(FEATURES, numbers, strict=True)}
            heard[row].append(_Heard(tuple(own_logits), alone[row][claim], features, by_evidence))
    return heard


def _comparison(heard: _Heard, alone: float) -> VerifierOutput:
    chances = torch.tensor(heard.logits).softmax(-1).tolist()
    odds = heard.logits[0] - heard.logits[1] if heard.by_evidence else alone
    return VerifierOutput(dict(zip(CLAIM_LABELS, chances, strict=True)), odds, alone, heard.features)
