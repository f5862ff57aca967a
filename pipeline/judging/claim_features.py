"""One claim as it is scored: what the words of its passages say, what the reader says, and the row they make.

Everything that scores a claim goes through ``make_case`` and ``claim_row``: the judge, ``evaluate-claims`` and what
fits their models, so that all of them see the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.judging.evidence_selection import Candidate, choose_sentences
from pipeline.judging.expected_overlap import ExpectedOverlap
from pipeline.judging.lexical import lexical_features
from pipeline.judging.passage import Passage, Stems, Weight
from pipeline.judging.verifier import VerifierInput, VerifierOutput

READER_PREFIX = "reader_"
"""What stands before the name of a feature that the reader gave."""
WORDING = READER_PREFIX + "alone"
"""What the reader says of the claim by its wording alone, known so that its share in the others can be taken off."""


@dataclass(frozen=True)
class ClaimCase:
    """A claim before some evidence: the sentences to be read, in the order of the book, and the lexical features."""

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
    """Return a claim before its retrieved passages, best first; no passage is no evidence.

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


def claim_row(case: ClaimCase, comparison: VerifierOutput) -> dict[str, float]:
    """Return the evidence features of a claim: those of the words, then the reader's, all 0 before no evidence.

    ``WORDING`` is among them, 0 where the reader heard nothing. A model may use it to take the share of the wording off
    the others, and no further: ``control.fit_controlled`` holds it to that.
    """
    return case.lexical | verifier_features(comparison)


def verifier_features(comparison: VerifierOutput) -> dict[str, float]:
    """Return the reader's part of a row: each number counts as much as the reader thinks that the evidence settles."""
    heard = any(comparison.features.values())
    told = {READER_PREFIX + name: comparison.stated * value for name, value in comparison.features.items()}
    return told | {WORDING: comparison.stated * comparison.alone if heard else 0.0}


def reader_row(comparison: VerifierOutput) -> dict[str, float]:
    """Return the one number that the reader is judged by alone."""
    return {"log_odds": comparison.log_odds}
