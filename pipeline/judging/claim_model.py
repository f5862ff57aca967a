"""The fitted models of claims and passages: features in, verdicts out.

They were fitted on labelled claims about other novels by ``runs/claim_verdict.py`` of commit 13d0f12
(``runs/claim_verdict.md``); nothing here is fitted. What is fitted on a table's own labels is in
``pipeline.evaluation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.book import Book
from pipeline.errors import ModelError
from pipeline.judging.claim_features import ClaimCase, claim_row, verifier_features
from pipeline.judging.expected_overlap import ExpectedOverlap
from pipeline.judging.interface import ClaimQuestion
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.passage import best_sentence, passage_of
from pipeline.judging.verdict import (
    DecisionRule,
    claim_rationale,
    label_claim,
    label_pair,
    pair_probabilities,
)
from pipeline.judging.verifier import VerifierOutput
from pipeline.records import ClaimVerdict, Evidence, Pair, PairLabel

METHOD = (
    "a trained BDH verifier, which reads each claim from the state after its evidence, and lexical surplus over an "
    "unrelated novel, joined by a logistic model that subtracts claim-only bias; fitted on labelled claims about other "
    "novels"
)


@dataclass(frozen=True)
class ClaimOutputs:
    """A claim with the verifier's output given all its evidence together, and given each passage by itself."""

    case: ClaimCase
    whole: VerifierOutput
    passages: tuple[VerifierOutput, ...]


@dataclass(frozen=True)
class ClaimModel:
    """The fitted models of claims and of passages, and the rule that turns their probabilities into labels."""

    claim: LogisticModel
    pair: LogisticModel
    expected_overlap: ExpectedOverlap
    rule: DecisionRule

    @classmethod
    def load(cls, folder: Path, *, rule: DecisionRule) -> ClaimModel:
        """Read the fitted models of a folder; raises ModelError when one is missing or damaged."""
        names = ("claim.json", "pair.json", "background.npz")
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} has no {', '.join(missing)}; expected the fitted verdict models; restore them")
        claim, pair = (LogisticModel.load(folder / name) for name in names[:2])
        return cls(claim, pair, ExpectedOverlap.load(folder / names[2]), rule)

    def judge_claim(self, question: ClaimQuestion, outputs: ClaimOutputs, book: Book) -> ClaimVerdict:
        """Return the verdict on a claim; ``outputs.passages`` are in the order of its evidence."""
        features = claim_row(outputs.case, outputs.whole)
        probability = self.claim.probability(features)
        label = label_claim(probability, outputs.whole.stated, threshold=self.claim.threshold, rule=self.rule)
        pairs = tuple(
            self._judge_pair(question.claim.text, item, output, book)
            for item, output in zip(question.evidence, outputs.passages, strict=True)
        )
        return ClaimVerdict(question.claim, label, probability, features, pairs, claim_rationale(label, pairs))

    def _judge_pair(self, claim_text: str, item: Evidence, output: VerifierOutput, book: Book) -> Pair:
        probability = self.pair.probability(verifier_features(output))
        chances = pair_probabilities(probability, output.stated, threshold=self.pair.threshold, rule=self.rule)
        return quoted_pair(claim_text, item, chances, book)


def quoted_pair(claim_text: str, item: Evidence, chances: dict[PairLabel, float], book: Book) -> Pair:
    """Return a judged chunk with its most probable label and the sentence of it that covers most of the claim."""
    chunk = book.chunks[item.chunk_index]
    sentences = passage_of(book.novel, chunk).sentences
    chosen = best_sentence(claim_text, sentences, weight=book.index.weight, stems=book.index.stems)
    start, end = chunk.sentences[chosen]
    title, paragraph = book.novel.title_at(start), book.novel.paragraph_at(start)
    label, chapter = label_pair(chances), book.novel.chapter_at(start)
    return Pair(item, label, chances, sentences[chosen], start, end, chapter, chapter_title=title, paragraph=paragraph)
