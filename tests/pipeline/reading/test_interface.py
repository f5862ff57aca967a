"""A language model that has nothing in common with BDH encodes a novel through the interface alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipeline.config import ReadingConfig
from pipeline.reading.encoder import Encoder
from pipeline.reading.interface import ModelState, SegmentReading
from pipeline.reading.novel_encoder import NovelEncoder
from pipeline.report.entries import state_entries
from pipeline.storage.cache import ReadingCache
from tests.pipeline.reading.conftest import Story


@dataclass(frozen=True)
class ByteCounts:
    """A unigram model: it predicts each byte by how often it came before; its hidden vector is 16 of these shares."""

    width: int = 16
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def initial_state(self) -> ModelState:
        return {"counts": torch.ones(256)}

    def encode(self, tokens: Tensor) -> Tensor:
        return self.read(tokens, self.initial_state()).hidden

    def read(self, tokens: Tensor, state: ModelState) -> SegmentReading:
        counts, nats, hidden = state["counts"].clone(), [], []
        for token in tokens.tolist():
            nats.append(-(counts[token] / counts.sum()).log())
            counts[token] += 1
            hidden.append(counts[97:113] / counts.sum())
        return SegmentReading(torch.stack(hidden), torch.stack(nats), {"counts": counts})


class Bytes:
    """One token a byte."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]


@pytest.fixture
def counting(tmp_path: Path) -> NovelEncoder:
    """The unigram model with an empty cache."""
    encoder = Encoder(ByteCounts(), Bytes(), "0" * 64, "fp32")
    return NovelEncoder(encoder, ReadingCache(tmp_path / "cache"), ReadingConfig(segment=50))


def test_foreign_model_reads_every_sentence_with_its_own_surprise(counting: NovelEncoder, story: Story) -> None:
    reading = counting.read(story.novel, story.chunks, [story.anna])
    assert all(3 < state.surprisal < 8 for state in reading.states)
    assert reading.states[0].global_vector.shape == (16,)
    assert counting.claim_vectors(reading, ["Anna kept the ferry."]).shape == (1, 16)


def test_measurements_that_a_model_does_not_make_are_null(counting: NovelEncoder, story: Story) -> None:
    reading = counting.read(story.novel, story.chunks)
    assert {(state.activity, state.state_norm) for state in reading.states} == {(None, None)}
    assert {(entry["activity"], entry["state_norm"]) for entry in state_entries(reading)} == {(None, None)}
