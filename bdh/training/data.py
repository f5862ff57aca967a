"""Batches of text: consecutive segments of whole documents for carried state, or windows drawn at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from bdh.errors import DataError
from bdh.shapes import Bool, Int, Tensor
from bdh.tokenizer import Tokenizer

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Batch:
    """Tokens, the tokens that follow them, and which rows begin a text of their own."""

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    fresh: Bool[Tensor, "B"]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        moved = [part.to(device, non_blocking=True) for part in (self.tokens, self.targets, self.fresh)]
        return Batch(*moved)


class Batches(Protocol):
    """An endless, resumable source of batches."""

    def next(self) -> Batch:
        """Return the next batch."""

    def state_dict(self) -> dict[str, Any]:
        """Return a JSON-able place in the data."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a place that ``state_dict`` returned."""


def read_texts(path: str | Path) -> list[str]:
    """Return the text of a file, or of every .txt file of a folder in order of name."""
    path = Path(path)
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no .txt file; give a text file or a folder of them")
    return [_read(file) for file in files]


def encode_documents(texts: Sequence[str], tokenizer: Tokenizer) -> list[Tokens]:
    """Return the token ids of each text that has at least two tokens."""
    documents = [np.asarray(ids, dtype=np.int32) for ids in tokenizer.encode_batch(texts)]
    documents = [document for document in documents if len(document) > 1]
    if not documents:
        raise DataError("the text is empty; expected at least two tokens")
    return documents


class DocumentStreams:
    """Rows that read documents from beginning to end, segment after segment, each row a document of its own.

    The last piece of a document that is shorter than a segment is left out. Documents are dealt in a new seeded order
    each epoch; of ``world`` processes each takes every ``world``-th. ``reset_probability`` makes a row forget what it
    read before a segment, so that the model also learns to begin in the middle.
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
        self._epoch, self._dealt, self._drawn = 0, 0, 0
        self._order = self._shuffle()
        self._rows = [self._deal_inside() for _ in range(batch_size)]

    def next(self) -> Batch:
        """Return the next segment of every row."""
        chance = np.random.default_rng([self._seed, 1, self._rank, self._drawn]).random(len(self._rows))
        self._drawn += 1
        pieces, fresh = [], []
        for row, (document, offset) in enumerate(self._rows):
            begins = offset == 0 or bool(chance[row] < self._reset_probability)
            if offset + self._seq_len + 1 > len(self._documents[document]):
                document, offset, begins = self._deal(), 0, True
            pieces.append(self._documents[document][offset : offset + self._seq_len + 1])
            fresh.append(begins)
            self._rows[row] = (document, offset + self._seq_len)
        return _make_batch(pieces, fresh)

    def _shuffle(self) -> list[int]:
        order = np.random.default_rng([self._seed, 0, self._epoch]).permutation(len(self._documents))
        return [int(index) for index in order[self._rank % len(order) :: self._world]]

    def _deal(self) -> int:
        """Return the next document of this process's deal; a new epoch begins when it is dealt out."""
        if self._dealt == len(self._order):
            self._epoch, self._dealt = self._epoch + 1, 0
            self._order = self._shuffle()
        self._dealt += 1
        return self._order[self._dealt - 1]

    def _deal_inside(self) -> tuple[int, int]:
        """Return a document and a random place in it, so that rows do not reach their ends together."""
        document = self._deal()
        room = len(self._documents[document]) - self._seq_len - 1
        chance = np.random.default_rng([self._seed, 2, self._rank, self._epoch, self._dealt])
        return document, int(chance.integers(0, room + 1))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the data."""
        return {
            "epoch": self._epoch,
            "dealt": self._dealt,
            "drawn": self._drawn,
            "rows": [list(row) for row in self._rows],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a place in the data; raises DataError when it is no place in these documents."""
        rows = [(int(document), int(offset)) for document, offset in state.get("rows", [])]
        sizes = [len(document) for document in self._documents]
        if len(rows) != len(self._rows) or any(
            document >= len(sizes) or offset > sizes[document] for document, offset in rows
        ):
            raise DataError("the saved place is not in these documents; resume with the data and batch size of the run")
        self._rows = rows
        self._epoch, self._dealt, self._drawn = state["epoch"], state["dealt"], state["drawn"]
        self._order = self._shuffle()


class RandomWindows:
    """Windows of ``seq_len`` tokens drawn at random from all documents joined, every row fresh."""

    def __init__(
        self, documents: Sequence[Tokens], *, batch_size: int, seq_len: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self._tokens = np.concatenate(list(documents))
        if len(self._tokens) <= seq_len:
            raise DataError(f"the text has {len(self._tokens)} tokens; expected more than seq_len {seq_len}")
        self._shape, self._seed, self._rank, self._world = (batch_size, seq_len), seed, rank, world
        self._drawn = 0

    def next(self) -> Batch:
        """Return the next windows; the processes of one step share one draw, so that K processes see what one would."""
        rows, length = self._shape
        chance = np.random.default_rng([self._seed, self._drawn])
        self._drawn += 1
        starts = chance.integers(0, len(self._tokens) - length, size=rows * self._world)
        mine = starts[self._rank * rows : (self._rank + 1) * rows]
        return _make_batch([self._tokens[start : start + length + 1] for start in mine], [True] * rows)

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the data."""
        return {"drawn": self._drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a place in the data; raises DataError when it was saved by another kind of batches."""
        if set(state) != {"drawn"}:
            raise DataError("the saved place is in documents read with carry_state; resume with it on")
        self._drawn = state["drawn"]


def _make_batch(pieces: Sequence[Tokens], fresh: Sequence[bool]) -> Batch:
    table = torch.from_numpy(np.stack(pieces).astype(np.int64))
    return Batch(table[:, :-1].contiguous(), table[:, 1:].contiguous(), torch.tensor(fresh))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as UTF-8 text ({error}); give plain text files") from error
