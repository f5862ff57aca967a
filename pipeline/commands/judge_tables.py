"""Two tables judged: a verdict fitted and cross-validated on one, the predictions for the other, and their files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.commands.engine import open_judging
from pipeline.commands.progress import Bars, print_line, print_notice
from pipeline.commands.session import cast_with, make_manifest, print_usage
from pipeline.config import EngineConfig, PipelineConfig
from pipeline.engines.jobs import Engine, Failure
from pipeline.engines.local import LocalEngine
from pipeline.engines.work import JudgeRows
from pipeline.errors import NovelError
from pipeline.evaluation.tables import (
    FittedTables,
    JudgedNovel,
    JudgedRow,
    OnRows,
    check_training,
    evidence_of,
    extract_row,
    fit_tables,
    held_out_rows,
    predict,
    rows_by_novel,
)
from pipeline.report.artefacts import write_reading
from pipeline.report.book import BookView, book_view
from pipeline.report.dataset_evidence import write_dataset_evidence
from pipeline.report.dataset_pages import INDEX, ROWS, write_pages
from pipeline.report.manifest import Manifest
from pipeline.run import Pipeline
from pipeline.storage.files import locked_output, prepare_folder
from pipeline.tables.delimited import listed
from pipeline.tables.predictions import write_held_out, write_predictions, write_submission
from pipeline.tables.rows import Row, read_table

_SHOWN = ("accuracy", "balanced_accuracy", "auc", "contradict_precision", "contradict_recall")
_SHOWN_CALIBRATION = ("brier", "log_loss", "ece")
_COMPARED = ("ours", "base_rate")
_MOST_CHARACTERS = 12


def fit_and_predict(arguments: argparse.Namespace, config: PipelineConfig, engine: EngineConfig) -> int:
    """Judge both tables, fit on the labels of the first, write everything, and print the figures; return 0."""
    train = read_table(arguments.train_csv, labelled="required", on_notice=print_notice)
    test = read_table(arguments.test_csv, labelled="absent", on_notice=print_notice)
    folds, repeats = arguments.folds, arguments.repeats
    check_training(train, folds=folds, repeats=repeats, seed=config.seed)
    _note_shared(train, test)
    readings = Readings(Path(arguments.out_dir))
    prepare_folder(readings.out)
    with (
        open_judging(arguments, config, engine) as (pipeline, opened),
        Bars("text" if engine.name == "local" else "novel") as bars,
    ):
        judged = judge_tables(
            opened, pipeline, [*train, *test], Path(arguments.novels_dir), keep=readings.keep, show=bars.show
        )
        judged_train, judged_test = judged[: len(train)], judged[len(train) :]
        fitted = fit_tables(judged_train, folds=folds, repeats=repeats, seed=config.seed)
        manifest = make_manifest(pipeline)
    paths = write_all(readings, judged_train, judged_test, fitted, manifest, submission=arguments.submission)
    show_all(judged, fitted, paths)
    print_usage(pipeline)
    return 0


def judge_tables(
    engine: Engine,
    pipeline: Pipeline,
    rows: Sequence[Row],
    novels_dir: Path,
    *,
    keep: Callable[[int, JudgedNovel], None],
    show: OnRows,
) -> list[JudgedRow]:
    """Judge every row on its novel, novel by novel, and return the rows in their order.

    ``keep`` gets each novel once, with its number in the table; ``show`` the progress. Raises NovelError with every
    novel that failed once all others are done, whose readings are cached; TableError for a row without a claim.
    """
    novels = rows_by_novel(rows, novels_dir)
    here = isinstance(engine, LocalEngine)
    claims = {row: extract_row(pipeline, row) for row in rows} if here else None
    jobs = [
        JudgeRows(path, tuple(group), claims, show) if here else JudgeRows(path, tuple(group))
        for path, group in novels.items()
    ]
    found: dict[Row, JudgedRow] = {}
    failed: list[str] = []
    for outcome in engine.run(jobs):
        if isinstance(outcome.result, Failure):
            failed.append(outcome.result.reason)
        else:
            keep(outcome.number, outcome.result)
            found |= {one.row: one for one in outcome.result.rows}
        if not here:
            show("novels", 1, len(jobs))
    if failed:
        rest = f"{len(failed)} of {len(jobs)} novels failed, and the readings of the others are cached: "
        raise NovelError((rest if len(failed) < len(jobs) else "") + "; ".join(sorted(failed)))
    return [found[row] for row in rows]


@dataclass(frozen=True)
class _WrittenNovel:
    """A novel whose files are in the output folder: its name and hash, and what pages show of it."""

    name: str
    sha256: str
    view: BookView
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Readings:
    """The novels that were read, by their number in the table, and their files in ``out``."""

    out: Path
    written: dict[int, _WrittenNovel] = field(default_factory=dict)

    def keep(self, number: int, judged: JudgedNovel) -> None:
        """Write the files of a novel."""
        novel, cast = judged.novel, cast_with(judged, judged.tracked)
        for notice in novel.notices:
            print_line(f"note: {novel.name}: {notice}")
        files = write_reading(
            self.out,
            novel=novel,
            chunks=judged.chunks,
            cast=cast,
            reading=judged.reading,
            summaries=judged.summaries,
        )
        view = book_view(novel, judged.chunks, cast, judged.reading)
        self.written[number] = _WrittenNovel(novel.name, novel.sha256, view, tuple(files))

    def in_order(self) -> list[_WrittenNovel]:
        """Return the novels in the order of the table, whatever the order they were done in."""
        return [self.written[number] for number in sorted(self.written)]


def _note_shared(train: Sequence[Row], test: Sequence[Row]) -> None:
    shared = sorted({row.id for row in train} & {row.id for row in test})
    if shared:
        print_line(f"note: {len(shared)} ids are in both tables, e.g. {shared[0]}; they are treated as different rows")


def write_all(
    readings: Readings,
    train: Sequence[JudgedRow],
    test: Sequence[JudgedRow],
    fitted: FittedTables,
    manifest: Manifest,
    *,
    submission: bool = False,
    streamed: Path | None = None,
) -> tuple[Path, ...]:
    """Write every file of a run except those of the novels; return all paths.

    ``streamed`` are the predictions where they are written already, and ``test`` then has no rows.
    """
    with locked_output(readings.out / "manifest.json"):  # files of two runs that end at once would not fit together
        threshold = fitted.model.threshold
        predictions = predict(test, fitted.model)
        held_out_answers = held_out_rows(train, fitted.validation)
        written = [streamed or readings.out / "test_predictions.csv", readings.out / "predictions_out_of_fold.csv"]
        if streamed is None:
            write_predictions(written[0], predictions, threshold=threshold)
        write_held_out(written[1], held_out_answers)
        if submission:
            written.append(readings.out / "results.csv")
            write_submission(written[2], predictions, threshold=threshold)
        held_out = [float(chance) for chance in fitted.validation.probabilities]
        chances = [prediction.probability for prediction in predictions]
        metrics = fitted.validation.to_dict()
        tables = {
            "train": evidence_of(
                train,
                held_out,
                threshold=threshold,
                how="out of fold, mean over the repeats",
                labels=[row.decision for row in held_out_answers],
            ),
            "test": evidence_of(test, chances, threshold=threshold, how="fitted on all training rows"),
        }
        novels = readings.in_order()
        pages = write_pages(readings.out, tables, {novel.name: novel.view for novel in novels}, metrics, manifest)
        return write_dataset_evidence(
            readings.out,
            **tables,
            metrics=metrics,
            novels={novel.name: novel.sha256 for novel in novels},
            manifest=manifest,
            also=(*(path for novel in novels for path in novel.files), *written, *pages),
        )


def show_all(rows: Sequence[JudgedRow], fitted: FittedTables, paths: Sequence[Path]) -> None:
    """Print the notices, the figures and the paths of a run."""
    concerned: dict[str, list[str]] = {}
    for judged in rows:
        for notice in judged.notices:
            concerned.setdefault(notice, []).append(judged.row.id)
    for notice, ids in concerned.items():
        print_line(f"note: row{'s' if len(ids) > 1 else ''} {listed(ids)}: {notice}")
    metrics = fitted.validation.to_dict()
    print_line(f"cross-validated on {metrics['rows']} rows ({metrics['folds']} folds, {metrics['repeats']} repeats):")
    _show_figures("ours", metrics["figures"])
    for name, figures in metrics["baselines"].items():
        _show_figures(name, figures)
    _show_calibration(metrics["calibration"])
    _show_characters(metrics["characters"])
    for path in paths:
        if path.parent.name != ROWS:
            print_line(str(path))
    print_line(f"index: {next(path for path in paths if path.name == INDEX)}")


def _show_calibration(calibration: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> None:
    ours, base = ([f"{name} {calibration[name][one]['value']:.3f}" for name in _SHOWN_CALIBRATION] for one in _COMPARED)
    print_line(f"  probabilities: {', '.join(ours)}; of the base rate: {', '.join(base)}")


def _show_characters(characters: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the figures of the characters with most rows; the others are in the file."""
    ranked = sorted(characters.items(), key=lambda item: -item[1]["rows"])
    for name, share in ranked[:_MOST_CHARACTERS]:
        counts = f"{share['rows']} rows, {share['inconsistent']} inconsistent"
        _show_figures(f"{name} ({counts})", share["figures"])
    if len(ranked) > _MOST_CHARACTERS:
        print_line(f"  and {len(ranked) - _MOST_CHARACTERS} characters more in train_metrics.json")


def _show_figures(name: str, figures: Mapping[str, Mapping[str, float | None]]) -> None:
    shown = [f"{measure} {_cell(figures[measure])}" for measure in _SHOWN if _is_known(figures.get(measure))]
    print_line(f"  {name}: " + ", ".join(shown))


def _is_known(figure: Mapping[str, float | None] | None) -> bool:
    return figure is not None and figure["value"] is not None


def _cell(figure: Mapping[str, float | None]) -> str:
    low, high = figure["low"], figure["high"]
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{figure['value']:.3f}{interval}"
