"""Sentences through the model, once each: what the reader's memory and surprise were at every sentence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from bdh import BDHState
from pipeline.reading.encoder import Encoder
from pipeline.storage.cache import Arrays

Half = npt.NDArray[np.float16]
Doubles = npt.NDArray[np.float64]
_MEASURE_EVERY = 64
_PREDICTED_AT_ONCE = 256
"""Tokens whose predictions over the whole vocabulary are in memory at one time."""
_ENCODED_AT_ONCE = 4096
"""Sentences that are lists of Python's numbers at one time; the whole of a long novel would take gigabytes."""
_SHARE_OF_SAVING = 0.05
"""Of the time of a reading, at most, goes into keeping its place, however large that has grown."""


@dataclass(frozen=True)
class SentenceReading:
    """What was measured at each sentence of a text, in reading order.

    ``hidden`` (sentences, D) is the mean last hidden vector over the sentence's tokens, ``tokens`` and ``bytes`` their
    number, ``nats`` the sum of their surprise. ``activity`` and ``norm`` are those of the segment of tokens in which
    the sentence ends.
    """

    hidden: Half
    tokens: npt.NDArray[np.int64]
    bytes: npt.NDArray[np.int64]
    nats: Doubles
    activity: Doubles
    norm: Doubles

    def to_arrays(self) -> Arrays:
        """Return the arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SentenceReading:
        """Return the reading whose ``to_arrays`` gave these arrays."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Saving:
    """How an unfinished reading is kept: the function that stores it, and the seconds between two stores."""

    store: Callable[[Arrays], None]
    every_seconds: float


class Stream:
    """A reading in progress: ``advance`` reads one segment; ``to_arrays`` is all that is needed to go on later."""

    def __init__(self, encoder: Encoder, pieces: Sequence[str], *, segment: int) -> None:
        self._encoder, self._segment = encoder, segment
        tokens, counts = _encode(encoder, pieces)
        self._tokens = torch.from_numpy(tokens)
        self._ends = np.cumsum(counts)
        self.counts, self.bytes = counts, np.array([len(piece.encode("utf-8")) for piece in pieces], dtype=np.int64)
        self.done = 0
        self._state = encoder.model.empty_state()
        self._last = torch.zeros(encoder.model.config.vocab_size)
        self._hidden = np.zeros((len(pieces), encoder.width), np.float16)
        self._open = torch.zeros(1, encoder.width)
        self._nats = torch.zeros(len(pieces), dtype=torch.float64)
        self._activity = torch.zeros(len(pieces), dtype=torch.float64)
        self._norm = torch.zeros(len(pieces), dtype=torch.float64)

    @property
    def total(self) -> int:
        """Tokens of the whole text."""
        return len(self._tokens)

    @torch.inference_mode()
    def advance(self) -> int:
        """Read the next segment; return its number of tokens."""
        stop = min(self.done + self._segment, self.total)
        model = self._encoder.model
        tokens = self._tokens[self.done : stop].long().to(model.device)
        hidden, state, activity = model.encode(
            tokens[None],
            self._state,
            "chunkwise",
            measure_every=_MEASURE_EVERY,
            overwrite_state=True,
        )
        assert state is not None and activity is not None
        nats = self._surprise(hidden, tokens)
        ended = slice(*np.searchsorted(self._ends, [self.done, stop], side="right"))
        owner = torch.from_numpy(np.searchsorted(self._ends, np.arange(self.done, stop), side="right"))
        self._nats.index_add_(0, owner, nats)
        self._add_hidden(hidden[0].float().cpu(), owner - ended.start, ended)
        self._activity[ended] = float(activity.mean())
        self._norm[ended] = float(state.memory.norm())
        self._state = state
        read, self.done = stop - self.done, stop
        return read

    def _surprise(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return the nats of each token, predicted from the hidden vector (1, T, D) before it; block by block."""
        nats, before = [], self._last.to(tokens.device)
        for start in range(0, len(tokens), _PREDICTED_AT_ONCE):
            block = tokens[start : start + _PREDICTED_AT_ONCE]
            logits = self._encoder.model.head(hidden[:, start : start + len(block)], None)[0][0].float()
            nats.append(F.cross_entropy(before[None], block[:1], reduction="none"))
            nats.append(F.cross_entropy(logits[:-1], block[1:], reduction="none"))
            before = logits[-1].clone()
        self._last = before
        return torch.cat(nats).double().cpu()

    def _add_hidden(self, hidden: Tensor, row: Tensor, ended: slice) -> None:
        """Add the vectors of a segment to those of its sentences, of which only the last may go on in the next one."""
        sums = torch.zeros(ended.stop - ended.start + 1, hidden.shape[1])
        sums[0] = self._open[0]
        sums.index_add_(0, row, hidden)
        counts = np.maximum(self.counts[ended], 1)
        self._hidden[ended] = (sums[:-1].numpy() / counts[:, None]).astype(np.float16)
        self._open = sums[-1:].clone()

    def finish(self) -> SentenceReading:
        """Return the measurements of the whole text; vectors are kept in half precision, read fresh or from a cache."""
        measured = [self._nats.numpy(), self._activity.numpy(), self._norm.numpy()]
        return SentenceReading(self._hidden, self.counts, self.bytes, *measured)

    def to_arrays(self) -> Arrays:
        """Return the place in the text, the memory, and the measurements up to there."""
        read = int(np.searchsorted(self._ends, self.done, side="right"))
        measured = {"nats": self._nats[: read + 1], "activity": self._activity[:read], "norm": self._norm[:read]}
        place = {"memory": self._state.memory.cpu(), "last": self._last.cpu(), "open": self._open}
        arrays = {name: tensor.numpy() for name, tensor in {**measured, **place}.items()}
        return {**arrays, "means": self._hidden[:read], "done": np.array(self.done)}

    def restore(self, arrays: Arrays) -> bool:
        """Go on from what ``to_arrays`` returned; of another version it is left alone, and False returned."""
        if "means" not in arrays:
            return False
        self.done = int(arrays["done"])
        memory, self._last, self._open = (torch.from_numpy(arrays[name]) for name in ("memory", "last", "open"))
        self._state = BDHState(memory.to(self._encoder.model.device), self.done)
        self._hidden[: len(arrays["means"])] = arrays["means"]
        for name, measured in (("nats", self._nats), ("activity", self._activity), ("norm", self._norm)):
            measured[: len(arrays[name])] = torch.from_numpy(arrays[name])
        return True


def _encode(encoder: Encoder, pieces: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the tokens of all pieces in a row, and how many each has."""
    tokens, counts = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    for first in range(0, len(pieces), _ENCODED_AT_ONCE):
        encoded = encoder.tokenizer.encode_batch(pieces[first : first + _ENCODED_AT_ONCE])
        counts.append(np.array([len(item) for item in encoded], dtype=np.int64))
        tokens.append(np.fromiter(chain.from_iterable(encoded), np.int32, int(counts[-1].sum())))
    return np.concatenate(tokens), np.concatenate(counts)


def stream_sentences(
    encoder: Encoder,
    pieces: Sequence[str],
    *,
    segment: int,
    started: Arrays | None,
    saving: Saving | None,
    on_progress: Callable[[int, int], None],
) -> SentenceReading:
    """Read ``pieces`` (one text a sentence) from first to last, going on from ``started`` where that is given.

    Segments have a fixed length, so an interrupted reading that goes on later equals one that was never interrupted.
    ``on_progress`` hears tokens just read and tokens in all.
    """
    stream = Stream(encoder, pieces, segment=segment)
    if started is not None and stream.restore(started):
        on_progress(stream.done, stream.total)
    saved, pause = time.monotonic(), 0.0 if saving is None else saving.every_seconds
    while stream.done < stream.total:
        on_progress(stream.advance(), stream.total)
        if saving is not None and time.monotonic() - saved >= pause and stream.done < stream.total:
            began = time.monotonic()
            saving.store(stream.to_arrays())
            saved = time.monotonic()
            if saving.every_seconds:
                pause = max(saving.every_seconds, (saved - began) / _SHARE_OF_SAVING)
    return stream.finish()


def bits_per_byte(nats: float, size: int) -> float:
    """Return surprise in bits per byte; 0 for no bytes."""
    return nats / math.log(2) / size if size else 0.0
