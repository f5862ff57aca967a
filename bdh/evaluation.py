"""How well a model predicts texts: loss, bits per byte, perplexity, and the curve over position."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
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

Losses = npt.NDArray[np.float32]
CURVE = (1_000, 10_000, 100_000)


@dataclass(frozen=True)
class Evaluation:
    """Figures over all tokens of all documents but each document's first.

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


@torch.inference_mode()
def stream_losses(
    model: LanguageModel,
    documents: Sequence[npt.NDArray[np.int32]],
    *,
    segment: int = 1024,
    reset_every: int | None = None,
    batch_size: int = 16,
    on_progress: Callable[[int], object] | None = None,
) -> list[Losses]:
    """Return the nats of every token after the first of each document, read from beginning to end.

    The state is carried through a whole document, or emptied every ``reset_every`` tokens. Documents are read
    ``batch_size`` at a time, padded at the end, without dropout. ``on_progress`` hears of every batch of tokens read.
    """
    for name, value in (("segment", segment), ("reset_every", reset_every), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1")
    if any(len(document) < 2 for document in documents):
        raise DataError("a document has fewer than two tokens; there is nothing to predict in it")
    order = sorted(range(len(documents)), key=lambda index: len(documents[index]))
    losses: list[Losses] = [np.zeros(0, np.float32)] * len(documents)
    for start in range(0, len(order), batch_size):
        group = order[start : start + batch_size]
        with evaluating(model):
            rows = _read_group(model, [documents[index] for index in group], segment, reset_every, on_progress)
        for index, row in zip(group, rows, strict=True):
            losses[index] = row
    return losses


def _read_group(
    model: LanguageModel,
    documents: Sequence[npt.NDArray[np.int32]],
    segment: int,
    reset_every: int | None,
    on_progress: Callable[[int], object] | None,
) -> list[Losses]:
    longest = max(len(document) for document in documents) - 1
    table = np.zeros((len(documents), longest + 1), np.int64)
    for row, document in enumerate(documents):
        table[row, : len(document)] = document
    pieces: list[Losses] = []
    state: State = model.empty_state(len(documents))
    for start, stop in _cut(longest, segment, reset_every):
        if reset_every is not None and start % reset_every == 0:
            state = model.empty_state(len(documents))
        piece, state = _read_segment(model, table[:, start : stop + 1], state)
        pieces.append(piece.cpu().numpy())
        if on_progress is not None:
            on_progress(sum(max(0, min(len(document) - 1, stop) - start) for document in documents))
    whole = np.concatenate(pieces, axis=1)
    return [whole[row, : len(document) - 1] for row, document in enumerate(documents)]


def _cut(length: int, segment: int, reset_every: int | None) -> Iterator[tuple[int, int]]:
    """Yield the segments of a text; where the memory is emptied a new one begins."""
    start = 0
    while start < length:
        limit = length if reset_every is None else (start // reset_every + 1) * reset_every
        stop = min(start + segment, limit, length)
        yield start, stop
        start = stop


def _read_segment(
    model: LanguageModel, table: npt.NDArray[np.int64], state: State
) -> tuple[Float[Tensor, "B T"], State]:
    tokens = torch.from_numpy(np.ascontiguousarray(table)).to(model.device)
    output = model(tokens[:, :-1], state=state, mode="chunkwise")
    rows = [
        F.cross_entropy(row.float(), target, reduction="none")
        for row, target in zip(output.logits, tokens[:, 1:], strict=True)
    ]
    assert output.state is not None
    return torch.stack(rows), output.state


def summarise(
    losses: Sequence[Losses], documents: Sequence[npt.NDArray[np.int32]], byte_lengths: Sequence[int]
) -> Evaluation:
    """Return the figures of ``losses``; ``byte_lengths`` gives the bytes of each token id."""
    if not losses:
        raise DataError("there is no document to measure; give at least one")
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
    mean = nats / tokens
    return Evaluation(len(losses), tokens, total, mean, nats / math.log(2) / total, math.exp(min(mean, 700.0)), curve)
