"""The little story cut into chunks, and encoders with tiny models of both variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor

import bdh
from pipeline.config import ChunkConfig, PipelineConfig
from pipeline.reading.bdh_adapter import BDHEncoderModel, load_encoder
from pipeline.reading.encoder import Encoder
from pipeline.reading.interface import ModelState, SegmentReading
from pipeline.reading.novel_encoder import NovelEncoder, all_sentences, sentence_texts
from pipeline.records import Character, Chunk, Novel
from pipeline.states import Reading
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
    return sum(len(text.encode()) for text in sentence_texts(story.novel, [sentences[number] for number in numbers]))


@pytest.fixture(scope="session")
def story(shelf: Path) -> Story:
    """The little story."""
    return make_story(shelf / "Low Water.txt")


@pytest.fixture(scope="session")
def encoder(stand_in_reader: Path, stand_in_config: PipelineConfig) -> Encoder:
    """The stand-in, loaded."""
    return load_encoder(stand_in_config.reading, folder=stand_in_reader)


@pytest.fixture
def bdh_model(encoder: Encoder) -> bdh.BDH:
    """The language model of the stand-in."""
    assert isinstance(encoder.model, BDHEncoderModel)
    return encoder.model.model


@pytest.fixture(scope="session")
def neuro_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tiny neuro model of random seeded weights and every extension."""
    with torch.random.fork_rng():
        torch.manual_seed(9)
        model = bdh.BDHNeuro(bdh.NeuroConfig.published(256, 32, 16, n_layer=2))
    return bdh.save(tmp_path_factory.mktemp("neuro") / "model", model, bdh.ByteTokenizer())


@pytest.fixture
def novel_encoder(encoder: Encoder, stand_in_config: PipelineConfig, tmp_path: Path) -> NovelEncoder:
    """The stand-in with an empty cache."""
    return NovelEncoder(encoder, ReadingCache(tmp_path / "cache"), stand_in_config.reading)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """How much the model streamed during the test."""
    counted, read = Calls(), BDHEncoderModel.read

    def count(model: BDHEncoderModel, tokens: Tensor, state: ModelState) -> SegmentReading:
        counted.lengths.append(len(tokens))
        return read(model, tokens, state)

    monkeypatch.setattr(BDHEncoderModel, "read", count)
    return counted
