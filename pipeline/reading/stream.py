"""A stream of sentences through the model, each once, with the hidden vector and the surprise of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bdh.prefix_cache import pack, prefix_hashes, unpack
from pipeline.reading.encoder import Encoder
from pipeline.reading.interface import EncoderTokenizer, ModelState
from pipeline.storage.cache import Arrays

Half = npt.NDArray[np.float16]
Doubles = npt.NDArray[np.float64]
_TOKENIZED_AT_ONCE = 4096
"""Sentences that are lists of Python's numbers at one time; the whole of a long novel would take gigabytes."""
_SHARE_OF_SAVING = 0.05
"""The largest share of the time of a reading that goes into saving it, however large it has grown."""
_PARTIAL, _STATE = "partial", "state."
"""Prefix of the model's own tensors in an unfinished reading."""
_MARK = 2048
"""The fewest tokens between marks, where the state is rounded to what a checkpoint stores."""
_ENDS = 1 << 40
"""Added to a token for each sentence that ends with it: equal tokens are equal texts if their sentences are, too."""


@dataclass(frozen=True)
class SentenceReading:
    """The measurements at each sentence of a text, in reading order.

    ``hidden`` (sentences, D) is the mean last hidden vector over the sentence's tokens, ``tokens`` and ``bytes`` their
    number, ``nats`` the sum of their surprise. ``activity`` and ``norm`` are those of the segment of tokens in which
    the sentence ends; NaN where the model does not measure them. ``marks``
    (marks, 16) are hashes of the text before each mark: two versions are equal up to the last equal one.
    """

    hidden: Half
    tokens: npt.NDArray[np.int64]
    bytes: npt.NDArray[np.int64]
    nats: Doubles
    activity: Doubles
    norm: Doubles
    marks: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 16), np.uint8))

    def to_arrays(self) -> Arrays:
        """Return the arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SentenceReading:
        """Return the reading whose ``to_arrays`` returned these arrays."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


class StreamCheckpoints(Protocol):
    """Where the states of a stream are stored on its way, for the next version of its text."""

    def resume(self, stream: Stream) -> None:
        """Set the stream to the last place whose state is stored, if that is further on."""

    def store(self, stream: Stream) -> None:
        """Store the state, where the stream is at a place for one."""

    def remove_old(self, stream: Stream) -> None:
        """Remove what the next version will not need."""


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
        self.done, self.mark = 0, -(-_MARK // segment) * segment
        self.packed: ModelState | None = None
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

    @cached_property
    def marked_tokens(self) -> npt.NDArray[np.int64]:
        """The tokens with the ends of sentences, by which checkpoints are found."""
        marked = self._tokens.numpy().astype(np.int64)
        np.add.at(marked, np.maximum(self._ends, 1) - 1, _ENDS)
        return marked

    def mark_hashes(self) -> npt.NDArray[np.uint8]:
        """Return the hashes of the text before each mark, (marks, 16)."""
        marks = range(self.mark, self.total + 1, self.mark)
        hashes = (bytes.fromhex(digest) for _, digest in prefix_hashes(self.marked_tokens, marks))
        return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 16)

    def count_read(self, done: int) -> int:
        """Return how many sentences end within so many tokens."""
        return int(np.searchsorted(self._ends, done, side="right"))

    @property
    def nats_in_progress(self) -> Tensor:
        """The surprise so far of the sentence that goes on, (1,); (0,) after the last sentence."""
        read = self.count_read(self.done)
        return self._nats[read : read + 1].clone()

    @torch.inference_mode()
    def advance(self) -> int:
        """Read the next segment; return its number of tokens.

        At a mark the state is rounded, and ``packed`` is what a checkpoint of it stores: a text that is read on from a
        checkpoint equals one that is read from its beginning.
        """
        stop = min(self.done + self._segment, self.total)
        read = self._model.read(self._tokens[self.done : stop].long().to(self._model.device), self._state)
        ended = slice(*np.searchsorted(self._ends, [self.done, stop], side="right"))
        owner = torch.from_numpy(np.searchsorted(self._ends, np.arange(self.done, stop), side="right"))
        self._nats.index_add_(0, owner, read.nats.cpu().double())
        self._add_hidden(read.hidden.float().cpu(), owner - ended.start, ended)
        self._activity[ended] = _number(read.activity)
        self._norm[ended] = _number(read.state_norm)
        self._state, self.packed = read.state, None
        count, self.done = stop - self.done, stop
        if self.done % self.mark == 0:
            packed = pack(self._state)
            self._state = unpack(packed)
            self.packed = {_PARTIAL: self._partial, **{_STATE + name: part for name, part in packed.items()}}
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
        nats, activity, norm = self._nats.numpy(), self._activity.numpy(), self._norm.numpy()
        return SentenceReading(self._hidden, self.counts, self.bytes, nats, activity, norm, self.mark_hashes())

    def to_arrays(self) -> Arrays:
        """Return the position in the text, the state of the model, and the measurements so far."""
        read = self.count_read(self.done)
        measured = {"nats": self._nats[: read + 1], "activity": self._activity[:read], "norm": self._norm[:read]}
        state = {_STATE + name: tensor.cpu() for name, tensor in self._state.items()}
        arrays = {name: tensor.numpy() for name, tensor in {**measured, **state, _PARTIAL: self._partial}.items()}
        return {**arrays, "hidden": self._hidden[:read], "done": np.array(self.done)}

    def restore(self, arrays: Arrays) -> bool:
        """Go on from what ``to_arrays`` returned; return False, and change nothing, if it is of another version."""
        if self.to_arrays().keys() != arrays.keys():
            return False
        self.done = int(arrays["done"])
        self._partial = torch.from_numpy(arrays[_PARTIAL])
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
    checkpoints: StreamCheckpoints | None = None,
) -> SentenceReading:
    """Read ``texts``, one for each sentence, from first to last; go on from ``started`` where that is given.

    A text that begins like one with ``checkpoints`` is read from the last of these, with the same result. Segments
    have a fixed length, so an interrupted reading that goes on later equals one that was never interrupted.
    ``on_progress`` receives the tokens just read and the tokens in all.
    """
    stream = Stream(encoder, texts, segment=segment)
    if started is not None:
        stream.restore(started)
    if checkpoints is not None:
        checkpoints.resume(stream)
    if stream.done:
        on_progress(stream.done, stream.total)
    saved, pause = time.monotonic(), 0.0 if saving is None else saving.every_seconds
    while stream.done < stream.total:
        on_progress(stream.advance(), stream.total)
        if checkpoints is not None:
            checkpoints.store(stream)
        if saving is not None and time.monotonic() - saved >= pause and stream.done < stream.total:
            began = time.monotonic()
            saving.store(stream.to_arrays())
            saved = time.monotonic()
            if saving.every_seconds:
                pause = max(saving.every_seconds, (saved - began) / _SHARE_OF_SAVING)
    if checkpoints is not None:
        checkpoints.remove_old(stream)
    return stream.finish()


def bits_per_byte(nats: float, size: int) -> float:
    """Return surprise in bits per byte; 0 for no bytes."""
    return nats / math.log(2) / size if size else 0.0
