"""Order the retrieved chunks of a claim by how likely one of their sentences settles it.

Three steps, each on fewer sentences than the one before: words and state distance choose chunks from the whole novel
(``pipeline.retrieval``), a bi-encoder and the coverage of the claim's words choose sentences from these, and a small
cross-encoder labels the claim given each of them. A chunk is as relevant as the best of its sentences.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from pipeline.book import Book
from pipeline.judging.cross_encoder import CrossEncoder, PairText
from pipeline.judging.sentence_encoder import SentenceEncoder
from pipeline.judging.window_finder import WindowFinder
from pipeline.judging.windows import LabelledWindow, sentences_of, window_of, window_text
from pipeline.records import CLAIM_LABELS, Claim, Evidence
from pipeline.storage.answers import AnswerCache, is_table
from pipeline.storage.cache import make_key

_BASE_RANK = 0.02
"""What the logarithm of its rank by words and state costs a chunk: it decides between chunks as relevant."""


@dataclass(frozen=True)
class RankedEvidence:
    """The chunks of a claim, best first, and the labelled windows in them, the most relevant first."""

    evidence: tuple[Evidence, ...]
    windows: tuple[LabelledWindow, ...]


@dataclass
class EvidenceRanker:
    """A bi-encoder and a cross-encoder that order the retrieved chunks of claims."""

    finder: SentenceEncoder
    ranker: CrossEncoder
    cache: AnswerCache | None = None
    windows: WindowFinder = field(init=False)

    def __post_init__(self) -> None:
        """Choose windows with the bi-encoder."""
        self.windows = WindowFinder(self.finder)

    @classmethod
    def load(
        cls, folder: Path, *, device: torch.device, dtype: torch.dtype | None, cache: AnswerCache | None = None
    ) -> EvidenceRanker:
        """Load ``finder`` and ``ranker`` of a folder; raises ModelError."""
        finder = SentenceEncoder.load(folder / "finder", device=device, dtype=dtype)
        return cls(finder, CrossEncoder.load(folder / "ranker", device=device, dtype=dtype), cache)

    @property
    def weights(self) -> dict[str, str]:
        """The SHA-256 of both models."""
        return {"finder": self.finder.weights_sha256, "ranker": self.ranker.weights_sha256}

    def rank(
        self, book: Book, claims: Sequence[Claim], found: Mapping[str, tuple[Evidence, ...]], *, top_k: int
    ) -> dict[str, RankedEvidence]:
        """Return the best ``top_k`` of the retrieved chunks of each claim by its id."""
        rows = iter(self._labelled(book, claims, found))
        ranked = {}
        for claim in claims:
            windows = []
            for sentence, *labels in next(rows):
                window = window_of(book, int(sentence))
                windows.append(LabelledWindow(window, window_text(book, window), (labels[0], labels[1], labels[2])))
            ranked[claim.id] = _order(book, found[claim.id], windows, top_k)
        return ranked

    def _labelled(
        self, book: Book, claims: Sequence[Claim], found: Mapping[str, tuple[Evidence, ...]]
    ) -> list[list[list[float]]]:
        """Return for each claim its windows by the number of their sentence, each with its log-labels; cached."""
        label = partial(self._label, book, claims, found)
        if self.cache is None:
            return label()
        given = [[claim.text, sentences_of(book, found[claim.id])] for claim in claims]
        content = json.dumps([given, book.sentences_sha256]).encode()
        parts = {"finder": self.finder.identity, "ranker": self.ranker.identity, "novel": book.novel.sha256}
        key = make_key({"windows": hashlib.sha256(content).hexdigest(), **parts})
        return self.cache.get(key, label, is_valid=partial(_are_labelled, claims=len(claims)))

    def _label(
        self, book: Book, claims: Sequence[Claim], found: Mapping[str, tuple[Evidence, ...]]
    ) -> list[list[list[float]]]:
        chosen = self.windows.choose(book, claims, found)
        pairs = [
            PairText(claim.text, window_text(book, window))
            for claim, windows in zip(claims, chosen, strict=True)
            for window in windows
        ]
        labels = iter(self.ranker.label(pairs).tolist())
        return [[[window.sentence, *next(labels)] for window in windows] for windows in chosen]


def _are_labelled(stored: object, *, claims: int) -> bool:
    return (
        isinstance(stored, list)
        and len(stored) == claims
        and all(isinstance(one, list) and is_table(one, rows=len(one), columns=1 + len(CLAIM_LABELS)) for one in stored)
    )


def _order(book: Book, evidence: Sequence[Evidence], windows: Sequence[LabelledWindow], top_k: int) -> RankedEvidence:
    relevance = {window.window.sentence: window.relevance for window in windows}

    def score(item: Evidence) -> float:
        numbers = book.chunks[item.chunk_index].numbers
        best = max((relevance.get(number, 0.0) for number in numbers), default=0.0)
        return best - _BASE_RANK * math.log1p(item.rank)

    best = sorted(evidence, key=lambda item: (-score(item), item.rank))[:top_k]
    kept = tuple(replace(item, rank=rank) for rank, item in enumerate(best, start=1))
    inside = set(sentences_of(book, kept))
    ordered = sorted(windows, key=lambda window: (-window.relevance, window.window.sentence))
    return RankedEvidence(kept, tuple(window for window in ordered if window.window.sentence in inside))
