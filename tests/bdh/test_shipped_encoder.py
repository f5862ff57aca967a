"""The encoder that ships: it loads, and has learnt English."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import bdh
from bdh.evaluation import stream_losses
from bdh.model import BDH
from bdh.tokenizer import BPETokenizer, ByteTokenizer

ROOT = Path(__file__).parents[2]
READER = ROOT / "models" / "reader"
NOVEL = ROOT / "novels" / "The Unlit Hour.txt"
LOSS = 4.068  # nats per token of the paragraph, a perplexity of 58

pytestmark = pytest.mark.skipif(not READER.is_dir(), reason="models/reader is not here")


@pytest.fixture(scope="module")
def reader() -> tuple[BDH, ByteTokenizer | BPETokenizer]:
    return bdh.load(READER)


@pytest.fixture(scope="module")
def paragraph() -> str:
    """Return the paragraph of the bundled story that brings in its engineer."""
    paragraphs = NOVEL.read_text(encoding="utf-8").split("\n\n")
    return next(text for text in paragraphs if text.startswith("Hester Lanyon stood at the end of the quay"))


def _loss(reader: tuple[BDH, ByteTokenizer | BPETokenizer], text: str) -> float:
    model, tokenizer = reader
    (losses,) = stream_losses(model, [np.asarray(tokenizer.encode(text), np.int32)])
    return float(losses.mean())


def test_shipped_encoder_predicts_an_english_paragraph(
    reader: tuple[BDH, ByteTokenizer | BPETokenizer], paragraph: str
) -> None:
    loss = _loss(reader, paragraph)
    assert math.exp(loss) < 100
    assert loss == pytest.approx(LOSS, abs=1e-2)


def test_shuffled_words_have_a_higher_loss(reader: tuple[BDH, ByteTokenizer | BPETokenizer], paragraph: str) -> None:
    words = paragraph.split(" ")
    shuffled = " ".join(words[index] for index in np.random.default_rng(0).permutation(len(words)))
    assert _loss(reader, shuffled) > _loss(reader, paragraph) + 1.0


def test_shipped_encoder_is_the_same_in_every_mode(
    reader: tuple[BDH, ByteTokenizer | BPETokenizer], paragraph: str
) -> None:
    model, tokenizer = reader
    tokens = torch.tensor([tokenizer.encode(paragraph)])
    with torch.inference_mode():
        parallel, chunkwise, recurrent = (model(tokens, mode=mode) for mode in ("parallel", "chunkwise", "recurrent"))
    for other in (chunkwise, recurrent):
        assert float((other.logits - parallel.logits).abs().max()) < 1e-2
        assert other.state is not None and parallel.state is not None
        assert float((other.state.memory - parallel.state.memory).norm() / parallel.state.memory.norm()) < 1e-4


def test_shipped_encoder_is_sparse_and_has_several_timescales(
    reader: tuple[BDH, ByteTokenizer | BPETokenizer], paragraph: str
) -> None:
    model, tokenizer = reader
    activity = model(torch.tensor([tokenizer.encode(paragraph)]), measure_every=1).activity
    assert activity is not None and float(activity[:, 1].mean()) < float(activity[:, 0].mean()) < 0.5
    decay = model.attn.decay()
    assert decay is not None and bool((decay.min() < 0.995) & (decay.max() > 0.9995))


def test_shipped_encoder_gains_from_its_state(reader: tuple[BDH, ByteTokenizer | BPETokenizer]) -> None:
    model, tokenizer = reader
    tokens = np.asarray(tokenizer.encode(NOVEL.read_text(encoding="utf-8"))[:1024], np.int32)
    (carried,), (reset,) = (stream_losses(model, [tokens], segment=512, reset_every=every) for every in (None, 64))
    assert float(carried.mean()) < float(reset.mean()) - 0.2
