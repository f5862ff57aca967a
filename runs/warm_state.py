"""Claims read with a memory that is not empty: what the reader kept of a character's own sentences up to a place.

The sentences that name the character, or any others, are streamed once, in order, through the claim reader. Snapshots
of the memory are kept at intervals; the memory at any place is replayed from the nearest snapshot before it, so that
places may be asked for in any order at a bounded price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from bdh import BDHState
from pipeline.judging.verifier import SEPARATOR, Comparison, ReaderQuestion, TrainedReader

SNAPSHOT_EVERY = 128
"""Sentences from one snapshot to the next."""


@dataclass
class CarriedMemory:
    """The memory of a claim reader along some sentences of a novel."""

    trained: TrainedReader
    sentences: Sequence[str]
    every: int = SNAPSHOT_EVERY
    _snapshots: dict[int, BDHState] = field(default_factory=dict)

    def at(self, count: int) -> BDHState:
        """Return the memory once the first ``count`` sentences are read; the caller's own to go on from."""
        if not 0 <= count <= len(self.sentences):
            raise ValueError(f"count is {count}; there are {len(self.sentences)} sentences")
        place = max((kept for kept in self._snapshots if kept <= count), default=0)
        state = self._snapshots[place] if place else self.trained.reader.model.empty_state()
        while place < count:
            end = min(count, (place // self.every + 1) * self.every)
            state = self._read_on(state, self.sentences[place:end])
            place = end
            if place % self.every == 0:
                self._snapshots[place] = state
        return state.fork()

    @torch.inference_mode()
    def _read_on(self, state: BDHState, sentences: Sequence[str]) -> BDHState:
        text = "".join(SEPARATOR + " ".join(sentence.split()) for sentence in sentences)
        model = self.trained.reader.model
        tokens = torch.tensor([self.trained.tokenizer.encode(text)], device=model.device)
        _, after, _ = model.encode(tokens, state)
        assert after is not None
        return after

    def compare(self, question: ReaderQuestion, count: int) -> Comparison:
        """Return what the reader says of a question whose evidence is read after the first ``count`` sentences."""
        return self.trained.compare_after(question, self.at(count))
