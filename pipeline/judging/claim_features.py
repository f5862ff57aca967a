"""Turn a claim and its passages into one row of features: lexical surplus and the verifier's output.

Everything that scores a claim goes through ``make_case`` and ``claim_row``, so that the judge and ``evaluate-claims``
compute the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.book import Book
from pipeline.judging.evidence_selection import Candidate, choose_sentences
from pipeline.judging.expected_overlap import ExpectedOverlap
from pipeline.judging.interface import ClaimQuestion
from pipeline.judging.lexical import lexical_features
from pipeline.judging.passage import Passage, Stems, Weight
from pipeline.judging.verifier import VerifierInput, VerifierOutput

VERIFIER_PREFIX = "reader_"
"""The prefix of the features from the verifier, as the fitted models in ``models/verdict`` name them."""
CLAIM_ONLY = VERIFIER_PREFIX + "alone"
"""The verifier's claim-only log-odds, with which the fitted models subtract claim-only bias."""


@dataclass(frozen=True)
class ClaimCase:
    """A claim given evidence: the sentences for the verifier, in the order of the book, and the lexical features."""

    text: str
    sentences: tuple[str, ...]
    lexical: dict[str, float] = field(default_factory=dict)

    @property
    def verifier_input(self) -> VerifierInput:
        """The claim and its evidence as the verifier takes them."""
        return VerifierInput(self.text, self.sentences)


def make_case(
    text: str,
    passages: Sequence[Passage],
    *,
    first_sentences: Sequence[int],
    weight: Weight,
    stems: Stems,
    expected: ExpectedOverlap,
) -> ClaimCase:
    """Return a claim given its retrieved passages, best first; without a passage there is no evidence.

    ``first_sentences`` holds for each passage the number, counted over the novel, of its first sentence: a sentence
    that two passages share is read once.
    """
    numbered: dict[int, str] = {}
    for first, passage in zip(first_sentences, passages, strict=True):
        numbered.update(enumerate(passage.sentences, start=first))
    candidates = [
        Candidate(number, frozenset(stems(sentence)), len(sentence.split())) for number, sentence in numbered.items()
    ]
    chosen = choose_sentences(dict.fromkeys(stems(text)), candidates, weight=weight)
    words = lexical_features(text, passages, weight=weight, stems=stems, expected=expected)
    return ClaimCase(text, tuple(numbered[number] for number in sorted(chosen)), words)


def case_of(question: ClaimQuestion, book: Book, *, expected: ExpectedOverlap) -> ClaimCase:
    """Return the case of a claim given its retrieved chunks of ``book``."""
    return make_case(
        question.claim.text,
        question.passages(book),
        first_sentences=[book.chunks[item.chunk_index].first_sentence for item in question.evidence],
        weight=book.index.weight,
        stems=book.index.stems,
        expected=expected,
    )


def claim_row(case: ClaimCase, output: VerifierOutput) -> dict[str, float]:
    """Return the evidence features of a claim: the lexical ones, then the verifier's, all 0 without evidence.

    ``CLAIM_ONLY`` is among them. A model may use it only to subtract claim-only bias from the others: the fit that
    constrains it to that (``pipeline/scoring/control.py``) is in commit 13d0f12.
    """
    return case.lexical | verifier_features(output)


def verifier_features(output: VerifierOutput) -> dict[str, float]:
    """Return the verifier's features, each times the probability that the evidence settles the claim."""
    by_evidence = any(output.features.values())
    features = {VERIFIER_PREFIX + name: output.stated * value for name, value in output.features.items()}
    return features | {CLAIM_ONLY: output.stated * output.claim_only if by_evidence else 0.0}
