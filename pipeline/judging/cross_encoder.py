"""Cross-encoders: label a claim given a short passage, and point at the words that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Encoding, Tokenizer
from torch import nn

from pipeline.judging.differing_words import WordDifference, find_difference
from pipeline.judging.text_model import (
    TokenBatch,
    batches_by_length,
    hidden_vectors,
    load_tokenizer,
    load_weights,
    make_body,
    mean_vectors,
    pad,
    weights_sum,
)
from pipeline.records import CLAIM_LABELS

_LONGEST_CLAIM, _MOST_TOKENS = 80, 128
"""Words and tokens of a claim; a longer one is cut, so that evidence fits."""


class PairText(NamedTuple):
    """A claim and the passage that it is compared with."""

    claim: str
    evidence: str


class CrossEncoderOutput(NamedTuple):
    """``logits`` of ``CLAIM_LABELS``, (B, 3), and ``words``: log-odds of each token for both sides, (B, T, 2)."""

    logits: torch.Tensor
    words: torch.Tensor


class CrossEncoderModel(nn.Module):
    """An encoder of (evidence, claim) pairs with a head for the label and one for the words that differ."""

    def __init__(self, body: nn.Module, width: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = body
        self.label = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, len(CLAIM_LABELS))
        )
        self.words = nn.Linear(width, 2)

    def forward(self, tokens: TokenBatch) -> CrossEncoderOutput:
        """Return the output for a batch of pairs."""
        hidden = hidden_vectors(self.body, tokens)
        whole = torch.cat([hidden[:, 0], mean_vectors(hidden, tokens.mask)], -1)
        return CrossEncoderOutput(self.label(whole).float(), self.words(hidden).float())


@dataclass(frozen=True)
class CrossEncoder:
    """A trained cross-encoder with its tokenizer and the SHA-256 of its files."""

    model: CrossEncoderModel
    tokenizer: Tokenizer
    weights_sha256: str
    device: torch.device

    @classmethod
    def load(cls, folder: Path, *, device: torch.device, dtype: torch.dtype | None = None) -> CrossEncoder:
        """Load the cross-encoder of a folder, in ``dtype`` or single precision; raises ModelError."""
        body = make_body(folder)
        model = CrossEncoderModel(body, int(body.config.hidden_size))  # type: ignore[union-attr, arg-type]
        load_weights(model, folder)
        return cls(model.to(device, dtype).eval(), load_tokenizer(folder), weights_sum(folder), device)

    @property
    def identity(self) -> str:
        """What its outputs depend on besides the inputs: weights, precision and kind of device."""
        return f"{self.weights_sha256}, {next(self.model.parameters()).dtype} on {self.device.type}"

    @torch.inference_mode()
    def label(
        self, pairs: Sequence[PairText], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> torch.Tensor:
        """Return the log-probabilities of the labels of each pair, (pairs, 3), in order."""
        found = torch.empty(len(pairs), len(CLAIM_LABELS))
        for places, batch in batches_by_length(encode_pairs(self.tokenizer, pairs), self.device, on_progress):
            found[places] = self.model(batch).logits.log_softmax(-1).cpu()
        return found

    @torch.inference_mode()
    def differing_words(self, pair: PairText) -> WordDifference | None:
        """Return the words that differ in a pair labelled contradicted; None where the claim has no likely ones."""
        (text,) = plain_pairs(self.tokenizer, [pair])
        (encoded,) = encode_pairs(self.tokenizer, [text])
        odds = self.model(pad([encoded]).to(self.device)).words[0].cpu()
        return find_difference(encoded, odds.numpy(), claim=text.claim, evidence=text.evidence)


def encode_pairs(tokenizer: Tokenizer, pairs: Sequence[PairText]) -> list[Encoding]:
    """Return the tokens of (evidence, claim) pairs; their offsets are those in ``plain_pairs``."""
    return list(tokenizer.encode_batch([(pair.evidence, pair.claim) for pair in plain_pairs(tokenizer, pairs)]))


def plain_pairs(tokenizer: Tokenizer, pairs: Sequence[PairText]) -> list[PairText]:
    """Return the texts that are encoded: long claims cut, evidence without a word a full stop."""
    claims = {pair.claim: _cut(tokenizer, pair.claim) for pair in pairs}
    return [PairText(claims[pair.claim], pair.evidence.strip() or ".") for pair in pairs]


def _cut(tokenizer: Tokenizer, claim: str) -> str:
    """Return a claim on one line, without what would leave no room for evidence."""
    claim = " ".join(claim.split()[:_LONGEST_CLAIM])
    if len(claim) <= _MOST_TOKENS:
        return claim
    offsets = tokenizer.encode(claim, add_special_tokens=False).offsets
    return claim[: offsets[_MOST_TOKENS - 1][1]] if len(offsets) > _MOST_TOKENS else claim
