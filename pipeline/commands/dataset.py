"""``run_dataset.py``: a verdict fitted and cross-validated on one table, and the predictions for another."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.batch import (
    FittedTables,
    JudgedRow,
    check_training,
    evidence_of,
    fit_tables,
    held_out_rows,
    judge_rows,
    predict,
)
from pipeline.commands.console import Bars, say
from pipeline.commands.stages import cast_with, make_manifest, open_pipeline, say_usage
from pipeline.config import PipelineConfig
from pipeline.dataset import Row, read_table
from pipeline.opening import Book
from pipeline.predictions import write_held_out, write_predictions, write_submission
from pipeline.records import Character, Reading
from pipeline.report.artefacts import write_reading
from pipeline.report.book import BookView, book_view
from pipeline.report.dataset_evidence import write_dataset_evidence
from pipeline.report.dataset_pages import INDEX, ROWS, write_pages
from pipeline.report.files import prepare_folder
from pipeline.report.manifest import Manifest

_SHOWN = ("accuracy", "balanced_accuracy", "auc", "contradict_precision", "contradict_recall")
_SHOWN_CALIBRATION = ("brier", "log_loss", "ece")
_BESIDE = ("ours", "base_rate")
_MOST_CHARACTERS = 12


def run_dataset(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Judge both tables, fit on the labels of the first, write everything, and say the figures; return 0."""
    train = read_table(arguments.train_csv, labelled="required")
    test = read_table(arguments.test_csv, labelled="absent")
    folds, repeats = arguments.folds, arguments.repeats
    check_training(train, folds=folds, repeats=repeats, seed=config.seed)
    _note_shared(train, test)
    readings = _Readings(Path(arguments.out_dir))
    prepare_folder(readings.out)
    with open_pipeline(arguments, config) as pipeline, Bars("text") as bars:
        judged = judge_rows(
            pipeline, [*train, *test], Path(arguments.novels_dir), on_book=readings.keep, on_rows=bars.show
        )
        judged_train, judged_test = judged[: len(train)], judged[len(train) :]
        fitted = fit_tables(judged_train, folds=folds, repeats=repeats, seed=config.seed)
        manifest = make_manifest(pipeline)
    paths = _write(readings, judged_train, judged_test, fitted, manifest, submission=arguments.submission)
    _show(judged, fitted, paths)
    say_usage(pipeline)
    return 0


@dataclass(frozen=True)
class _Readings:
    """The novels as they were read: their files in ``out``, the hash of each, and what pages show of it."""

    out: Path
    books: dict[str, BookView] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def keep(self, book: Book, tracked: Sequence[Character], reading: Reading, summaries: Mapping[int, str]) -> None:
        """Write the files of a novel."""
        cast = cast_with(book, tracked)
        self.sums[book.novel.name] = book.novel.sha256
        self.books[book.novel.name] = book_view(book.novel, book.chunks, cast, reading)
        self.files.extend(
            write_reading(
                self.out, novel=book.novel, chunks=book.chunks, cast=cast, reading=reading, summaries=summaries
            )
        )


def _note_shared(train: Sequence[Row], test: Sequence[Row]) -> None:
    shared = sorted({row.id for row in train} & {row.id for row in test})
    if shared:
        say(f"note: {len(shared)} ids stand in both tables, e.g. {shared[0]}; they are taken for different rows")


def _write(
    readings: _Readings,
    train: Sequence[JudgedRow],
    test: Sequence[JudgedRow],
    fitted: FittedTables,
    manifest: Manifest,
    *,
    submission: bool,
) -> tuple[Path, ...]:
    threshold = fitted.model.threshold
    predictions = predict(test, fitted.model)
    held_out_answers = held_out_rows(train, fitted.validation)
    written = [readings.out / "test_predictions.csv", readings.out / "predictions_out_of_fold.csv"]
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
    pages = write_pages(readings.out, tables, readings.books, metrics, manifest)
    return write_dataset_evidence(
        readings.out,
        **tables,
        metrics=metrics,
        novels=readings.sums,
        manifest=manifest,
        also=(*readings.files, *written, *pages),
    )


def _show(rows: Sequence[JudgedRow], fitted: FittedTables, paths: Sequence[Path]) -> None:
    for judged in rows:
        for notice in judged.notices:
            say(f"note: row {judged.row.id}: {notice}")
    metrics = fitted.validation.to_dict()
    say(f"cross-validated on {metrics['rows']} rows ({metrics['folds']} folds, {metrics['repeats']} repeats):")
    _show_figures("ours", metrics["figures"])
    for name, figures in metrics["baselines"].items():
        _show_figures(name, figures)
    _show_calibration(metrics["calibration"])
    _show_characters(metrics["characters"])
    for path in paths:
        if path.parent.name != ROWS:
            say(str(path))
    say(f"index: {next(path for path in paths if path.name == INDEX)}")


def _show_calibration(calibration: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> None:
    ours, base = ([f"{name} {calibration[name][one]['value']:.3f}" for name in _SHOWN_CALIBRATION] for one in _BESIDE)
    say(f"  probabilities: {', '.join(ours)}; of the base rate: {', '.join(base)}")


def _show_characters(characters: Mapping[str, Mapping[str, Any]]) -> None:
    """Say how the characters with most rows fared; the rest stands in the file."""
    ranked = sorted(characters.items(), key=lambda item: -item[1]["rows"])
    for name, share in ranked[:_MOST_CHARACTERS]:
        counts = f"{share['rows']} rows, {share['inconsistent']} inconsistent"
        _show_figures(f"{name} ({counts})", share["figures"])
    if len(ranked) > _MOST_CHARACTERS:
        say(f"  and {len(ranked) - _MOST_CHARACTERS} characters more in train_metrics.json")


def _show_figures(name: str, figures: Mapping[str, Mapping[str, float | None]]) -> None:
    shown = [f"{measure} {_cell(figures[measure])}" for measure in _SHOWN if _is_known(figures.get(measure))]
    say(f"  {name}: " + ", ".join(shown))


def _is_known(figure: Mapping[str, float | None] | None) -> bool:
    return figure is not None and figure["value"] is not None


def _cell(figure: Mapping[str, float | None]) -> str:
    low, high = figure["low"], figure["high"]
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{figure['value']:.3f}{interval}"
