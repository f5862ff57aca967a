"""``run_dataset.py --stream``: a test table of any length, predicted a novel's rows at a time in constant memory."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.commands.engine import open_judging, print_failed
from pipeline.commands.judge_tables import Readings, judge_tables, show_all, write_all
from pipeline.commands.progress import Bars, print_line, print_notice
from pipeline.commands.session import make_manifest, print_usage
from pipeline.config import EngineConfig, PipelineConfig
from pipeline.engines.jobs import Engine, Failure
from pipeline.engines.work import PredictRows
from pipeline.errors import SettingError
from pipeline.evaluation.tables import check_training, fit_tables
from pipeline.judging.logistic import LogisticModel
from pipeline.report.manifest import Manifest
from pipeline.storage.files import prepare_folder, sha256_of
from pipeline.tables.rows import Row, read_table
from pipeline.text.novels import Shelf

MOST_ROWS = 2000
"""Rows of one novel that are judged together."""
_SHARDS = ".test_predictions.pieces"
_ROWS = ".test_predictions.rows"


def run_stream(arguments: argparse.Namespace, config: PipelineConfig, engine: EngineConfig) -> int:
    """Fit on the training table as an ordinary run does, then predict the test table shard by shard.

    Return 0, or 3 where novels failed and their rows were left out. After an interruption the next run with the same
    rows, novels, settings and weights uses the shards that were written.
    """
    if arguments.submission:
        raise SettingError("--submission is not written with --stream; leave one of them out")
    try:
        from pipeline.tables.stream import PARQUET, split_table
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise SettingError(
            "--stream needs pyarrow, which is not installed: pip install 'bdh-narrative[tables]'"
        ) from error
    table, novels_dir = Path(arguments.test_csv), Path(arguments.novels_dir)
    train = read_table(arguments.train_csv, labelled="required", on_notice=print_notice)
    folds, repeats = arguments.folds, arguments.repeats
    check_training(train, folds=folds, repeats=repeats, seed=config.seed)
    readings = Readings(prepare_folder(Path(arguments.out_dir)))
    split = split_table(table, readings.out / _ROWS, print_notice)
    try:
        shelf = Shelf(novels_dir)
        novels = [shelf.find(book, paths=False).resolve() for book in split.books]
        with (
            open_judging(arguments, config, engine) as (pipeline, opened),
            Bars("novel") as bars,
        ):
            judged = judge_tables(opened, pipeline, train, novels_dir, keep=readings.keep, show=bars.show)
            fitted = fit_tables(judged, folds=folds, repeats=repeats, seed=config.seed)
            manifest = make_manifest(pipeline)
            shards = Shards(readings.out / _SHARDS, fitted.model, manifest)
            sliced = ((path, rows) for number, path in enumerate(novels) for rows in split.slices(number, MOST_ROWS))
            predict_slices(opened, shards, sliced, split.rows)
        name = "test_predictions" + (PARQUET if table.suffix.lower() == PARQUET else ".csv")
        written = shards.join(readings.out / name)
    finally:
        split.remove()
    paths = write_all(readings, judged, [], fitted, manifest, streamed=readings.out / name)
    shards.remove()
    show_all(judged, fitted, paths)
    print_line(f"predicted {written:,} of {split.rows:,} rows")
    print_usage(pipeline)
    return print_failed(sorted(shards.failed.items()))


@dataclass(frozen=True)
class Shards:
    """The predictions for slices of rows as files in ``folder``, named by a hash of everything that they depend on."""

    folder: Path
    model: LogisticModel
    manifest: Manifest
    order: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    sums: dict[Path, str] = field(default_factory=dict)

    def place(self, novel: Path, rows: Sequence[Row]) -> Path:
        """Return the file for these rows, next in the order."""
        if novel not in self.sums:
            self.sums[novel] = sha256_of(novel)
        made_with = [self.manifest.settings, dict(self.manifest.weights), asdict(self.model), self.sums[novel]]
        text = json.dumps([made_with, [vars(row) for row in rows]], sort_keys=True, default=str)
        name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        self.order.append(self.folder / f"{name}.parquet")
        return self.order[-1]

    def join(self, path: Path) -> int:
        """Write the predictions of all existing shards as one table; return the number of rows."""
        from pipeline.tables.stream import join_shards

        return join_shards(path, [shard for shard in self.order if shard.is_file()])

    def remove(self) -> None:
        """Remove the files; those of another run stay."""
        for shard in self.order:
            shard.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()


def predict_slices(engine: Engine, shards: Shards, sliced: Iterator[tuple[Path, tuple[Row, ...]]], total: int) -> None:
    """Have every slice predicted whose shard is missing; no more slices of a novel that failed."""
    from pipeline.tables.stream import write_shard

    shards.folder.mkdir(exist_ok=True)
    given: dict[int, tuple[Path, int]] = {}

    with Bars("row") as bars:

        def jobs() -> Iterator[PredictRows]:
            number = 0
            for path, rows in sliced:
                place = shards.place(path, rows)
                if place.is_file() or path in shards.failed:
                    bars.show("rows", len(rows), total)
                    continue
                given[number] = place, len(rows)
                number += 1
                yield PredictRows(path, rows, shards.model)

        for outcome in engine.run(jobs()):
            place, count = given.pop(outcome.number)
            if isinstance(outcome.result, Failure):
                shards.failed[outcome.path] = outcome.result.reason
            else:
                write_shard(place, outcome.result, threshold=shards.model.threshold)
            bars.show("rows", count, total)
