"""What the verifier, its memory and the right novel contribute, measured on a table and written as table and plot."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.commands.judge_claims import SPARE_NOVEL, NovelHashes
from pipeline.commands.progress import Bars, print_line, print_notice
from pipeline.commands.session import make_manifest, open_pipeline
from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.evaluation.ablations import (
    RUNS,
    SYSTEMS,
    AblationTable,
    claim_rows,
    compare_backstories,
    compare_claims,
    measure_ablations,
)
from pipeline.evaluation.baselines import Baselines
from pipeline.evaluation.claim_benchmark import BookPlan, plan_books
from pipeline.evaluation.cross_validation import FoldSettings
from pipeline.evaluation.tables import check_training
from pipeline.report.controls_view import render_controls, table_lines
from pipeline.report.manifest import write_manifest
from pipeline.run import Pipeline
from pipeline.storage.files import prepare_folder, write_json, write_text
from pipeline.tables.rows import Row, read_table


def measure_controls(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Measure every system, write table and plot, and print the figures; return 0."""
    whole = arguments.train_csv is not None
    rows: Sequence[Row] = read_table(
        arguments.train_csv if whole else arguments.claims, labelled="required", on_notice=print_notice
    )
    rows = _limited(rows, arguments, config)
    if whole:
        check_training(rows, folds=arguments.folds, repeats=arguments.repeats, seed=config.seed)
    out, baselines = Path(arguments.out_dir), Baselines.load(resolve_model_dir(config.scoring.verdict_dir))
    prepare_folder(out)
    books = NovelHashes()
    with open_pipeline(arguments, config) as pipeline, Bars("claim") as bars:
        table = _measure(arguments, pipeline, baselines, rows, books, bars)
        content = _content(table, config.seed)
        paths = _write(out, content, pipeline, books)
    for line in table_lines(content):
        print_line(line)
    for path in paths:
        print_line(str(path))
    return 0


def _limited(rows: Sequence[Row], arguments: argparse.Namespace, config: PipelineConfig) -> Sequence[Row]:
    chosen = {id(row) for plan in _plans(rows, arguments, config, limit=arguments.limit or None) for row in plan.rows}
    return [row for row in rows if id(row) in chosen]


def _plans(
    rows: Sequence[Row], arguments: argparse.Namespace, config: PipelineConfig, *, limit: int | None = None
) -> list[BookPlan]:
    return plan_books(rows, Path(arguments.novels_dir), seed=config.seed, limit=limit, spare=SPARE_NOVEL)


def _measure(
    arguments: argparse.Namespace,
    pipeline: Pipeline,
    baselines: Baselines,
    rows: Sequence[Row],
    books: NovelHashes,
    bars: Bars,
) -> AblationTable:
    seed = pipeline.config.seed
    whole = arguments.train_csv is not None
    claims, stated = claim_rows(pipeline, rows) if whole else (list(rows), [])
    plans = _plans(claims, arguments, pipeline.config)
    total = sum(len(plan.rows) * (RUNS + (plan.wrong is not None)) for plan in plans)
    judged, outcomes = measure_ablations(
        pipeline,
        plans,
        baselines,
        seed=seed,
        on_book=books.add,
        on_claims=lambda done: bars.show("claims", done, total),
    )
    place = {id(row): number for number, row in enumerate(judged)}
    novels = {id(row): plan.novel.stem for plan in _plans(rows, arguments, pipeline.config) for row in plan.rows}
    if not whole:
        named = [novels[id(row)] for row in judged]
        return compare_claims(judged, outcomes, books=named, seed=seed)
    return compare_backstories(
        rows,
        [[place[id(claims[number])] for number in own] for own in stated],
        outcomes,
        books=[novels[id(row)] for row in rows],
        settings=FoldSettings(seed, arguments.folds, arguments.repeats, aim="balanced_accuracy"),
    )


def _content(table: AblationTable, seed: int) -> dict[str, Any]:
    return {
        "kind": table.kind,
        "rows": table.consistent + table.inconsistent,
        "consistent": table.consistent,
        "inconsistent": table.inconsistent,
        "books": table.books,
        "pairs": table.pairs,
        "seed": seed,
        "interval": table.interval,
        "systems": {name: {"what": SYSTEMS[name], **one.to_dict()} for name, one in table.systems.items()},
    }


def _write(out: Path, content: dict[str, Any], pipeline: Pipeline, books: NovelHashes) -> tuple[Path, ...]:
    paths = (
        write_json(out / "controls.json", content),
        write_text(out / "controls.md", "\n".join(table_lines(content)) + "\n"),
        write_text(out / "controls.svg", render_controls(content)),
    )
    return (*paths, write_manifest(out, make_manifest(pipeline), novels=books.sums, files=paths))
