"""The verifier: label a claim given evidence, and without evidence; ablations of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from bdh import BDH, BDHError, Tokenizer, weights_hash
from bdh.training.verifier_batches import make_batch, to_device
from bdh.verifier import CLAIM_LABELS, ClaimBatch, ClaimVerifier, has_claim_head, load_claim_verifier
from pipeline.errors import ModelError
from pipeline.records import ClaimLabel

SEPARATOR = "\n\n"
_BATCH_TOKENS = {"cpu": 512, "cuda": 65536}
"""On a CPU a batch is small, so that wide activations stay in its cache."""
_CLAIMS_A_ROW = 6


@dataclass(frozen=True)
class VerifierOutput:
    """The verifier's output for one claim given one piece of evidence; the probabilities sum to 1."""

    probabilities: dict[ClaimLabel, float]


@dataclass(frozen=True)
class VerifierInput:
    """A claim, and the verbatim sentences of its evidence, in the order of the book; empty for no evidence."""

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
        """Return the output for each input, in order; ``on_progress`` receives how many are newly done."""


@dataclass(frozen=True)
class BDHVerifier:
    """The BDH verifier with its tokenizer and the SHA-256 of its files."""

    verifier: ClaimVerifier
    tokenizer: Tokenizer
    weights_sha256: str

    @classmethod
    def load(cls, folder: Path, *, device: torch.device, dtype: torch.dtype | None) -> BDHVerifier:
        """Load the verifier in ``folder``, or else in its folder ``claims``; raises ModelError when it is damaged."""
        folder = claims_folder(folder)
        try:
            verifier, tokenizer = load_claim_verifier(folder, device=device, dtype=dtype)
            return cls(verifier, tokenizer, weights_hash(folder))
        except BDHError as error:
            raise ModelError(f"the verifier cannot be loaded: {error}") from error

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs: weights, precision and kind of device."""
        weight = self.verifier.model.encoder
        return f"{self.weights_sha256}, {weight.dtype} on {weight.device.type}"

    @torch.inference_mode()
    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        """Return the output for each input, in order.

        Inputs with the same evidence are read in one row, rows of similar length in one batch.
        """
        evidence = self._encode([evidence_text(question.sentences) for question in questions])
        claims = self._encode([" ".join(question.claim.split()) for question in questions])
        rows = _rows(evidence, claims)
        sizes = [len(evidence[row[0]]) + len(row) * 2 * max(len(claims[place]) for place in row) for row in rows]
        order = sorted(range(len(rows)), key=lambda row: (len(evidence[rows[row][0]]), sizes[row]))
        found: dict[int, VerifierOutput] = {}
        for numbers in _groups(order, sizes, _BATCH_TOKENS.get(self.verifier.model.device.type, 512)):
            chosen = [rows[number] for number in numbers]
            batch = self._batch(
                [evidence[row[0]] for row in chosen], [[claims[place] for place in row] for row in chosen]
            )
            chances = self.verifier(batch).logits.float().softmax(-1).tolist()
            found.update(
                (place, VerifierOutput(dict(zip(CLAIM_LABELS, chances[row][own], strict=True))))
                for row, places in enumerate(chosen)
                for own, place in enumerate(places)
            )
            on_progress(sum(len(row) for row in chosen))
        return [found[place] for place in range(len(questions))]

    def untrained(self, seed: int) -> BDHVerifier:
        """Return a verifier of the same architecture with random initial weights: an ablation."""
        own, device = self.verifier, self.verifier.model.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = ClaimVerifier(BDH(own.model.config), inner=own.claim_head.enter.out_features)
        fresh.model.to(device, next(own.model.parameters()).dtype)
        fresh.claim_head.to(device)
        return BDHVerifier(fresh.eval(), self.tokenizer, f"{self.weights_sha256}, untrained, seed {seed}")

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
        return to_device(batch, self.verifier.model.device)


@dataclass(frozen=True)
class AblatedVerifier:
    """A verifier that reads the last ``sentences`` of the evidence only: an ablation.

    With 1 its state is as if it were reset after every sentence, with 0 as if it were emptied before the claim.
    """

    verifier: Verifier
    sentences: int

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return self.verifier.weights_sha256

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs."""
        return f"{self.verifier.identity}, the last {self.sentences} sentences"

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        """Return the output for each input, in order."""
        kept = [
            VerifierInput(one.claim, one.sentences[max(len(one.sentences) - self.sentences, 0) :]) for one in questions
        ]
        return self.verifier.verify(kept, on_progress=on_progress)


def claims_folder(folder: Path) -> Path:
    """Return the folder of the verifier: ``folder`` itself, or its folder ``claims``."""
    return folder if has_claim_head(folder) else folder / "claims"


def evidence_text(sentences: Sequence[str]) -> str:
    """Return evidence as the verifier takes it; empty for no evidence."""
    return SEPARATOR + " ".join(" ".join(sentence.split()) for sentence in sentences) if sentences else ""


def _rows(evidence: Sequence[Sequence[int]], claims: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the indices of inputs that share their evidence, at most ``_CLAIMS_A_ROW`` together."""
    shared: dict[tuple[int, ...], list[int]] = {}
    for place in sorted(range(len(evidence)), key=lambda place: len(claims[place])):  # similar lengths together
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
