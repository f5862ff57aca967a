"""The little story cut into chunks, and the stand-in loaded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from pipeline.config import ChunkConfig, PipelineConfig
from pipeline.reading.encoder import Encoder, load_encoder
from pipeline.reading.read import Reader, all_sentences, make_pieces
from pipeline.records import Character, Chunk, Novel, Reading
from pipeline.storage.cache import ReadingCache
from pipeline.text.characters import resolve_character
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences


@dataclass(frozen=True)
class Story:
    """A novel with its chunks and some of its people."""

    novel: Novel
    chunks: tuple[Chunk, ...]
    anna: Character
    moss: Character


@dataclass
class Calls:
    """The tokens of every streaming call of a model."""

    lengths: list[int] = field(default_factory=list)


def make_story(path: Path, config: ChunkConfig | None = None) -> Story:
    """Cut a novel into chunks and find Anna Reed and Dr Moss in it."""
    novel = load_novel(path)
    sentences = split_sentences(novel, load_nlp(None))
    chunks = make_chunks(novel, sentences, config or ChunkConfig(4, 1))
    anna, moss = (resolve_character(name, novel, sentences, chunks) for name in ("Anna Reed", "Dr Moss"))
    return Story(novel, chunks, anna, moss)


def same_readings(one: Reading, other: Reading) -> bool:
    """Say whether two readings are the same to the last bit."""
    return _numbers_of(one) == _numbers_of(other)


def _numbers_of(reading: Reading) -> list[object]:
    found: list[object] = [None if reading.alone_vector is None else reading.alone_vector.tobytes()]
    for state in reading.states:
        numbers = (state.surprisal, state.activity, state.state_norm, state.drift)
        found.append((state.chunk_index, state.global_vector.tobytes(), state.content_vector.tobytes(), numbers))
    for name, states in reading.characters.items():
        found += [(name, state.chunk_index, state.vector.tobytes(), state.present) for state in states]
    return found


def own_tokens(story: Story, numbers: Sequence[int]) -> int:
    """Return how many tokens the stand-in reads for the numbered sentences: one a byte."""
    sentences = all_sentences(story.chunks)
    return sum(len(piece.encode()) for piece in make_pieces(story.novel, [sentences[number] for number in numbers]))


@pytest.fixture(scope="session")
def story(shelf: Path) -> Story:
    """The little story."""
    return make_story(shelf / "Low Water.txt")


@pytest.fixture(scope="session")
def encoder(stand_in_reader: Path, stand_in_config: PipelineConfig) -> Encoder:
    """The stand-in, loaded."""
    return load_encoder(stand_in_config.reading, folder=stand_in_reader)


@pytest.fixture
def reader(encoder: Encoder, stand_in_config: PipelineConfig, tmp_path: Path) -> Reader:
    """A reader with an empty cache."""
    return Reader(encoder, ReadingCache(tmp_path / "cache"), stand_in_config.reading)


@pytest.fixture
def calls(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """How much the model streamed during the test."""
    counted, encode = Calls(), encoder.model.encode

    def count(tokens: Tensor, *state_and_mode: Any, **settings: Any) -> Any:
        if "chunkwise" in state_and_mode:  # other texts are read alone, from an empty memory
            counted.lengths.append(int(tokens.shape[1]))
        return encode(tokens, *state_and_mode, **settings)

    monkeypatch.setattr(encoder.model, "encode", count)
    return counted
