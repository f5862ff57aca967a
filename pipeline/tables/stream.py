"""Tables of any length, CSV or Parquet, in and out in constant memory; the only file that imports Arrow.

A table is split once, novel by novel, into files next to the output; each novel's rows are then read from there a slice
at a time. Eight bytes of every row stay in memory, to find duplicate ids.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pa_parquet

from pipeline.errors import OutputError, TableError
from pipeline.storage.files import replacing
from pipeline.tables.delimited import NEEDED, OnNotice, ignore_notice, read_records
from pipeline.tables.predictions import Prediction, prediction_columns
from pipeline.tables.rows import NEVER_EMPTY, Row, check_columns, check_no_duplicates, check_no_repeats, group_key

PARQUET = ".parquet"
_COLUMNS = ("id", "book_name", "char", "caption", "content")
_BATCH_ROWS = 8192
_OPEN_FILES = 256
_SPLIT = pa.schema([*((name, pa.string()) for name in _COLUMNS), ("novel", pa.int64())])
_SHARD = pa.schema(
    [("id", pa.string()), ("label", pa.string()), ("probability", pa.float64()), ("rationale", pa.string())]
)


@dataclass(frozen=True)
class SplitTable:
    """A table split by novel in ``folder``; ``books`` are the names of the novels, in order of appearance."""

    folder: Path
    books: tuple[str, ...]
    rows: int

    def slices(self, number: int, most: int) -> Iterator[tuple[Row, ...]]:
        """Yield the rows of a novel in the order of the table, at most ``most`` at a time."""
        files = sorted((self.folder / str(number)).glob("*.parquet"), key=lambda file: int(file.stem))
        batch_rows: list[Row] = []
        for batch in pa_dataset.dataset(files, schema=_SPLIT).to_batches(batch_size=most, use_threads=False):
            for cells in batch.select(_COLUMNS).to_pylist():
                batch_rows.append(Row(**cells, label=None, pair=None))
                if len(batch_rows) == most:
                    yield tuple(batch_rows)
                    batch_rows = []
        if batch_rows:
            yield tuple(batch_rows)

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def split_table(path: Path, folder: Path, on_notice: OnNotice = ignore_notice) -> SplitTable:
    """Split the table at ``path``, .csv or .parquet, by its column book_name; its labels are not read.

    ``on_notice`` receives what had to be guessed. Raises TableError for a file that is not such a table, a missing
    column or cell, or a duplicate id.
    """
    splitter = _Splitter(path)
    shutil.rmtree(folder, ignore_errors=True)
    with _explained(folder):
        pa_dataset.write_dataset(
            splitter.batches(on_notice),
            folder,
            schema=_SPLIT,
            format="parquet",
            basename_template="{i}.parquet",
            partitioning=["novel"],
            max_open_files=_OPEN_FILES,
            max_partitions=_BATCH_ROWS,
            use_threads=False,
        )
    if not splitter.rows:
        raise TableError(f"{path} has no rows; expected at least one row below the header; add a row")
    splitter.check_ids()
    return SplitTable(folder, tuple(splitter.spelling), splitter.rows)


class _Splitter:
    """Checks the rows of a table, numbers their novels, and counts on the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: dict[str, int] = {}
        self._hashes: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
        self.spelling: list[str] = []
        self.rows = 0

    def batches(self, on_notice: OnNotice) -> Iterator[pa.RecordBatch]:
        for batch in _open_table(self._path, on_notice):
            columns = self._columns(batch)
            self._check_filled(columns)
            self._hashes.append(pd.util.hash_array(np.array(columns["id"], dtype=object)))
            self.rows += len(columns["id"])
            columns["novel"] = [self._number(name) for name in columns["book_name"]]
            yield pa.RecordBatch.from_pydict(columns, schema=_SPLIT)

    def check_ids(self) -> None:
        hashes = np.concatenate(self._hashes)
        hashes.sort()
        suspect = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if not suspect:
            return
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for batch in _open_table(self._path):
            ids = np.array(self._columns(batch)["id"], dtype=object)
            for name, key in zip(ids, pd.util.hash_array(ids), strict=True):
                if key in suspect:
                    twice |= {name: None} if name in seen else {}
                    seen.add(name)
        check_no_duplicates(list(twice), self._path)

    def _columns(self, batch: pa.RecordBatch) -> dict[str, Any]:
        names = [name.strip().lower() for name in batch.schema.names]
        check_columns(names, self._path, needed=NEEDED)
        check_no_repeats([name for name in NEEDED if names.count(name) > 1], self._path)
        empty = [""] * batch.num_rows
        return {name: _texts(batch.column(names.index(name))) if name in names else empty for name in _COLUMNS}

    def _check_filled(self, columns: dict[str, Any]) -> None:
        for name in NEVER_EMPTY:
            for place, cell in enumerate(columns[name]):
                if not cell:
                    raise TableError(
                        f"{self._path} has an empty {name} in row {self.rows + place + 1} below the header; expected "
                        "text in every row; fill it or remove the row"
                    )

    def _number(self, name: str) -> int:
        key = group_key(name)
        if key not in self._numbers:
            self._numbers[key] = len(self.spelling)
            self.spelling.append(name)
        return self._numbers[key]


def _texts(column: pa.Array) -> list[str]:
    """Return the cells as texts without white space at their ends, empty for missing ones."""
    texts: list[str] = pc.fill_null(pc.utf8_trim_whitespace(pc.cast(column, pa.string())), "").to_pylist()
    return texts


def _open_table(path: Path, on_notice: OnNotice = ignore_notice) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file as batches; raises TableError if it is not a table."""
    if path.suffix.lower() != PARQUET:
        yield from _csv_batches(path, on_notice)
        return
    try:
        yield from pa_parquet.ParquetFile(path).iter_batches(_BATCH_ROWS)
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{path} cannot be read as a table ({' '.join(str(error).split())}); expected a Parquet file called "
            f"*{PARQUET}; write it again, or give a CSV file"
        ) from error


def _csv_batches(path: Path, on_notice: OnNotice) -> Iterator[pa.RecordBatch]:
    records = read_records(path, on_notice)
    names = next(records).cells
    while batch := [record.cells for record in islice(records, _BATCH_ROWS)]:
        yield pa.RecordBatch.from_arrays([pa.array(cells, pa.string()) for cells in zip(*batch, strict=True)], names)


def write_shard(path: Path, predictions: Sequence[Prediction], *, threshold: float) -> None:
    """Write the predictions for a slice of rows, completely or not at all; raises OutputError."""
    columns = prediction_columns(predictions, threshold=threshold)
    columns["probability"] = [one.probability for one in predictions]
    with _explained(path), replacing(path) as scratch:
        pa_parquet.write_table(pa.Table.from_pydict(columns, schema=_SHARD), scratch)


def join_shards(path: Path, shards: Sequence[Path]) -> int:
    """Write the predictions of all shards, in their order, as one .csv or .parquet; return the number of rows.

    A CSV file equals what ``write_predictions`` writes; in a Parquet file probabilities are numbers, unrounded. It
    is written completely or not at all. Raises OutputError.
    """
    join = _join_as_parquet if path.suffix.lower() == PARQUET else _join_as_csv
    with _explained(path), replacing(path) as scratch:
        return join(scratch, shards)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); free space, or choose another out_dir") from error


def _join_as_parquet(path: Path, shards: Sequence[Path]) -> int:
    rows = 0
    with pa_parquet.ParquetWriter(path, _SHARD) as writer:
        for shard in shards:
            table = pa_parquet.read_table(shard)
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _join_as_csv(path: Path, shards: Sequence[Path]) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        pd.DataFrame(columns=_SHARD.names).to_csv(file, index=False, lineterminator="\n")
        for shard in shards:
            columns = pa_parquet.read_table(shard).to_pydict()
            columns["probability"] = [f"{chance:.4f}" for chance in columns["probability"]]
            pd.DataFrame(columns).to_csv(file, index=False, header=False, lineterminator="\n")
            rows += len(columns["id"])
    return rows
