"""A million rows through ``--stream``: peak memory and seconds of the driver, compared with 10,000 and 100,000 rows.

Two things are measured, each run in its own process. First the driver: it splits a table by novel, checks ids, names
slices by their hashes, writes predictions in shards and joins them; the judging, which workers do, is replaced by a
constant, because it would take an hour for a million rows. Then whole runs of ``run_dataset.py --stream``, judging
included, with a tiny encoder of random weights.
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.little_reader import save_quick_reader
from benchmarks.measurement import Measurement, Usage, run_alone
from benchmarks.synthetic_novel import cast, write_novel
from pipeline.commands.dataset_stream import MOST_ROWS, Shards, predict_slices
from pipeline.config import ScoringConfig, resolve_model_dir
from pipeline.engines.jobs import NovelJob, Outcome, T
from pipeline.engines.work import PredictRows
from pipeline.judging.logistic import LogisticModel
from pipeline.report.manifest import Manifest
from pipeline.tables.predictions import Prediction
from pipeline.text.novels import Shelf

TESTS = ("tests/pipeline/commands/test_dataset_stream.py",)
ALONE = True
"""Takes minutes: run only if it is named."""
ROWS = (10_000, 100_000, 1_000_000)
JUDGED = (2_000, 8_000)
NOVELS, PEOPLE, BYTES = 20, 6, 3000
_COLUMNS = ("id", "book_name", "char", "caption", "content")


class ConstantEngine:
    """An engine that judges nothing: every row has the same prediction, of the size of a real one."""

    def run(self, jobs: Iterable[NovelJob[T]]) -> Iterator[Outcome[T]]:
        """Yield an outcome for every job of the stream; raises TypeError for any other."""
        for number, job in enumerate(jobs):
            if not isinstance(job, PredictRows):
                raise TypeError(f"{type(job).__name__} is not a job of the stream")
            predictions = [Prediction(row.id, 0.5, f"Nothing was judged. {row.content}") for row in job.rows]
            yield Outcome(number, job.path, predictions)


def measure() -> Iterator[Measurement]:
    """Yield memory and time of the driver for every number of rows and kind of file, then of whole runs."""
    with tempfile.TemporaryDirectory(prefix="rows") as name:
        home = Path(name)
        novels = home / "novels"
        novels.mkdir()
        for number in range(NOVELS):
            path = write_novel(novels / f"Novel {number}.txt", size=BYTES, people=PEOPLE, seed=number)
            path.write_text(path.read_text(encoding="utf-8")[:BYTES], encoding="utf-8")
        for kind in ("csv", "parquet"):
            for rows in ROWS:
                table = write_table(home / f"{rows}.{kind}", rows)
                size = table.stat().st_size / 2**20
                command = ["-m", "benchmarks.streamed_rows", str(table), str(novels), str(home / "out")]
                usage = run_alone(command, home / "log")
                how = f"{kind} of {size:.0f} MiB, {NOVELS} novels, at most {MOST_ROWS:,} rows a slice; without judging"
                yield from _figures(f"driver, {rows:,} rows, {kind}", usage, how)
                table.unlink()
        reader = save_quick_reader(home / "reader", (novels / "Novel 0.txt").read_text(encoding="utf-8"))
        for rows in JUDGED:
            table, train = write_table(home / f"{rows}.csv", rows), write_table(home / "train.csv", 40, labelled=True)
            tables = ["--train_csv", train, "--test_csv", table, "--novels_dir", novels, "--stream"]
            places = ["--out_dir", home / f"out{rows}", "--cache_dir", home / "cache", "--model_dir", reader]
            machine = ["--device", "cpu", "--dtype", "fp32", "--threads", "1", "--folds", "2", "--repeats", "2"]
            usage = run_alone(["run_dataset.py", *map(str, [*tables, *places, *machine])], home / "log")
            how = f"csv, {NOVELS} novels, a fit on 40 rows included, one thread; the verifier judges"
            yield from _figures(f"whole run, {rows:,} rows", usage, how)


def _figures(what: str, usage: Usage, how: str) -> Iterator[Measurement]:
    yield Measurement(f"{what}, peak memory", usage.peak / 2**20, "MiB", how)
    yield Measurement(f"{what}, time", usage.seconds, "s", f"{usage.cpu_seconds:.1f} s of processor time")


def write_table(path: Path, rows: int, *, labelled: bool = False) -> Path:
    """Write a table that cycles through the novels, .csv or .parquet, in shards; always the same one."""
    parts = (_cells(first, min(first + 50_000, rows)) for first in range(0, rows, 50_000))
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
        with parquet.ParquetWriter(path, schema) as writer:
            for part in parts:
                writer.write_table(pa.Table.from_pylist(part, schema=schema))
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [*_COLUMNS, *(["label"] if labelled else [])])
        table.writeheader()
        for part in parts:
            labels = [{"label": str(int(row["id"][1:]) % 2)} if labelled else {} for row in part]
            table.writerows(row | label for row, label in zip(part, labels, strict=True))
    return path


def _cells(first: int, last: int) -> list[dict[str, str]]:
    rng, people = random.Random(first), cast(PEOPLE)
    return [
        {
            "id": f"r{number}",
            "book_name": f"Novel {number % NOVELS}.txt",
            "char": rng.choice(people),
            "caption": "",
            "content": f"In 18{rng.randrange(10, 99)} {people[0]} had {rng.randrange(2, 400)} letters at the quay.",
        }
        for number in range(first, last)
    ]


def drive(table: Path, novels: Path, out: Path) -> int:
    """Do the work of the driver of a streamed table; return the number of rows written."""
    from pipeline.tables.stream import split_table

    out.mkdir(exist_ok=True)
    model = LogisticModel.load(resolve_model_dir(ScoringConfig().judge_dir) / "backstory.json")
    split, shelf = split_table(table, out / "rows"), Shelf(novels)
    paths = [shelf.find(book, paths=False) for book in split.books]
    shards = Shards(out / "shards", model, Manifest({}, 0, {}, {"scorer": "none"}))
    sliced = ((path, rows) for number, path in enumerate(paths) for rows in split.slices(number, MOST_ROWS))
    predict_slices(ConstantEngine(), shards, sliced, split.rows)
    written = shards.join(out / f"predictions{table.suffix}")
    split.remove()
    shards.remove()
    if written != split.rows:
        raise RuntimeError(f"{written} of {split.rows} rows were written")
    return written


if __name__ == "__main__":
    print(drive(*map(Path, sys.argv[1:4])))
