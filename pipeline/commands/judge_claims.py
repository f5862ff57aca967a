"""Single claims judged, compared with ablations, and measured where they have labels."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.book import Book
from pipeline.commands.progress import Bars, print_line, print_notice
from pipeline.commands.session import make_manifest, open_pipeline
from pipeline.config import ROOT, PipelineConfig, resolve_model_dir
from pipeline.errors import TableError
from pipeline.evaluation.baselines import SYSTEM_OF, Baselines, SystemOutput, all_outputs
from pipeline.evaluation.claim_benchmark import KINDS, BookPlan, MeasuredClaim, measure_claims, plan_books
from pipeline.evaluation.compare import ClaimMetrics, claim_metrics
from pipeline.evaluation.metrics import Figure
from pipeline.evaluation.three_way import JudgedClaim, ThreeWayMetrics, decisive_quotation, three_way_metrics
from pipeline.records import CLAIM_LABELS, ClaimLabel, ClaimVerdict, TableLabel
from pipeline.report.manifest import write_manifest
from pipeline.run import Pipeline
from pipeline.storage.files import prepare_folder, write_json
from pipeline.tables.predictions import write_claim_predictions
from pipeline.tables.rows import read_predictions, read_table

SPARE_NOVEL = ROOT / "novels" / "The Unlit Hour.txt"
"""The wrong novel of a table about one novel."""
COLUMNS = {
    "probability": "verdict",
    "probability_no_evidence": "no_evidence",
    "probability_wrong_novel": "wrong_novel",
    "probability_lexical": "lexical",
    "probability_claim_only": "claim_only",
}
"""The columns of probabilities in claim_predictions.csv, and the system that each is of."""
_TRUTH: dict[TableLabel, ClaimLabel] = {"consistent": "supported", "inconsistent": "contradicted"}
_MEASURES = {"accuracy": "accuracy", "auc": "AUC", "both_right": "both twins right", "ranking": "true twin first"}


@dataclass
class NovelHashes:
    """The hash of each novel that the claims are about."""

    sums: dict[str, str] = field(default_factory=dict)

    def add(self, book: Book) -> None:
        self.sums[book.novel.name] = book.novel.sha256


def judge_claims(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Judge the claims, write predictions and figures, and print the figures; return 0."""
    rows = read_table(arguments.claims, labelled="optional", on_notice=print_notice)
    given = arguments.blind_predictions
    blind = None if given is None else read_predictions(Path(given), print_notice)
    plans = plan_books(
        rows, Path(arguments.novels_dir), seed=config.seed, limit=arguments.limit or None, spare=SPARE_NOVEL
    )
    out, novels = prepare_folder(Path(arguments.out_dir)), NovelHashes()
    baselines = Baselines.load(resolve_model_dir(config.scoring.verdict_dir))
    with open_pipeline(arguments, config) as pipeline, Bars("claim") as bars:
        _note_wrong(plans)
        total = sum(len(plan.rows) * (len(KINDS) - (plan.wrong is None)) for plan in plans)
        measured = measure_claims(
            pipeline,
            plans,
            words=baselines.words,
            on_book=novels.add,
            on_claims=lambda done: bars.show("claims", done, total),
        )
        measured = _in_order(measured, [row.id for row in rows])
        outputs = all_outputs(measured, baselines, threshold=pipeline.judge.threshold)
        predictions = _write_predictions(out, measured, outputs)
        metrics = _measure(measured, outputs, blind, seed=config.seed)
        labels = _measure_labels(measured, seed=config.seed)
        paths = _write_metrics(out, predictions, metrics, labels, measured, pipeline, novels.sums)
    _show(measured, metrics, labels, paths)
    return 0


def _note_wrong(plans: Sequence[BookPlan]) -> None:
    if len(plans) == 1 and plans[0].wrong == SPARE_NOVEL.resolve():
        print_notice("the table is about one novel; the bundled story serves as the wrong one")
    if any(plan.wrong is None for plan in plans):
        print_notice("a second novel to be the wrong one is missing; the columns of the wrong novel stay empty")


def _in_order(measured: Sequence[MeasuredClaim], ids: Sequence[str]) -> list[MeasuredClaim]:
    by_id = {claim.row.id: claim for claim in measured}
    return [by_id[key] for key in ids if key in by_id]


def _write_predictions(out: Path, measured: Sequence[MeasuredClaim], outputs: Mapping[str, SystemOutput]) -> Path:
    path = out / "claim_predictions.csv"
    labels: list[TableLabel] = [
        "consistent" if decided else "inconsistent" for decided in outputs[SYSTEM_OF["right"]].decisions
    ]
    chances = {
        column: outputs[system].probabilities.tolist() if system in outputs else None
        for column, system in COLUMNS.items()
    }
    verdicts = [claim.verdicts["right"] for claim in measured]
    write_claim_predictions(path, [claim.row.id for claim in measured], labels, chances, _columns(verdicts))
    return path


def _columns(verdicts: Sequence[ClaimVerdict]) -> dict[str, list[object]]:
    """Return the verdict on each claim, the probabilities of its labels, and the quotation shown with its range."""
    quoted = [decisive_quotation(verdict) for verdict in verdicts]
    shown = [
        next((pair.quotation for pair in verdict.pairs if span and pair.start == span.start), "")
        for verdict, span in zip(verdicts, quoted, strict=True)
    ]
    return {
        "verdict": [verdict.label for verdict in verdicts],
        **{
            f"p_{label}": [
                f"{verdict.probabilities[label]:.4f}" if verdict.probabilities else "" for verdict in verdicts
            ]
            for label in CLAIM_LABELS
        },
        "quotation": [" ".join(text.split()) for text in shown],
        "start": [span.start if span else "" for span in quoted],
        "end": [span.end if span else "" for span in quoted],
    }


def _measure_labels(measured: Sequence[MeasuredClaim], *, seed: int) -> ThreeWayMetrics | None:
    """Return the figures of three labels; None where no claim is labelled as left open or has evidence."""
    twins = {(claim.row.pair or "", claim.row.label): claim.row.content for claim in measured if claim.row.pair}
    other: dict[TableLabel | None, TableLabel] = {"consistent": "inconsistent", "inconsistent": "consistent"}
    judged = [
        JudgedClaim(
            claim.verdicts["right"],
            "not_stated" if claim.row.left_open else _TRUTH[claim.row.label or "consistent"],
            claim.book,
            twins.get((claim.row.pair or "", other.get(claim.row.label)), ""),
            claim.gold,
            claim.chunks,
            claim.row.kind,
            claim.row.difficulty,
        )
        for claim in measured
        if claim.row.left_open or claim.row.label is not None
    ]
    if not any(claim.truth == "not_stated" or claim.gold for claim in judged):
        return None
    return three_way_metrics(judged, seed=seed)


def _measure(
    measured: Sequence[MeasuredClaim],
    outputs: Mapping[str, SystemOutput],
    blind: Mapping[str, tuple[float, str]] | None,
    *,
    seed: int,
) -> ClaimMetrics | None:
    """Return the figures on the labelled rows, None without any; ``pair`` is used here for the first time."""
    places = [place for place, claim in enumerate(measured) if claim.row.label is not None]
    if not places:
        return None
    rows = [measured[place].row for place in places]
    known = {name: SystemOutput(one.probabilities[places], one.decisions[places]) for name, one in outputs.items()}
    if blind is not None:
        known["blind"] = _blind_output(blind, [row.id for row in rows])
    labels = [int(row.label == "consistent") for row in rows]
    books = [measured[place].book for place in places]
    return claim_metrics(known, labels, books=books, pairs=[row.pair for row in rows], seed=seed)


def _blind_output(blind: Mapping[str, tuple[float, str]], ids: Sequence[str]) -> SystemOutput:
    missing = [key for key in ids if key not in blind]
    if missing:
        raise TableError(
            f"{len(missing)} labelled claims are missing in the blind predictions, e.g. {missing[0]}; give one for each"
        )
    return SystemOutput.of([blind[key][0] for key in ids], [blind[key][1] == "consistent" for key in ids])


def _write_metrics(
    out: Path,
    predictions: Path,
    metrics: ClaimMetrics | None,
    labels: ThreeWayMetrics | None,
    measured: Sequence[MeasuredClaim],
    pipeline: Pipeline,
    novels: Mapping[str, str],
) -> tuple[Path, ...]:
    figures: dict[str, Any] = {} if metrics is None else metrics.to_dict()
    if labels is not None:
        figures["three_labels"] = labels.to_dict()
    content = {
        "rows": len(measured),
        "characters_not_found": sum(not claim.character_found for claim in measured),
        "seed": pipeline.config.seed,
        **figures,
    }
    paths = (predictions, write_json(out / "claim_metrics.json", content))
    return (*paths, write_manifest(out, make_manifest(pipeline), novels=novels, files=paths))


def _show(
    measured: Sequence[MeasuredClaim],
    metrics: ClaimMetrics | None,
    labels: ThreeWayMetrics | None,
    paths: Sequence[Path],
) -> None:
    lost = sum(not claim.character_found for claim in measured)
    if lost:
        print_line(f"note: {lost} claims name no character of their novel; all of the novel was searched for them")
    if metrics is None:
        print_line(f"{len(measured)} claims judged; the table has no labels, so nothing was measured")
    else:
        _show_figures(metrics)
    if labels is not None:
        print_line(f"three labels: {', '.join(f'{count} {label}' for label, count in labels.counts.items())}")
        for name, figure in labels.figures.items():
            print_line(f"{name.replace('_', ' '):<44}{_cell(figure)}")
    for path in paths:
        print_line(str(path))


def _show_figures(metrics: ClaimMetrics) -> None:
    size = f"{metrics.consistent + metrics.inconsistent} labelled claims, {metrics.pairs} pairs, {metrics.books} novels"
    print_line(f"{size}; 95 % intervals by bootstrap over novels")
    if metrics.pairs_left_out:
        print_line(
            f"note: {metrics.pairs_left_out} pairs are not a true and a false claim of one book and are left out"
        )
    names = [name for name in _MEASURES if name in next(iter(metrics.figures.values()))]
    print_line(f"{'':<34}" + "".join(f"{_MEASURES[name]:<24}" for name in names))
    for system, figures in (metrics.figures | metrics.differences).items():
        cells = (_cell(figures[name]) for name in names)
        print_line(f"{system.replace('_', ' '):<34}" + "".join(f"{cell:<24}" for cell in cells))


def _cell(figure: Figure) -> str:
    if not math.isfinite(figure.value):
        return "undefined"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
