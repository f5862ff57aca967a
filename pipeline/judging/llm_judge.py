"""A language model as judge: its labels of passages replace the verifier's, which remain where it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.book import Book
from pipeline.judging.interface import (
    ClaimJudge,
    ClaimQuestion,
    JudgeContext,
    LabelPassages,
    ignore_progress,
    label_nothing,
)
from pipeline.judging.verdict import relabel
from pipeline.judging.window_judge import open_joint_judge
from pipeline.records import ClaimVerdict


def open_llm_judge(context: JudgeContext) -> LLMJudge:
    """Open the default judge, whose passages a language model labels again."""
    return LLMJudge(open_joint_judge(context))


@dataclass(frozen=True)
class LLMJudge:
    """Verdicts of ``fallback`` with the passages labelled again by the language model behind ``labels``."""

    fallback: ClaimJudge

    @property
    def method(self) -> str:
        """How the fallback judges; the manifest adds how often the language model did."""
        return self.fallback.method

    @property
    def weights(self) -> dict[str, str]:
        """The weights of the fallback."""
        return dict(self.fallback.weights)

    @property
    def threshold(self) -> float:
        """The threshold of the fallback."""
        return self.fallback.threshold

    def judge(
        self,
        book: Book,
        questions: Sequence[ClaimQuestion],
        *,
        labels: LabelPassages = label_nothing,
        on_progress: Callable[[int], object] = ignore_progress,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim, by the labels of the language model where there are any."""
        verdicts = self.fallback.judge(book, questions, on_progress=on_progress)
        return [
            verdict if found is None else relabel(verdict, found)
            for verdict, question in zip(verdicts, questions, strict=True)
            for found in [labels(question.claim, tuple(passage.text for passage in question.passages(book)))]
        ]
