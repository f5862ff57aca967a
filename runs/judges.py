"""Compare judges on a sample of labelled claims. Two steps.

    python runs/judges.py sample --claims D/claims.csv --details D/claims-details.csv --out sample.csv
    python runs/judges.py measure --claims sample.csv --novels D/novels --judge heuristic --out figures.json

``sample`` draws pairs of a true and a false claim by seed. ``measure`` judges the sample with the shipped judge
(``bdh``) and with each ``--judge`` (repeat it), all through ``pipeline.evaluation.claim_benchmark.measure_claims``, the
path that ships, given the right novel and given a wrong one. It reports the figures of ``python -m pipeline
evaluate-claims`` for every judge and for the fitted baselines, with intervals over novels, and the seconds per claim.
"""

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.evaluation.baselines import Baselines, SystemOutput, judge_outputs
from pipeline.evaluation.claim_benchmark import BookPlan, measure_claims, plan_books
from pipeline.evaluation.compare import ClaimMetrics, claim_metrics
from pipeline.run import Pipeline
from pipeline.tables.rows import read_table

SPARE = Path("novels/The Unlit Hour.txt")


def sample(arguments: argparse.Namespace) -> None:
    """Write a table of ``--novels_count`` novels with ``--pairs`` pairs of claims each, and the column ``pair``."""
    pairs = {row["id"]: row["pair"] for row in csv.DictReader(arguments.details.open(encoding="utf-8", newline=""))}
    books: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in csv.DictReader(arguments.claims.open(encoding="utf-8", newline="")):
        books[row["book_name"]][pairs[row["id"]]].append({**row, "pair": pairs[row["id"]]})
    rng = random.Random(arguments.seed)
    enough = sorted(book for book, found in books.items() if len(found) >= arguments.pairs)
    chosen = [
        row
        for book in sorted(rng.sample(enough, arguments.novels_count))
        for pair in sorted(rng.sample(sorted(books[book]), arguments.pairs))
        for row in books[book][pair]
    ]
    with arguments.out.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)


def measure(arguments: argparse.Namespace) -> None:
    """Write and print the figures of all judges, and the seconds of each per claim."""
    rows, config = read_table(arguments.claims, labelled="required"), PipelineConfig()
    plans = plan_books(rows, arguments.novels, seed=0, spare=SPARE)
    rows = tuple(row for plan in plans for row in plan.rows)
    baselines = Baselines.load(resolve_model_dir(config.scoring.verdict_dir))
    outputs: dict[str, SystemOutput] = {}
    seconds: dict[str, float] = {}
    for name in ["bdh", *arguments.judge]:
        own = replace(config, scoring=replace(config.scoring, judge=name))
        pipeline = Pipeline(own, cache_dir=arguments.cache_dir)
        judged, fitted, seconds[name] = _judge(pipeline, plans, baselines)
        outputs |= {name if system == "verdict" else f"{name}_{system}": one for system, one in judged.items()}
        outputs |= fitted
    metrics = claim_metrics(
        outputs,
        [int(row.label == "consistent") for row in rows],
        books=[row.book_name for row in rows],
        pairs=[row.pair for row in rows],
        seed=0,
    )
    arguments.out.write_text(json.dumps({"seconds_a_claim": seconds, **metrics.to_dict()}, indent=1), encoding="utf-8")
    _print(metrics)


def _judge(
    pipeline: Pipeline, plans: Sequence[BookPlan], baselines: Baselines
) -> tuple[dict[str, SystemOutput], dict[str, SystemOutput], float]:
    """Return the output of the judge and of the baselines, and the seconds per claim."""
    pipeline.load_models()
    began = time.perf_counter()
    measured = measure_claims(pipeline, plans, kinds=("right", "wrong"))
    seconds = (time.perf_counter() - began) / (2 * len(measured))
    return judge_outputs(measured, threshold=pipeline.judge.threshold), baselines.outputs(measured), seconds


def _print(metrics: ClaimMetrics) -> None:
    for system, figures in metrics.figures.items():
        shown = (f"{name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for name, one in figures.items())
        print(f"{system:<28}", *shown, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    drawing = steps.add_parser("sample", help="draw the claims")
    drawing.add_argument("--claims", type=Path, required=True)
    drawing.add_argument("--details", type=Path, required=True)
    drawing.add_argument("--novels_count", type=int, default=12)
    drawing.add_argument("--pairs", type=int, default=25)
    drawing.add_argument("--seed", type=int, default=0)
    drawing.add_argument("--out", type=Path, required=True)
    drawing.set_defaults(run=sample)
    measuring = steps.add_parser("measure", help="measure the judges on them")
    measuring.add_argument("--claims", type=Path, required=True)
    measuring.add_argument("--novels", type=Path, required=True)
    measuring.add_argument("--judge", action="append", default=[], help="heuristic or hf:MODEL; repeat")
    measuring.add_argument("--cache_dir", type=Path)
    measuring.add_argument("--out", type=Path, required=True)
    measuring.set_defaults(run=measure)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
