"""A stream of sentences through the model, each once, with the hidden vector and the surprise of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.reading.encoder import Encoder
from pipeline.reading.interface import EncoderTokenizer
from pipeline.storage.cache import Arrays

Half = npt.NDArray[np.float16]
Doubles = npt.NDArray[np.float64]
_TOKENIZED_AT_ONCE = 4096
"""Sentences that are lists of Python's numbers at one time; the whole of a long novel would take gigabytes."""
_SHARE_OF_SAVING = 0.05
"""The largest share of the time of a reading that goes into saving it, however large it has grown."""
_STATE = "state."
"""Prefix of the model's own tensors in an unfinished reading."""


@dataclass(frozen=True)
class SentenceReading:
    """The measurements at each sentence of a text, in reading order.

    ``hidden`` (sentences, D) is the mean last hidden vector over the sentence's tokens, ``tokens`` and ``bytes`` their
    number, ``nats`` the sum of their surprise. ``activity`` and ``norm`` are those of the segment of tokens in which
    the sentence ends; NaN where the model does not measure them.
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
        """Return the reading whose ``to_arrays`` returned these arrays."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Saving:
    """How an unfinished reading is saved: the function that stores it, and the seconds between two calls of it."""

    store: Callable[[Arrays], None]
    every_seconds: float


class Stream:
    """A reading in progress: ``advance`` reads one segment; ``to_arrays`` is all that is needed to go on later."""

    def __init__(self, encoder: Encoder, texts: Sequence[str], *, segment: int) -> None:
        self._model, self._segment = encoder.model, segment
        tokens, counts = _tokenize(encoder.tokenizer, texts)
        self._tokens = torch.from_numpy(tokens)
        self._ends = np.cumsum(counts)
        self.counts, self.bytes = counts, np.array([len(text.encode("utf-8")) for text in texts], dtype=np.int64)
        self.done = 0
        self._state = encoder.model.initial_state()
        self._hidden = np.zeros((len(texts), encoder.width), np.float16)
        self._partial = torch.zeros(1, encoder.width)
        self._nats = torch.zeros(len(texts), dtype=torch.float64)
        self._activity = torch.zeros(len(texts), dtype=torch.float64)
        self._norm = torch.zeros(len(texts), dtype=torch.float64)

    @property
    def total(self) -> int:
        """Tokens of the whole text."""
        return len(self._tokens)

    @torch.inference_mode()
    def advance(self) -> int:
        """Read the next segment; return its number of tokens."""
        stop = min(self.done + self._segment, self.total)
        read = self._model.read(self._tokens[self.done : stop].long().to(self._model.device), self._state)
        ended = slice(*np.searchsorted(self._ends, [self.done, stop], side="right"))
        owner = torch.from_numpy(np.searchsorted(self._ends, np.arange(self.done, stop), side="right"))
        self._nats.index_add_(0, owner, read.nats.cpu().double())
        self._add_hidden(read.hidden.float().cpu(), owner - ended.start, ended)
        self._activity[ended] = _number(read.activity)
        self._norm[ended] = _number(read.state_norm)
        self._state = read.state
        count, self.done = stop - self.done, stop
        return count

    def _add_hidden(self, hidden: Tensor, row: Tensor, ended: slice) -> None:
        """Add the vectors of a segment to those of its sentences, of which only the last may go on in the next one."""
        sums = torch.zeros(ended.stop - ended.start + 1, hidden.shape[1])
        sums[0] = self._partial[0]
        sums.index_add_(0, row, hidden)
        counts = np.maximum(self.counts[ended], 1)
        self._hidden[ended] = (sums[:-1].numpy() / counts[:, None]).astype(np.float16)
        self._partial = sums[-1:].clone()

    def finish(self) -> SentenceReading:
        """Return the measurements of the whole text; vectors are in half precision, read now or from a cache."""
        measured = [self._nats.numpy(), self._activity.numpy(), self._norm.numpy()]
        return SentenceReading(self._hidden, self.counts, self.bytes, *measured)

    def to_arrays(self) -> Arrays:
        """Return the position in the text, the state of the model, and the measurements so far."""
        read = int(np.searchsorted(self._ends, self.done, side="right"))
        measured = {"nats": self._nats[: read + 1], "activity": self._activity[:read], "norm": self._norm[:read]}
        state = {_STATE + name: tensor.cpu() for name, tensor in self._state.items()}
        arrays = {name: tensor.numpy() for name, tensor in {**measured, **state, "partial": self._partial}.items()}
        return {**arrays, "hidden": self._hidden[:read], "done": np.array(self.done)}

    def restore(self, arrays: Arrays) -> bool:
        """Go on from what ``to_arrays`` returned; return False, and change nothing, if it is of another version."""
        if self.to_arrays().keys() != arrays.keys():
            return False
        self.done = int(arrays["done"])
        self._partial = torch.from_numpy(arrays["partial"])
        self._state = {name: torch.from_numpy(arrays[_STATE + name]) for name in self._state}
        self._hidden[: len(arrays["hidden"])] = arrays["hidden"]
        for name, measured in (("nats", self._nats), ("activity", self._activity), ("norm", self._norm)):
            measured[: len(arrays[name])] = torch.from_numpy(arrays[name])
        return True


def _number(measured: float | None) -> float:
    return math.nan if measured is None else measured


def _tokenize(tokenizer: EncoderTokenizer, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the tokens of all texts in a row, and how many each has."""
    tokens, counts = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    for first in range(0, len(texts), _TOKENIZED_AT_ONCE):
        encoded = tokenizer.encode_batch(texts[first : first + _TOKENIZED_AT_ONCE])
        counts.append(np.array([len(item) for item in encoded], dtype=np.int64))
        tokens.append(np.fromiter(chain.from_iterable(encoded), np.int32, int(counts[-1].sum())))
    return np.concatenate(tokens), np.concatenate(counts)


def stream_sentences(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    segment: int,
    started: Arrays | None,
    saving: Saving | None,
    on_progress: Callable[[int, int], None],
) -> SentenceReading:
    """Read ``texts``, one for each sentence, from first to last; go on from ``started`` where that is given.

    Segments have a fixed length, so an interrupted reading that goes on later equals one that was never interrupted.
    ``on_progress`` receives the tokens just read and the tokens in all.
    """
    stream = Stream(encoder, texts, segment=segment)
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
