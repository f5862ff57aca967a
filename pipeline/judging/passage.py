"""Passages, and which of their sentences to quote."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.records import Chunk, Novel

Stems = Callable[[str], tuple[str, ...]]
Weight = Callable[[str], float]


@dataclass(frozen=True)
class Passage:
    """The sentences of one chunk, verbatim and in order."""

    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the sentences as one text."""
        return " ".join(self.sentences)


def passage_of(novel: Novel, chunk: Chunk) -> Passage:
    """Return the verbatim sentences of a chunk."""
    return Passage(tuple(novel.text[start:end] for start, end in chunk.sentences))


def best_sentence(claim_text: str, sentences: Sequence[str], *, weight: Weight, stems: Stems) -> int:
    """Return the index of the sentence that covers most of the claim; of equals the one with fewest stems, the first.

    Covered is the share of the claim's stems, by ``weight`` (inverse document frequency). This is the sentence to
    quote.
    """
    if not sentences:
        raise ValueError("no sentence to choose from; a passage holds at least one")
    claim = frozenset(stems(claim_text))
    held = [frozenset(stems(sentence)) for sentence in sentences]
    covered = [math.fsum(weight(stem) for stem in claim & own) for own in held]
    return max(range(len(sentences)), key=lambda index: (covered[index], -len(held[index])))
