"""Loss, bits per byte and perplexity of a model on texts, and its loss over position."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from bdh.errors import ConfigError, DataError
from bdh.model import evaluating
from bdh.neuro.model import LanguageModel
from bdh.shapes import Float, Tensor
from bdh.state import State

Tokens = npt.NDArray[np.int32]
Losses = npt.NDArray[np.float32]
CURVE = (1_000, 10_000, 100_000)
_FIRST_BUCKET = 64
_TOKENS_AT_ONCE = 8192


@dataclass(frozen=True)
class Evaluation:
    """Metrics over all tokens of all documents except the first of each.

    ``loss`` is in nats per token, ``perplexity`` per token; ``curve`` gives bits per byte over the first 1k, 10k and
    100k tokens of the documents that are at least that long.
    """

    documents: int
    tokens: int
    bytes: int
    loss: float
    bits_per_byte: float
    perplexity: float
    curve: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return asdict(self)


@dataclass(frozen=True)
class PositionLoss:
    """Mean loss in nats, and bits per byte, of the tokens at positions ``start`` to ``stop`` (exclusive)."""

    start: int
    stop: int
    tokens: int
    loss: float
    bits_per_byte: float


@torch.inference_mode()
def stream_losses(
    model: LanguageModel,
    documents: Sequence[Tokens],
    *,
    segment: int = 1024,
    reset_every: int | None = None,
    batch_size: int = 16,
    on_progress: Callable[[int], object] | None = None,
) -> list[Losses]:
    """Return the nats of every token after the first of each document, read from beginning to end.

    The state is carried through a document, or reset every ``reset_every`` tokens. ``batch_size`` documents are read at
    a time, padded at the end, without dropout. ``on_progress`` is called with the number of tokens of each batch.
    """
    for name, value in (("segment", segment), ("reset_every", reset_every), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1")
    if any(len(document) < 2 for document in documents):
        raise DataError("a document has fewer than two tokens; there is nothing to predict")
    order = sorted(range(len(documents)), key=lambda index: len(documents[index]))
    losses: list[Losses] = [np.zeros(0, np.float32)] * len(documents)
    for start in range(0, len(order), batch_size):
        group = order[start : start + batch_size]
        with evaluating(model):
            rows = _read_group(model, [documents[index] for index in group], segment, reset_every, on_progress)
        for index, row in zip(group, rows, strict=True):
            losses[index] = row
    return losses


def cut_windows(documents: Sequence[Tokens], window: int) -> list[Tokens]:
    """Return windows in which up to ``window`` tokens are predicted; neighbours share one token."""
    if window < 1:
        raise ConfigError(f"window is {window}; it must be at least 1")
    return [
        document[start : start + window + 1] for document in documents for start in range(0, len(document) - 1, window)
    ]


@torch.inference_mode()
def window_losses(
    model: LanguageModel,
    windows: Sequence[Tokens],
    *,
    batch_size: int = 16,
    on_progress: Callable[[int], object] | None = None,
) -> list[Losses]:
    """Return the nats of every token after the first of each window, every window read by itself.

    Windows of one length are batched, up to ``batch_size`` and about 8,192 tokens: the same numbers as
    ``stream_losses`` with ``reset_every``, much faster.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}; it must be at least 1")
    losses: list[Losses] = [np.zeros(0, np.float32)] * len(windows)
    order = sorted(range(len(windows)), key=lambda index: len(windows[index]))
    for length, same in groupby(order, key=lambda index: len(windows[index])):
        indices, rows = list(same), max(1, min(batch_size, _TOKENS_AT_ONCE // length))
        for group in (indices[start : start + rows] for start in range(0, len(indices), rows)):
            table = np.stack([windows[index] for index in group]).astype(np.int64)
            with evaluating(model):
                rows_of_losses, _ = _read_segment(model, table, None, keep_state=False)
            for index, row in zip(group, rows_of_losses.cpu().numpy(), strict=True):
                losses[index] = row
            if on_progress is not None:
                on_progress(len(group) * (length - 1))
    return losses


def _read_group(
    model: LanguageModel,
    documents: Sequence[Tokens],
    segment: int,
    reset_every: int | None,
    on_progress: Callable[[int], object] | None,
) -> list[Losses]:
    longest = max(len(document) for document in documents) - 1
    table = np.zeros((len(documents), longest + 1), np.int64)
    for row, document in enumerate(documents):
        table[row, : len(document)] = document
    parts: list[Losses] = []
    state: State | None = model.empty_state(len(documents))
    for start, stop in _cut(longest, segment, reset_every):
        if reset_every is not None and start % reset_every == 0:
            state = model.empty_state(len(documents))
        part, state = _read_segment(model, table[:, start : stop + 1], state)
        parts.append(part.cpu().numpy())
        if on_progress is not None:
            on_progress(sum(max(0, min(len(document) - 1, stop) - start) for document in documents))
    whole = np.concatenate(parts, axis=1)
    return [whole[row, : len(document) - 1] for row, document in enumerate(documents)]


def _cut(length: int, segment: int, reset_every: int | None) -> Iterator[tuple[int, int]]:
    """Yield the segments of a text; a new one begins at each reset."""
    start = 0
    while start < length:
        limit = length if reset_every is None else (start // reset_every + 1) * reset_every
        stop = min(start + segment, limit, length)
        yield start, stop
        start = stop


def _read_segment(
    model: LanguageModel, table: npt.NDArray[np.int64], state: State | None, *, keep_state: bool = True
) -> tuple[Float[Tensor, "B T"], State | None]:
    tokens = torch.from_numpy(np.ascontiguousarray(table)).to(model.device)
    output = model(tokens[:, :-1], state=state, mode="chunkwise" if keep_state else None, keep_state=keep_state)
    rows = [
        F.cross_entropy(row.float(), target, reduction="none")
        for row, target in zip(output.logits, tokens[:, 1:], strict=True)
    ]
    return torch.stack(rows), output.state


def summarise(losses: Sequence[Losses], documents: Sequence[Tokens], byte_lengths: Sequence[int]) -> Evaluation:
    """Return the metrics of ``losses``; ``byte_lengths`` has the number of bytes of each token id."""
    if not losses:
        raise DataError("there is no document to evaluate; give at least one")
    lengths = np.asarray(byte_lengths, np.int64)
    sizes = [lengths[document[1:]] for document in documents]
    nats = float(sum(row.astype(np.float64).sum() for row in losses))
    tokens, total = sum(len(row) for row in losses), int(sum(size.sum() for size in sizes))
    curve = {}
    for limit in CURVE:
        long = [index for index, row in enumerate(losses) if len(row) >= limit]
        if long:
            some = sum(float(losses[index][:limit].astype(np.float64).sum()) for index in long)
            curve[str(limit)] = some / math.log(2) / sum(int(sizes[index][:limit].sum()) for index in long)
    return make_evaluation(documents=len(losses), tokens=tokens, bytes_=total, nats=nats, curve=curve)


def make_evaluation(*, documents: int, tokens: int, bytes_: int, nats: float, curve: dict[str, float]) -> Evaluation:
    """Return the metrics from sums over all tokens."""
    mean = nats / tokens
    return Evaluation(
        documents, tokens, bytes_, mean, nats / math.log(2) / bytes_, math.exp(min(mean, 700.0)), dict(curve)
    )


def losses_over_position(
    losses: Sequence[Losses], documents: Sequence[Tokens], byte_lengths: Sequence[int]
) -> list[PositionLoss]:
    """Return the loss by position, in intervals that double: 0 to 64, to 128, to 256, and so on.

    It falls for a model that uses its memory, and rises for one that does not generalise beyond the length that it
    was trained on.
    """
    lengths = np.asarray(byte_lengths, np.int64)
    longest = max((len(row) for row in losses), default=0)
    found, start, stop = [], 0, _FIRST_BUCKET
    while start < longest:
        rows = [row[start:stop].astype(np.float64) for row in losses]
        tokens, nats = sum(map(len, rows)), sum(float(row.sum()) for row in rows)
        total = sum(int(lengths[document[start + 1 : stop + 1]].sum()) for document in documents)
        found.append(PositionLoss(start, min(stop, longest), tokens, nats / tokens, nats / math.log(2) / total))
        start, stop = stop, stop * 2
    return found
