"""The interface of a judge that labels single passages for a claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.records import PairLabel
from pipeline.retrieval.index import Lexicon


@dataclass(frozen=True)
class PassageQuestion:
    """A claim and the verbatim sentences of one passage, in the order of the book."""

    claim: str
    sentences: tuple[str, ...]


class PassageJudge(Protocol):
    """Labels passages for a claim; ``method`` describes it in a sentence, ``sha256`` is that of its weights, if any.

    ``contradicts`` is false for a judge that cannot tell a passage that contradicts a claim from one that is silent.
    """

    @property
    def method(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def contradicts(self) -> bool: ...

    def label_passages(
        self,
        questions: Sequence[PassageQuestion],
        *,
        lexicon: Lexicon,
        on_progress: Callable[[int], object] = ...,
    ) -> list[dict[PairLabel, float]]:
        """Return for each question, in order, the probabilities of support, contradict and irrelevant; they sum to 1.

        ``on_progress`` receives how many are newly done. ``lexicon`` is the word analysis of the novel.
        """
