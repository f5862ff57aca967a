"""Turn examples into tensors: texts as tokens, wrong words marked; a batch depends on its step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from torch.utils.data import DataLoader, Dataset

from bdh.tokenizer import Tokenizer
from bdh.training.verifier_batches import ClaimAnnotation, ClaimTargets, make_batch, make_targets
from bdh.verifier import ClaimBatch
from pipeline.errors import SettingError
from pipeline.judging.verifier import SEPARATOR, evidence_text
from pipeline.training.examples import CLAIMS_PER_EXAMPLE, Example, ExampleSource, LabelledClaim
from pipeline.training.plain_claims import PlainSource

_SHORTEST_CLAIM = 16


@dataclass(frozen=True)
class Shapes:
    """Most tokens of evidence, and of a claim read twice; longer ones are cut. ``claims`` is the claims of a row."""

    evidence: int = 320
    claim: int = 120
    claims: int = CLAIMS_PER_EXAMPLE

    def __post_init__(self) -> None:
        """Raise SettingError if a length is too short."""
        if self.evidence < 1 or self.claim < _SHORTEST_CLAIM:
            raise SettingError(
                f"shapes are {self.evidence} tokens of evidence and {self.claim} of a claim; expected at least 1 and "
                f"{_SHORTEST_CLAIM}"
            )


class StepBatches(Dataset[tuple[ClaimBatch, ClaimTargets]]):
    """The batch of every step of one process."""

    def __init__(
        self,
        source: ExampleSource | PlainSource,
        tokenizer: Tokenizer,
        shapes: Shapes,
        *,
        rows: int,
        steps: int,
        seed: int,
        rank: int = 0,
    ) -> None:
        self.source, self.tokenizer, self.shapes = source, tokenizer, shapes
        self.rows, self.steps, self.name = rows, steps, f"{seed}:{rank}"

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[ClaimBatch, ClaimTargets]:
        return tensors_of(self.source.draw(f"{self.name}:{step}", self.rows), self.tokenizer, self.shapes)

    def stream(self, start: int, *, workers: int) -> Iterator[tuple[ClaimBatch, ClaimTargets]]:
        """Yield the batches of the steps from ``start`` on, made by ``workers`` processes ahead of time."""
        options: dict[str, Any] = {"prefetch_factor": 4} if workers else {}
        steps = range(start, self.steps)
        return iter(DataLoader(self, batch_size=None, sampler=steps, num_workers=workers, **options))


def tensors_of(examples: Sequence[Example], tokenizer: Tokenizer, shapes: Shapes) -> tuple[ClaimBatch, ClaimTargets]:
    """Return the examples as a batch of tensors, and the targets of their claims."""
    lengths = tokenizer.byte_lengths()
    evidence = tokenizer.encode_batch([evidence_text(example.evidence) for example in examples])
    tokens = iter(tokenizer.encode_batch([claim.text for example in examples for claim in example.claims]))
    claims = [[next(tokens) for _ in example.claims] for example in examples]
    batch = make_batch(
        evidence,
        claims,
        separator=tokenizer.encode(SEPARATOR),
        evidence_length=shapes.evidence,
        claims_per_row=shapes.claims,
        claim_length=shapes.claim,
    )
    annotations = [
        [_annotate(claim, own, lengths) for claim, own in zip(example.claims, row, strict=True)]
        for example, row in zip(examples, claims, strict=True)
    ]
    return batch, make_targets(annotations, batch)


def _annotate(claim: LabelledClaim, tokens: Sequence[int], lengths: Sequence[int]) -> ClaimAnnotation:
    wrong = None
    if claim.label == "supported":
        wrong = [False] * len(tokens)
    elif claim.label == "contradicted" and claim.true is not None:
        wrong = mark_tokens(claim.text, changed_ranges(claim.true, claim.text), tokens, lengths)
    return ClaimAnnotation(claim.label, wrong, claim.claim_only)


def changed_ranges(true: str, false: str) -> list[tuple[int, int]]:
    """Return the ranges of characters of ``false`` whose words differ from ``true``.

    Where words are left out, the range covers their neighbours on both sides.

    >>> changed_ranges("He sold the old mill.", "He burnt the mill.")
    [(3, 8), (9, 18)]
    """
    first, second = true.split(), false.split()
    starts, place = [], 0
    for word in second:
        place = false.index(word, place)
        starts.append(place)
        place += len(word)
    ranges = []
    for kind, _, _, begin, end in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if kind == "equal" or not second:
            continue
        if begin == end:
            begin, end = max(0, begin - 1), min(len(second), end + 1)
        ranges.append((starts[begin], starts[end - 1] + len(second[end - 1])))
    return ranges


def mark_tokens(
    text: str, ranges: Sequence[tuple[int, int]], tokens: Sequence[int], lengths: Sequence[int]
) -> list[bool]:
    """Return for each token of ``text`` whether it touches one of the ranges of characters; ``lengths`` are bytes."""
    byte_of, place = [0], 0
    for letter in text:
        place += len(letter.encode("utf-8"))
        byte_of.append(place)
    marked = [(byte_of[start], byte_of[end]) for start, end in ranges]
    found, begin = [], 0
    for token in tokens:
        end = begin + lengths[token]
        found.append(any(begin < last and end > first for first, last in marked))
        begin = end
    return found
