"""Batches of text: consecutive segments of documents for a carried state, or random windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from bdh.errors import DataError
from bdh.model import IGNORED
from bdh.shapes import Bool, Int, Tensor
from bdh.tokenizer import Tokenizer

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Batch:
    """Tokens, the next tokens as targets, and a flag for each row that starts a new text.

    ``documents`` are ids, if a row may hold several documents that must not see each other; the targets that are in
    another document than their token are ``IGNORED``.
    """

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    fresh: Bool[Tensor, "B"]
    documents: Int[Tensor, "B T"] | None = None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        tokens, targets, fresh = (
            part.to(device, non_blocking=True) for part in (self.tokens, self.targets, self.fresh)
        )
        documents = None if self.documents is None else self.documents.to(device, non_blocking=True)
        return Batch(tokens, targets, fresh, documents)


class Batches(Protocol):
    """An endless, resumable source of batches."""

    def next(self) -> Batch:
        """Return the next batch."""

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the data as a JSON-able mapping."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position that ``state_dict`` returned."""


def read_texts(path: str | Path) -> list[str]:
    """Return the text of a file, or of every .txt file of a folder in order of name; raises DataError."""
    path = Path(path)
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} has no .txt file; give a text file or a folder of them")
    return [_read(file) for file in files]


def encode_documents(texts: Sequence[str], tokenizer: Tokenizer) -> list[Tokens]:
    """Return the token ids of each text that has at least two tokens; raises DataError if none has."""
    documents = [np.asarray(ids, dtype=np.int32) for ids in tokenizer.encode_batch(texts)]
    documents = [document for document in documents if len(document) > 1]
    if not documents:
        raise DataError("the text is empty; expected at least two tokens")
    return documents


class DocumentStreams:
    """Batches whose rows each read a document from beginning to end, segment after segment.

    The last tokens of a document that do not fill a segment are skipped. Documents are assigned in a new seeded order
    each epoch; of ``world`` processes each takes every ``world``-th. ``reset_probability`` is the chance to reset a
    row before a segment, so that the model also learns to start in the middle of a text.
    """

    def __init__(
        self,
        documents: Sequence[Tokens],
        *,
        batch_size: int,
        seq_len: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        reset_probability: float = 0.0,
    ) -> None:
        self._documents = [document for document in documents if len(document) > seq_len]
        if not self._documents:
            raise DataError(f"no document has more than {seq_len} tokens; give longer texts or a smaller seq_len")
        self._seq_len, self._rank, self._world = seq_len, rank, world
        self._seed, self._reset_probability = seed, reset_probability
        self._epoch, self._assigned, self._drawn = 0, 0, 0
        self._order = self._shuffle()
        self._rows = [self._assign_inside() for _ in range(batch_size)]

    def next(self) -> Batch:
        """Return the next segment of every row."""
        chance = np.random.default_rng([self._seed, 1, self._rank, self._drawn]).random(len(self._rows))
        self._drawn += 1
        segments, fresh = [], []
        for row, (document, offset) in enumerate(self._rows):
            begins = offset == 0 or bool(chance[row] < self._reset_probability)
            if offset + self._seq_len + 1 > len(self._documents[document]):
                document, offset, begins = self._assign(), 0, True
            segments.append(self._documents[document][offset : offset + self._seq_len + 1])
            fresh.append(begins)
            self._rows[row] = (document, offset + self._seq_len)
        return _make_batch(segments, fresh)

    def _shuffle(self) -> list[int]:
        order = np.random.default_rng([self._seed, 0, self._epoch]).permutation(len(self._documents))
        return [int(index) for index in order[self._rank % len(order) :: self._world]]

    def _assign(self) -> int:
        """Return the next document of this process; a new epoch begins after its last one."""
        if self._assigned == len(self._order):
            self._epoch, self._assigned = self._epoch + 1, 0
            self._order = self._shuffle()
        self._assigned += 1
        return self._order[self._assigned - 1]

    def _assign_inside(self) -> tuple[int, int]:
        """Return a document and a random offset in it, so that rows do not end together."""
        document = self._assign()
        room = len(self._documents[document]) - self._seq_len - 1
        chance = np.random.default_rng([self._seed, 2, self._rank, self._epoch, self._assigned])
        return document, int(chance.integers(0, room + 1))

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the data."""
        return {
            "epoch": self._epoch,
            "dealt": self._assigned,
            "drawn": self._drawn,
            "rows": [list(row) for row in self._rows],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position in the data; raises DataError if it is not one in these documents."""
        rows = [(int(document), int(offset)) for document, offset in state.get("rows", [])]
        sizes = [len(document) for document in self._documents]
        if len(rows) != len(self._rows) or any(
            document >= len(sizes) or offset > sizes[document] for document, offset in rows
        ):
            raise DataError(
                "the saved position is not in these documents; resume with the data and batch size of the run"
            )
        self._rows = rows
        self._epoch, self._assigned, self._drawn = state["epoch"], state["dealt"], state["drawn"]
        self._order = self._shuffle()


class RandomWindows:
    """Batches of random windows of ``seq_len`` tokens from the concatenated documents; every row starts a new text.

    A window may cross the end of a document; with ``split_documents`` each of its documents is read as
    if alone, and the first token of a document is not predicted from the last of another.
    """

    def __init__(
        self,
        documents: Sequence[Tokens],
        *,
        batch_size: int,
        seq_len: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        split_documents: bool = False,
    ) -> None:
        self._tokens = np.concatenate(list(documents))
        self._ends = np.cumsum([len(document) for document in documents]) if split_documents else None
        if len(self._tokens) <= seq_len:
            raise DataError(f"the text has {len(self._tokens)} tokens; expected more than seq_len {seq_len}")
        self._shape, self._seed, self._rank, self._world = (batch_size, seq_len), seed, rank, world
        self._drawn = 0

    def next(self) -> Batch:
        """Return the next windows: processes share one random draw, so that K processes read the batch of one."""
        rows, length = self._shape
        chance = np.random.default_rng([self._seed, self._drawn])
        self._drawn += 1
        starts = chance.integers(0, len(self._tokens) - length, size=rows * self._world)
        mine = starts[self._rank * rows : (self._rank + 1) * rows]
        batch = _make_batch([self._tokens[start : start + length + 1] for start in mine], [True] * rows)
        return batch if self._ends is None else _split(batch, mine, self._ends)

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the data."""
        return {"drawn": self._drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a position in the data; raises DataError if another kind of batches saved it."""
        if set(state) != {"drawn"}:
            raise DataError("the saved position is one in documents read with carry_state; resume with carry_state")
        self._drawn = state["drawn"]


def _make_batch(segments: Sequence[Tokens], fresh: Sequence[bool]) -> Batch:
    table = torch.from_numpy(np.stack(segments).astype(np.int64))
    return Batch(table[:, :-1].contiguous(), table[:, 1:].contiguous(), torch.tensor(fresh))


def _split(batch: Batch, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Batch:
    """Return the batch of windows that begin at ``starts`` with the ids of their documents."""
    places = starts[:, None] + np.arange(batch.tokens.shape[1] + 1)
    ids = torch.from_numpy(np.searchsorted(ends, places, side="right"))
    targets = batch.targets.masked_fill(ids[:, 1:] != ids[:, :-1], IGNORED)
    return replace(batch, targets=targets, documents=ids[:, :-1].contiguous())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as UTF-8 text ({error}); give plain text files") from error
