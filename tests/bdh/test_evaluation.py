"""Losses of a model on texts, and the metrics over them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh import evaluation
from bdh.errors import ConfigError, DataError
from bdh.evaluation import cut_windows, losses_over_position, stream_losses, summarise, window_losses
from bdh.model import BDH

ModelMaker = Callable[..., BDH]
Document = npt.NDArray[np.int32]


def _document(length: int, seed: int = 0) -> Document:
    return np.random.default_rng(seed).integers(0, 48, length).astype(np.int32)


def _losses(model: BDH, document: Document) -> npt.NDArray[np.float32]:
    """Return the losses of one parallel pass over a whole text."""
    tokens = torch.from_numpy(document.astype(np.int64))[None]
    with torch.inference_mode():
        logits = model(tokens[:, :-1], mode="parallel").logits[0]
    return torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="none").numpy()


@pytest.mark.parametrize("damping", [{}, {"decay": (0.95, 1.0)}])
@given(length=st.integers(2, 60), segment=st.integers(1, 70))
@settings(max_examples=20)
def test_carried_losses_are_those_of_one_whole_pass(
    make_model: ModelMaker, damping: dict[str, Any], length: int, segment: int
) -> None:
    model, document = make_model(**damping), _document(length, length)
    (found,) = stream_losses(model, [document], segment=segment)
    assert found.dtype == np.float32 and found.shape == (length - 1,)
    np.testing.assert_allclose(found, _losses(model, document), rtol=1e-3, atol=1e-3)


@given(lengths=st.lists(st.integers(2, 50), min_size=1, max_size=6), batch=st.integers(1, 4))
@settings(max_examples=20)
def test_documents_of_a_batch_do_not_see_each_other_or_the_padding(
    make_model: ModelMaker, lengths: list[int], batch: int
) -> None:
    model = make_model()
    documents = [_document(length, seed) for seed, length in enumerate(lengths)]
    together = stream_losses(model, documents, segment=16, batch_size=batch)
    for document, found in zip(documents, together, strict=True):
        np.testing.assert_allclose(found, _losses(model, document), rtol=1e-3, atol=1e-3)


@given(length=st.integers(2, 50), segment=st.integers(1, 30), reset=st.integers(1, 60))
@settings(max_examples=30)
def test_reset_every_reads_windows_as_separate_texts(
    make_model: ModelMaker, length: int, segment: int, reset: int
) -> None:
    model, document = make_model(), _document(length, length)
    (found,) = stream_losses(model, [document], segment=segment, reset_every=reset)
    pieces = [document[start : start + reset + 1] for start in range(0, length - 1, reset)]
    expected = np.concatenate([_losses(model, piece) for piece in pieces])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_progress_counts_every_predicted_token_once(make_model: ModelMaker) -> None:
    progress: list[int] = []
    documents = [_document(length) for length in (2, 31, 17)]
    stream_losses(make_model(), documents, segment=8, batch_size=2, on_progress=progress.append)
    assert sum(progress) == 1 + 30 + 16 and all(count > 0 for count in progress)


def test_dropout_is_off_during_evaluation_only(make_model: ModelMaker) -> None:
    model, document = make_model(dropout=0.5), _document(20)
    expected = _losses(model, document)
    model.train()
    (found,) = stream_losses(model, [document])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert model.training


def test_document_of_one_token_is_an_error(make_model: ModelMaker) -> None:
    with pytest.raises(DataError, match="fewer than two tokens"):
        stream_losses(make_model(), [_document(9), _document(1)])


@pytest.mark.parametrize("name", ["segment", "reset_every", "batch_size"])
@pytest.mark.parametrize("value", [0, -3])
def test_size_below_one_is_an_error(make_model: ModelMaker, name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        stream_losses(make_model(), [_document(9)], **{name: value})


def test_metrics_are_those_of_the_losses() -> None:
    losses = [np.array([1.0, 2.0, 3.0], np.float32), np.array([4.0], np.float32)]
    documents = [np.array([0, 1, 2, 1], np.int32), np.array([2, 0], np.int32)]
    figures = summarise(losses, documents, [1, 2, 5])
    # Bytes of all tokens but the first of each document: 2 + 5 + 2, and 1.
    assert (figures.documents, figures.tokens, figures.bytes) == (2, 4, 10)
    assert figures.loss == 2.5 and figures.perplexity == pytest.approx(math.exp(2.5))
    assert figures.bits_per_byte == pytest.approx(10.0 / math.log(2) / 10)
    assert figures.curve == {} and figures.to_dict()["tokens"] == 4


def test_one_byte_tokens_give_bits_per_token() -> None:
    uniform = [np.full(8, math.log(256), np.float32)]
    assert summarise(uniform, [_document(9)], [1] * 48).bits_per_byte == pytest.approx(8.0)


def test_curve_covers_the_beginnings_of_documents_that_are_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "CURVE", (2, 4, 99))
    losses = [np.array([1.0, 3.0, 5.0, 7.0], np.float32), np.array([2.0, 2.0], np.float32)]
    documents = [np.zeros(5, np.int32), np.zeros(3, np.int32)]
    curve = summarise(losses, documents, [2]).curve
    assert curve == {"2": pytest.approx(8.0 / math.log(2) / 8), "4": pytest.approx(16.0 / math.log(2) / 8)}


def test_huge_loss_has_a_finite_perplexity() -> None:
    assert math.isfinite(summarise([np.array([5000.0], np.float32)], [_document(2)], [1] * 48).perplexity)


def test_metrics_of_no_document_are_an_error() -> None:
    with pytest.raises(DataError, match="no document"):
        summarise([], [], [1])


@given(lengths=st.lists(st.integers(2, 50), min_size=1, max_size=4), window=st.integers(1, 60), rows=st.integers(1, 5))
@settings(max_examples=25)
def test_batched_windows_equal_resets(make_model: ModelMaker, lengths: list[int], window: int, rows: int) -> None:
    model, progress = make_model(), list[int]()
    documents = [_document(length, seed) for seed, length in enumerate(lengths)]
    windows = cut_windows(documents, window)
    found = window_losses(model, windows, batch_size=rows, on_progress=progress.append)
    expected = stream_losses(model, documents, reset_every=window)
    np.testing.assert_allclose(np.concatenate(found), np.concatenate(expected), rtol=1e-3, atol=1e-3)
    assert [len(row) for row in found] == [len(piece) - 1 for piece in windows]
    assert sum(progress) == sum(lengths) - len(lengths)


@pytest.mark.parametrize(("window", "rows", "word"), [(0, 4, "window is 0"), (4, 0, "batch_size is 0")])
def test_empty_windows_are_an_error(make_model: ModelMaker, window: int, rows: int, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        window_losses(make_model(), cut_windows([_document(9)], window), batch_size=rows)


def test_losses_over_position_are_means_over_doubling_intervals() -> None:
    losses = [np.arange(200, dtype=np.float32), np.full(70, 2.0, np.float32)]
    documents = [np.zeros(201, np.int32), np.zeros(71, np.int32)]
    found = losses_over_position(losses, documents, [2])
    assert [(stretch.start, stretch.stop, stretch.tokens) for stretch in found] == [
        (0, 64, 128),
        (64, 128, 70),
        (128, 200, 72),
    ]
    assert found[0].loss == pytest.approx((np.arange(64).sum() + 128) / 128)
    assert found[2].loss == pytest.approx(np.arange(128, 200).mean())
    assert all(stretch.bits_per_byte == pytest.approx(stretch.loss / math.log(2) / 2) for stretch in found)
    assert losses_over_position([], [], [1]) == []
