"""A text read in segments: once, with one state, and the same wherever it is cut or interrupted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bdh
from bdh.evaluation import stream_losses
from pipeline.reading.encoder import Encoder
from pipeline.reading.stream import Saving, SentenceReading, Stream, bits_per_byte, stream_sentences
from pipeline.storage.cache import Arrays
from tests.pipeline.reading.conftest import Calls

TEXTS = (
    "\n\nAnna kept the ferry.",
    " Tom came late, é and all.",
    "\n\nIt rained for eleven days and nights.",
    " “No.”",
)
ANY_TEXTS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=6)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(encoder: Encoder, texts: Sequence[str], *, segment: int = 7, started: Arrays | None = None) -> SentenceReading:
    return stream_sentences(
        encoder, texts, segment=segment, started=started, saving=None, on_progress=lambda read, total: None
    )


def same(one: SentenceReading, other: SentenceReading, *, within: float) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("hidden", "tokens", "bytes", "nats")]
    return all(np.allclose(a.astype(float), b.astype(float), rtol=within, atol=within) for a, b in pairs)


def test_stream_reads_every_token_once(encoder: Encoder, calls: Calls) -> None:
    reading = read(encoder, TEXTS)
    tokens = len("".join(TEXTS).encode())
    assert sum(calls.lengths) == tokens == reading.tokens.sum()
    assert calls.lengths[:-1] == [7] * (len(calls.lengths) - 1)


@pytest.mark.parametrize("segment", [5, 16, 4096])
def test_stream_surprisal_is_that_of_the_whole_text_read_by_bdh(
    encoder: Encoder, bdh_model: bdh.BDH, segment: int
) -> None:
    tokens = np.frombuffer("".join(TEXTS).encode(), np.uint8).astype(np.int32)
    losses = stream_losses(bdh_model, [tokens], segment=11)[0].astype(np.float64)
    first = math.log(bdh_model.config.vocab_size)  # the first token follows nothing
    ends = np.cumsum([len(text.encode()) for text in TEXTS])
    expected = [part.sum() for part in np.split(np.concatenate([[first], losses]), ends[:-1])]
    assert read(encoder, TEXTS, segment=segment).nats == pytest.approx(expected, abs=1e-4)


def test_stream_carries_its_memory_from_sentence_to_sentence(encoder: Encoder) -> None:
    together, apart = read(encoder, TEXTS), [read(encoder, [text]) for text in TEXTS]
    assert np.allclose(together.hidden[0], apart[0].hidden[0])
    assert not np.allclose(together.hidden[2], apart[2].hidden[0], atol=0.05)


def test_stream_vector_is_the_mean_over_the_tokens_of_a_sentence(encoder: Encoder, bdh_model: bdh.BDH) -> None:
    tokens = torch.tensor([list("".join(TEXTS).encode())])
    hidden = bdh_model(tokens).hidden[0].detach().numpy()
    start = len(TEXTS[0].encode())
    stop = start + len(TEXTS[1].encode())
    assert read(encoder, TEXTS).hidden[1] == pytest.approx(hidden[start:stop].mean(axis=0), abs=2e-3)


def test_stream_norm_and_activity_are_those_of_the_segment_in_which_a_sentence_ends(
    encoder: Encoder, bdh_model: bdh.BDH
) -> None:
    tokens = torch.tensor([list("".join(TEXTS).encode())])
    reading, ends = read(encoder, TEXTS, segment=7), np.cumsum([len(text.encode()) for text in TEXTS])
    for end, norm in zip(ends, reading.norm, strict=True):
        read_so_far = min(-(-int(end) // 7) * 7, tokens.shape[1])
        state = bdh_model(tokens[:, :read_so_far]).state
        assert isinstance(state, bdh.BDHState)
        assert norm == pytest.approx(float(state.memory.detach().norm()), rel=1e-4)
    assert ((reading.activity > 0) & (reading.activity < 1)).all()


@few
@given(texts=ANY_TEXTS, segments=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_stream_is_the_same_for_any_segment(encoder: Encoder, texts: list[str], segments: tuple[int, int]) -> None:
    one, other = (read(encoder, texts, segment=segment) for segment in segments)
    assert same(one, other, within=2e-3)


@few
@given(texts=ANY_TEXTS, segment=st.integers(1, 12), data=st.data())
def test_stream_goes_on_from_anywhere_as_if_never_stopped(
    encoder: Encoder, texts: list[str], segment: int, data: st.DataObject
) -> None:
    stopped = Stream(encoder, texts, segment=segment)
    for _ in range(data.draw(st.integers(0, -(-stopped.total // segment)))):
        stopped.advance()
    saved = {name: array.copy() for name, array in stopped.to_arrays().items()}
    whole, resumed = read(encoder, texts, segment=segment), read(encoder, texts, segment=segment, started=saved)
    for name, array in whole.to_arrays().items():
        assert np.array_equal(array, resumed.to_arrays()[name]), name


def test_stream_of_no_sentences_is_empty(encoder: Encoder) -> None:
    assert read(encoder, []).hidden.shape == (0, encoder.width)


def test_stream_is_saved_on_the_way_but_not_at_its_end(encoder: Encoder) -> None:
    saved: list[int] = []
    saving = Saving(lambda arrays: saved.append(int(arrays["done"])), every_seconds=0)
    stream_sentences(encoder, TEXTS[:1], segment=8, started=None, saving=saving, on_progress=lambda read, total: None)
    assert saved == [8, 16]


def test_stream_reports_its_progress(encoder: Encoder) -> None:
    reported: list[tuple[int, int]] = []
    stream_sentences(
        encoder,
        TEXTS[:1],
        segment=8,
        started=None,
        saving=None,
        on_progress=lambda read, total: reported.append((read, total)),
    )
    assert reported == [(8, 22), (8, 22), (6, 22)]


def test_sentence_reading_comes_back_from_its_tensors(encoder: Encoder) -> None:
    reading = read(encoder, TEXTS)
    again = SentenceReading.from_arrays(reading.to_arrays())
    assert all(np.array_equal(getattr(reading, name), getattr(again, name)) for name in vars(reading))


def test_bits_per_byte_is_nats_over_bytes_in_base_two() -> None:
    assert bits_per_byte(8 * math.log(2), 4) == pytest.approx(2.0)
    assert bits_per_byte(0.0, 0) == 0.0
