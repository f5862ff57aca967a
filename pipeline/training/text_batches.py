"""Batches of pairs and of texts for the text models; a batch depends on its step alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch.utils.data import Dataset

from bdh.verifier import CLAIM_LABELS
from pipeline.errors import SettingError, TableError
from pipeline.judging.cross_encoder import PairText, encode_pairs, plain_pairs
from pipeline.judging.differing_words import CLAIM_SIDE, EVIDENCE_SIDE
from pipeline.judging.text_model import TokenBatch, pad
from pipeline.training.batches import changed_ranges
from pipeline.training.examples import Example, LabelledClaim
from pipeline.training.plain_claims import NO_CLAIM, PlainBook, PlainSource, words_in_place

SMOOTHING = 0.05
_UNKNOWN = -1.0
_PADDING = 16
_FEWEST_PAIRS = 3


@dataclass(frozen=True)
class PairBatch:
    """Pairs with their targets: label distributions (B, 3), marks of words (B, T, 2; -1 unknown), twins (P, 2).

    ``twins`` are places of a supported and a contradicted claim given the same evidence.
    """

    tokens: TokenBatch
    labels: torch.Tensor
    words: torch.Tensor
    twins: torch.Tensor

    def to(self, device: torch.device) -> PairBatch:
        """Return the batch on ``device``."""
        return PairBatch(self.tokens.to(device), *(one.to(device) for one in (self.labels, self.words, self.twins)))


@dataclass(frozen=True)
class TextBatch:
    """Claims, sentences and those before them, and which sentences are no negatives of a claim, (claims, sentences).

    The gold sentence of a claim has its own place.
    """

    claims: TokenBatch
    own: TokenBatch
    before: TokenBatch
    excluded: torch.Tensor

    def to(self, device: torch.device) -> TextBatch:
        """Return the batch on ``device``."""
        return TextBatch(self.claims.to(device), self.own.to(device), self.before.to(device), self.excluded.to(device))


def soft_labels(label: str) -> list[float]:
    """Return the smoothed distribution of a label."""
    rest = SMOOTHING / len(CLAIM_LABELS)
    return [rest + (1 - SMOOTHING if own == label else 0.0) for own in CLAIM_LABELS]


class PairBatches(Dataset[PairBatch]):
    """Batches of pairs: examples of plain claims, and in a share of ``taught`` pairs that a teacher has labelled."""

    def __init__(
        self,
        source: PlainSource,
        tokenizer: Tokenizer,
        *,
        pairs: int,
        seed: int,
        taught: Sequence[PairText] = (),
        teacher: np.ndarray[Any, np.dtype[np.float32]] | None = None,
        share: float = 0.0,
    ) -> None:
        if pairs < _FEWEST_PAIRS:
            raise SettingError(
                f"batch_size is {pairs} pairs; it must be at least {_FEWEST_PAIRS}, the most of an example"
            )
        self.source, self.tokenizer, self.pairs, self.seed = source, tokenizer, pairs, seed
        self.taught, self.teacher, self.share = taught, teacher, share if teacher is not None and taught else 0.0

    def __getitem__(self, step: int) -> PairBatch:
        texts: list[PairText] = []
        claims: list[LabelledClaim | None] = []
        labels: list[list[float]] = []
        twins: list[tuple[int, int]] = []
        rng = np.random.default_rng((self.seed, step))
        for place in rng.integers(len(self.taught), size=int(self.pairs * self.share)) if self.share else ():
            assert self.teacher is not None
            texts.append(self.taught[place])
            claims.append(None)
            labels.append(_softmax(self.teacher[place]))
        for example in self.source.draw(f"{self.seed}:{step}", self.pairs):
            if len(texts) + len(example.claims) > self.pairs:
                break
            twins += _twins(example, len(texts))
            texts += [PairText(claim.text, example.evidence[0]) for claim in example.claims]
            claims += example.claims
            labels += [soft_labels(claim.label) for claim in example.claims]
        encodings = encode_pairs(self.tokenizer, texts)
        tokens = pad(encodings, multiple=_PADDING)
        words = torch.full((*tokens.ids.shape, 2), _UNKNOWN)
        plain = plain_pairs(self.tokenizer, texts)
        for row, (pair, claim, encoded) in enumerate(zip(plain, claims, encodings, strict=True)):
            if claim is not None:
                mark_words(words[row], claim, pair.evidence, encoded)
        return PairBatch(tokens, torch.tensor(labels), words, torch.tensor(twins, dtype=torch.long).reshape(-1, 2))


def _softmax(logits: np.ndarray[Any, np.dtype[np.float32]]) -> list[float]:
    odds = np.exp(logits.astype(np.float64) - float(logits.max()))
    return [float(one) for one in odds / odds.sum()]


def _twins(example: Example, first: int) -> list[tuple[int, int]]:
    labels = [claim.label for claim in example.claims]
    if {"supported", "contradicted"} <= set(labels):
        return [(first + labels.index("supported"), first + labels.index("contradicted"))]
    return []


def mark_words(words: torch.Tensor, claim: LabelledClaim, evidence: str, encoded: Encoding) -> None:
    """Mark the tokens that differ, (T, 2): none in a supported claim, those of the twin in a contradicted one."""
    if claim.label == "supported":
        claimed: list[tuple[int, int]] | None = []
        found: list[tuple[int, int]] | None = []
    elif claim.label == "contradicted" and claim.true is not None:
        claimed = changed_ranges(claim.true, claim.text)
        found = words_in_place(evidence, claim.true, claim.text) or None
    else:
        return
    for place, (sequence, (start, end)) in enumerate(zip(encoded.sequence_ids, encoded.offsets, strict=True)):
        side, ranges = (CLAIM_SIDE, claimed) if sequence == 1 else (EVIDENCE_SIDE, found)
        if sequence is not None and ranges is not None:
            words[place, side] = float(any(start < last and end > first for first, last in ranges))


class TextBatches(Dataset[TextBatch]):
    """Batches of claims with their gold sentences and hard negatives, ``claims`` of each of ``books`` books."""

    def __init__(
        self, books: Sequence[PlainBook], tokenizer: Tokenizer, *, seed: int, drawn: int = 12, claims: int = 40
    ) -> None:
        self.books = [book for book in books if book.settled]
        if not self.books:
            raise TableError(NO_CLAIM)
        self.tokenizer, self.seed, self.drawn, self.claims = tokenizer, seed, min(drawn, len(self.books)), claims

    def __getitem__(self, step: int) -> TextBatch:
        rng = np.random.default_rng((self.seed, step))
        claims: list[str] = []
        places: list[tuple[int, int]] = []
        gold: list[tuple[int, frozenset[int]]] = []
        negatives: list[tuple[int, int]] = []
        books = [self.books[number] for number in rng.choice(len(self.books), self.drawn, replace=False)]
        for number, book in enumerate(books):
            taken: set[frozenset[int]] = set()
            for place in rng.permutation(len(book.settled)):
                row = book.settled[place]
                if frozenset(row.gold) in taken:
                    continue
                taken.add(frozenset(row.gold))
                claims.append(row.text)
                places.append((number, int(rng.choice(row.gold))))
                gold.append((number, frozenset(row.gold)))
                foreign = row.foreign(row.near)
                negatives += [(number, int(rng.choice(foreign)))] if foreign else []
                if len(taken) >= self.claims:
                    break
            negatives += [(number, int(one)) for one in rng.choice(book.shown, min(20, len(book.shown)), replace=False)]
        return self._batch(books, claims, [*places, *negatives], gold)

    def _batch(
        self,
        books: Sequence[PlainBook],
        claims: Sequence[str],
        places: Sequence[tuple[int, int]],
        gold: Sequence[tuple[int, frozenset[int]]],
    ) -> TextBatch:
        excluded = torch.zeros(len(claims), len(places), dtype=torch.bool)
        for row, (number, golden) in enumerate(gold):
            for column, (other, sentence) in enumerate(places):
                if row != column and other == number and {sentence, sentence - 1} & golden:
                    excluded[row, column] = True
        own = [books[number].sentences[sentence] for number, sentence in places]
        before = [books[number].sentences[sentence - 1] if sentence else "" for number, sentence in places]
        return TextBatch(self._tokens(claims), self._tokens(own), self._tokens(before), excluded)

    def _tokens(self, texts: Sequence[str]) -> TokenBatch:
        return pad(self.tokenizer.encode_batch([text or "." for text in texts]), multiple=8)
