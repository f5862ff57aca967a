"""The one interface of a judge: claims with their retrieved passages in, verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.book import Book
from pipeline.config import PipelineConfig
from pipeline.judging.passage import Passage, passage_of
from pipeline.judging.windows import LabelledWindow
from pipeline.records import Claim, ClaimVerdict, Evidence, PairLabel
from pipeline.storage.answers import AnswerCache

if TYPE_CHECKING:
    pass

LabelPassages = Callable[[Claim, tuple[str, ...]], list[dict[PairLabel, float]] | None]
"""Returns each passage's label probabilities by a language model; None where no language model labels passages."""


def ignore_progress(done: int) -> None:
    """Discard progress."""


def label_nothing(claim: Claim, passages: tuple[str, ...]) -> None:
    """Return no labels: no language model is used."""


@dataclass(frozen=True)
class ClaimQuestion:
    """A claim with its retrieved chunks, best first; without any, the claim is judged given no evidence.

    ``windows`` are sentences of the chunks that the ranker labelled, the most relevant first; empty without a ranker.
    """

    claim: Claim
    evidence: tuple[Evidence, ...]
    windows: tuple[LabelledWindow, ...] = ()

    def passages(self, book: Book) -> list[Passage]:
        """Return the verbatim sentences of the retrieved chunks, in the order of the evidence."""
        return [passage_of(book.novel, book.chunks[item.chunk_index]) for item in self.evidence]


class ClaimJudge(Protocol):
    """Anything that gives verdicts on claims; see ``pipeline.judging.registry`` for how to add one."""

    @property
    def method(self) -> str:
        """How it judges, in a sentence for the manifest."""

    @property
    def weights(self) -> Mapping[str, str]:
        """SHA-256 of the weights that it judges with, by part; empty for rules."""

    @property
    def threshold(self) -> float:
        """The least probability of a consistent claim where only two labels are allowed."""

    def judge(
        self,
        book: Book,
        questions: Sequence[ClaimQuestion],
        *,
        labels: LabelPassages = label_nothing,
        on_progress: Callable[[int], object] = ignore_progress,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim, in order, with one pair for each chunk of its evidence.

        ``on_progress`` receives how many of the ``steps(questions)`` are newly done. ``labels`` is for judges that let
        a language model label passages.
        """


def steps(questions: Sequence[ClaimQuestion]) -> int:
    """Return the steps of progress that judging takes: one for each claim and each of its passages."""
    return sum(1 + len(question.evidence) for question in questions)


@dataclass(frozen=True)
class JudgeContext:
    """What a judge is opened from; ``argument`` is the part of its name after the colon."""

    config: PipelineConfig
    cache: AnswerCache | None
    argument: str = ""
