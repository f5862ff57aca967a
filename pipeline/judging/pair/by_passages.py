"""Verdicts on claims from a judge that labels single passages, by a declared rule.

A claim's label follows from its passages by ``verdict.weigh_pairs``. With a judge that cannot output a contradiction,
the claim's probability is the highest support: supported from a half on, else not stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.book import Book
from pipeline.judging.interface import ClaimQuestion, LabelPassages, ignore_progress, label_nothing
from pipeline.judging.pair.interface import PassageJudge, PassageQuestion
from pipeline.judging.passage import best_sentence, passage_of
from pipeline.judging.verdict import claim_rationale, label_pair, weigh_pairs
from pipeline.records import ClaimLabel, ClaimVerdict, Evidence, Pair, PairLabel


@dataclass(frozen=True)
class ByPassages:
    """A judge of claims made of a judge of passages."""

    passages: PassageJudge

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
            verdicts.append(ClaimVerdict(question.claim, label, probability, {}, pairs, claim_rationale(label, pairs)))
            on_progress(1)
        return verdicts

    def _weigh(self, pairs: Sequence[Pair]) -> tuple[ClaimLabel, float]:
        if not pairs:
            return "not_stated", 0.5
        if self.passages.contradicts:
            return weigh_pairs(pairs)
        support = max(pair.probabilities["support"] for pair in pairs)
        return ("supported" if support >= 0.5 else "not_stated"), support


def quoted_pair(claim_text: str, item: Evidence, chances: dict[PairLabel, float], book: Book) -> Pair:
    """Return a judged chunk with its most probable label and the sentence of it that covers most of the claim."""
    chunk = book.chunks[item.chunk_index]
    sentences = passage_of(book.novel, chunk).sentences
    chosen = best_sentence(claim_text, sentences, weight=book.index.weight, stems=book.index.stems)
    start, end = chunk.sentences[chosen]
    title, paragraph = book.novel.title_at(start), book.novel.paragraph_at(start)
    label, chapter = label_pair(chances), book.novel.chapter_at(start)
    return Pair(item, label, chances, sentences[chosen], start, end, chapter, chapter_title=title, paragraph=paragraph)
