"""Packs to tensors: texts as tokens, false words marked, the same batch for the same step whoever asks."""

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
from pipeline.training.examples import SLOTS, Asked, Pack, PackSource

_SHORTEST_CLAIM = 16


@dataclass(frozen=True)
class Shapes:
    """Tokens of evidence and of a claim read twice; longer ones are cut while training."""

    evidence: int = 320
    claim: int = 120

    def __post_init__(self) -> None:
        """Raise SettingError where there is no room."""
        if self.evidence < 1 or self.claim < _SHORTEST_CLAIM:
            raise SettingError(
                f"shapes are {self.evidence} tokens of evidence and {self.claim} of a claim; expected at least 1 and "
                f"{_SHORTEST_CLAIM}"
            )


class StepBatches(Dataset[tuple[ClaimBatch, ClaimTargets]]):
    """The batch of every step of one process."""

    def __init__(
        self,
        source: PackSource,
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


def tensors_of(packs: Sequence[Pack], tokenizer: Tokenizer, shapes: Shapes) -> tuple[ClaimBatch, ClaimTargets]:
    """Return the packs as tensors, and what is known of their claims."""
    lengths = tokenizer.byte_lengths()
    evidence = tokenizer.encode_batch([evidence_text(pack.evidence) for pack in packs])
    asked = [asked for pack in packs for asked in pack.claims]
    tokens = iter(tokenizer.encode_batch([claim.text for claim in asked]))
    claims = [[next(tokens) for _ in pack.claims] for pack in packs]
    batch = make_batch(
        evidence,
        claims,
        separator=tokenizer.encode(SEPARATOR),
        evidence_length=shapes.evidence,
        claims_per_row=SLOTS,
        claim_length=shapes.claim,
    )
    answers = [
        [_answer(asked, own, lengths) for asked, own in zip(pack.claims, row, strict=True)]
        for pack, row in zip(packs, claims, strict=True)
    ]
    return batch, make_targets(answers, batch)


def _answer(asked: Asked, tokens: Sequence[int], lengths: Sequence[int]) -> ClaimAnnotation:
    wrong = None
    if asked.label == "supported":
        wrong = [False] * len(tokens)
    elif asked.label == "contradicted" and asked.true is not None:
        wrong = mark_tokens(asked.text, changed_ranges(asked.true, asked.text), tokens, lengths)
    return ClaimAnnotation(asked.label, wrong, asked.alone)


def changed_ranges(true: str, false: str) -> list[tuple[int, int]]:
    """Return the ranges of characters of ``false`` whose words differ from ``true``.

    Where words are left out, their neighbours on both sides are meant.

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
