"""A text read in segments: once, in one memory, and the same wherever it is cut or interrupted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bdh.evaluation import stream_losses
from pipeline.reading.encoder import Encoder
from pipeline.reading.stream import Saving, SentenceReading, Stream, bits_per_byte, stream_sentences
from pipeline.storage.cache import Arrays
from tests.pipeline.reading.conftest import Calls

PIECES = (
    "\n\nAnna kept the ferry.",
    " Tom came late, é and all.",
    "\n\nIt rained for eleven days and nights.",
    " “No.”",
)
TEXTS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=6)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(
    encoder: Encoder, pieces: Sequence[str], *, segment: int = 7, started: Arrays | None = None
) -> SentenceReading:
    return stream_sentences(
        encoder, pieces, segment=segment, started=started, saving=None, on_progress=lambda read, total: None
    )


def same(one: SentenceReading, other: SentenceReading, *, within: float) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("hidden", "tokens", "bytes", "nats")]
    return all(np.allclose(a.astype(float), b.astype(float), rtol=within, atol=within) for a, b in pairs)


def test_stream_reads_every_token_once(encoder: Encoder, calls: Calls) -> None:
    reading = read(encoder, PIECES)
    tokens = len("".join(PIECES).encode())
    assert sum(calls.lengths) == tokens == reading.tokens.sum()
    assert calls.lengths[:-1] == [7] * (len(calls.lengths) - 1)


@pytest.mark.parametrize("segment", [5, 16, 4096])
def test_stream_surprisal_is_that_of_the_whole_text_read_by_bdh(encoder: Encoder, segment: int) -> None:
    tokens = np.frombuffer("".join(PIECES).encode(), np.uint8).astype(np.int32)
    losses = stream_losses(encoder.model, [tokens], segment=11)[0].astype(np.float64)
    first = math.log(encoder.model.config.vocab_size)  # nothing stands before the first token
    ends = np.cumsum([len(piece.encode()) for piece in PIECES])
    expected = [part.sum() for part in np.split(np.concatenate([[first], losses]), ends[:-1])]
    assert read(encoder, PIECES, segment=segment).nats == pytest.approx(expected, abs=1e-4)


def test_stream_carries_its_memory_from_piece_to_piece(encoder: Encoder) -> None:
    together, apart = read(encoder, PIECES), [read(encoder, [piece]) for piece in PIECES]
    assert np.allclose(together.hidden[0], apart[0].hidden[0])
    assert not np.allclose(together.hidden[2], apart[2].hidden[0], atol=0.05)


def test_stream_vector_is_the_mean_over_the_tokens_of_a_sentence(encoder: Encoder) -> None:
    tokens = torch.tensor([list("".join(PIECES).encode())])
    hidden = encoder.model(tokens).hidden[0].detach().numpy()
    start = len(PIECES[0].encode())
    stop = start + len(PIECES[1].encode())
    assert read(encoder, PIECES).hidden[1] == pytest.approx(hidden[start:stop].mean(axis=0), abs=2e-3)


def test_stream_norm_and_activity_are_those_of_the_segment_in_which_a_sentence_ends(encoder: Encoder) -> None:
    tokens = torch.tensor([list("".join(PIECES).encode())])
    reading, ends = read(encoder, PIECES, segment=7), np.cumsum([len(piece.encode()) for piece in PIECES])
    for end, norm in zip(ends, reading.norm, strict=True):
        read_so_far = min(-(-int(end) // 7) * 7, tokens.shape[1])
        state = encoder.model(tokens[:, :read_so_far]).state
        assert norm == pytest.approx(float(state.memory.detach().norm()), rel=1e-4)
    assert ((reading.activity > 0) & (reading.activity < 1)).all()


@few
@given(pieces=TEXTS, segments=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_stream_is_the_same_for_any_segment(encoder: Encoder, pieces: list[str], segments: tuple[int, int]) -> None:
    one, other = (read(encoder, pieces, segment=segment) for segment in segments)
    assert same(one, other, within=2e-3)


@few
@given(pieces=TEXTS, segment=st.integers(1, 12), data=st.data())
def test_stream_goes_on_from_any_place_as_if_never_stopped(
    encoder: Encoder, pieces: list[str], segment: int, data: st.DataObject
) -> None:
    stopped = Stream(encoder, pieces, segment=segment)
    for _ in range(data.draw(st.integers(0, -(-stopped.total // segment)))):
        stopped.advance()
    place = {name: array.copy() for name, array in stopped.to_arrays().items()}
    whole, resumed = read(encoder, pieces, segment=segment), read(encoder, pieces, segment=segment, started=place)
    for name, array in whole.to_arrays().items():
        assert np.array_equal(array, resumed.to_arrays()[name]), name


def test_stream_of_no_pieces_is_empty(encoder: Encoder) -> None:
    assert read(encoder, []).hidden.shape == (0, encoder.width)


def test_stream_saves_its_place_but_not_its_end(encoder: Encoder) -> None:
    places: list[int] = []
    saving = Saving(lambda arrays: places.append(int(arrays["done"])), every_seconds=0)
    stream_sentences(encoder, PIECES[:1], segment=8, started=None, saving=saving, on_progress=lambda read, total: None)
    assert places == [8, 16]


def test_stream_tells_its_progress(encoder: Encoder) -> None:
    heard: list[tuple[int, int]] = []
    stream_sentences(
        encoder,
        PIECES[:1],
        segment=8,
        started=None,
        saving=None,
        on_progress=lambda read, total: heard.append((read, total)),
    )
    assert heard == [(8, 22), (8, 22), (6, 22)]


def test_sentence_reading_comes_back_from_its_tensors(encoder: Encoder) -> None:
    reading = read(encoder, PIECES)
    again = SentenceReading.from_arrays(reading.to_arrays())
    assert all(np.array_equal(getattr(reading, name), getattr(again, name)) for name in vars(reading))


def test_bits_per_byte_is_nats_over_bytes_in_base_two() -> None:
    assert bits_per_byte(8 * math.log(2), 4) == pytest.approx(2.0)
    assert bits_per_byte(0.0, 0) == 0.0
