"""Verdicts on claims from a judge that labels single passages, by a declared rule.

A claim's label follows from its passages by ``verdict.weigh_pairs``. With a judge that cannot output a contradiction,
the claim's probability is the highest support: supported from a half on, else not stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.book import Book
from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.judging.claim_features import case_of
from pipeline.judging.claim_model import quoted_pair
from pipeline.judging.expected_overlap import ExpectedOverlap
from pipeline.judging.interface import ClaimQuestion, LabelPassages, ignore_progress, label_nothing
from pipeline.judging.pair.interface import PassageJudge, PassageQuestion
from pipeline.judging.verdict import claim_rationale, weigh_pairs
from pipeline.records import ClaimLabel, ClaimVerdict, Pair


@dataclass(frozen=True)
class ByPassages:
    """A judge of claims made of a judge of passages; its claims have the lexical features of the default judge."""

    passages: PassageJudge
    expected_overlap: ExpectedOverlap

    @property
    def method(self) -> str:
        """How it judges, in a sentence."""
        return self.passages.method

    @property
    def weights(self) -> dict[str, str]:
        """The SHA-256 of the judge of passages; empty for rules."""
        return {"judge": self.passages.sha256} if self.passages.sha256 else {}

    @property
    def threshold(self) -> float:
        """An even chance."""
        return 0.5

    def judge(
        self,
        book: Book,
        questions: Sequence[ClaimQuestion],
        *,
        labels: LabelPassages = label_nothing,
        on_progress: Callable[[int], object] = ignore_progress,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim, from the labels of all its passages."""
        inputs = [
            PassageQuestion(question.claim.text, passage.sentences)
            for question in questions
            for passage in question.passages(book)
        ]
        found = iter(self.passages.label_passages(inputs, lexicon=book.lexicon, on_progress=on_progress))
        verdicts = []
        for question in questions:
            text = question.claim.text
            pairs = tuple(quoted_pair(text, item, next(found), book) for item in question.evidence)
            label, probability = self._weigh(pairs)
            features = case_of(question, book, expected=self.expected_overlap).lexical
            verdicts.append(
                ClaimVerdict(question.claim, label, probability, features, pairs, claim_rationale(label, pairs))
            )
            on_progress(1)
        return verdicts

    def _weigh(self, pairs: Sequence[Pair]) -> tuple[ClaimLabel, float]:
        if not pairs:
            return "not_stated", 0.5
        if self.passages.contradicts:
            return weigh_pairs(pairs)
        support = max(pair.probabilities["support"] for pair in pairs)
        return ("supported" if support >= 0.5 else "not_stated"), support


def judge_by_passages(passages: PassageJudge, config: PipelineConfig) -> ByPassages:
    """Return a judge of claims made of a judge of passages."""
    folder = resolve_model_dir(config.scoring.verdict_dir)
    return ByPassages(passages, ExpectedOverlap.load(folder / "background.npz"))
