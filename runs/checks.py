"""Measure the explicit checks on labelled claims, and fit what each is worth. Steps:

    python runs/checks.py find --claims T/claims.csv --details T/claims-details.csv --novels T/novels --out t.jsonl
    python runs/checks.py show --found t.jsonl [--kind number] [--all]
    python runs/checks.py fit --found t.jsonl --cases train.jsonl.xz --out models/checks
    python runs/checks.py report --found d.jsonl [--judged dev.jsonl.xz:dev.npz]

``find`` retrieves each claim's passages by words alone and runs the checks on them (spaCy, BM25; no torch). ``show``
prints those that fire on the wrong side, to be read. ``fit`` fits what a check adds to what the words say
(``claim_lexical.json``), for which it takes the features from the cases of ``runs/claim_verdict.py prepare``.
``report`` counts, and with the reader's answers (``runs/claim_verdict.py compare``) measures what the shifts change.
``--books 1-70`` takes only these novels, counted in the order in which the table names them.
"""

import argparse
import csv
import json
import lzma
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from tqdm import tqdm

BOUND = 1.96
PRIOR = 1.0
"""Standard deviation of what a check may add to the log-odds, before anything is known of it."""


def find(arguments: argparse.Namespace) -> None:
    """Write one JSON line a claim: its row, and the checks that fire."""
    from pipeline.claims.attributes import time_scope
    from pipeline.errors import CharacterError
    from pipeline.evaluation.claim_benchmark import plan_books
    from pipeline.records import Claim
    from pipeline.retrieval.fusion import retrieve
    from pipeline.run import Pipeline
    from pipeline.tables.rows import read_table, row_text

    with open(arguments.details, encoding="utf-8", newline="") as file:
        pairs = {line["id"]: line["pair"] for line in csv.DictReader(file)}
    rows = [replace(row, pair=pairs[row.id]) for row in read_table(arguments.claims, labelled="required")]
    plans = plan_books(rows, arguments.novels, seed=0, spare=Path("novels/The Unlit Hour.txt"))
    first, last = map(int, arguments.books.split("-")) if arguments.books else (1, len(plans))
    pipeline = Pipeline(cache_dir=arguments.cache_dir)
    with open(arguments.out, "w", encoding="utf-8") as out:
        for plan in tqdm(plans[first - 1 : last], unit="book"):
            book = pipeline.open_book(plan.novel)
            people: dict[str, Any] = {"": None}
            for row in plan.rows:
                if row.char not in people:
                    try:
                        people[row.char] = pipeline.find_character(book, row.char)
                    except CharacterError:
                        people[row.char] = None
                person, text = people[row.char], row_text(row)
                claim = Claim(row.id, row.char, "event", time_scope(text), "unspecified", text)
                evidence = retrieve(
                    [claim],
                    index=book.index,
                    content_vectors=None,
                    claim_vectors=None,
                    present=person.chunks if person else (),
                    config=pipeline.config.retrieval,
                )[claim.id]
                checks = pipeline.bench.check_claim(book, claim, evidence)
                about = {"id": row.id, "book": book.novel.name, "pair": row.pair, "label": row.label, "claim": text}
                found = [asdict(check) for check in checks]
                out.write(json.dumps({**about, "checks": found}, ensure_ascii=False) + "\n")


def show(arguments: argparse.Namespace) -> None:
    """Print the conflicts on true claims, and with ``--all`` every check that fires."""
    for line in _lines(arguments.found):
        for check in line["checks"]:
            wrong = not check["agrees"] and line["label"] == "consistent"
            if check["kind"] == (arguments.kind or check["kind"]) and (
                wrong or (arguments.all and not check["agrees"])
            ):
                side = "agrees" if check["agrees"] else "CONFLICT"
                print(f"{line['label']} {check['kind']} {side}: {check['claimed']!r}\n   claim: {line['claim']}")
                print("   book: " + " ".join(check["passage"].split()))


def _lines(paths: str) -> Iterator[dict[str, Any]]:
    for path in paths.split(","):
        opener = lzma.open if path.endswith(".xz") else open
        with opener(path, "rt", encoding="utf-8") as file:
            yield from map(json.loads, file)


def _names() -> list[str]:
    from pipeline.records import CheckKind

    return [f"{kind} {side}" for kind in get_args(CheckKind) for side in ("agrees", "conflicts")]


def _fired(line: dict[str, Any]) -> set[str]:
    return {f"{check['kind']} {'agrees' if check['agrees'] else 'conflicts'}" for check in line["checks"]}


def count(lines: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return for each kind and side on how many claims it fires, and the share on the right side with its interval."""
    figures = {}
    for name in _names():
        labels = Counter(line["label"] for line in lines if name in _fired(line))
        right = labels["consistent" if name.endswith("agrees") else "inconsistent"]
        total = sum(labels.values())
        low, high = wilson(right, total)
        figures[name] = {"claims": total, "right": right, "precision": right / total if total else 0.0}
        figures[name] |= {"low": low, "high": high}
    return figures


def wilson(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's score."""
    if not total:
        return 0.0, 1.0
    share, square = right / total, BOUND**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = BOUND * np.sqrt(share * (1 - share) / total + square / (4 * total**2)) / (1 + square / total)
    return float(middle - half), float(middle + half)


def fit(arguments: argparse.Namespace) -> None:
    """Write ``shifts.json``: what each kind adds to the log-odds that the words give, 0 where nothing is shown.

    A kind weighs where the 95 % interval of its precision lies above a half and that of its weight off 0. Its shift is
    its weight in a logistic regression of the label on the log-odds of ``claim_lexical.json`` and on which checks
    fired, each weight of a check drawn towards 0 by a normal prior.
    """
    from pipeline.judging.check_shifts import FILE, LARGEST_SHIFT
    from pipeline.judging.logistic import LogisticModel

    lines = list(_lines(arguments.found))
    words = {
        (line["book"], line["cases"]["right"]["text"]): line["cases"]["right"]["lexical"]
        for line in _lines(arguments.cases)
    }
    lexical = LogisticModel.load(arguments.verdict / "claim_lexical.json")
    odds = lexical.log_odds([words[line["book"], line["claim"]] for line in lines])
    figures, names = count(lines), _names()
    fired = np.array([[name in _fired(line) for name in names] for line in lines], dtype=float)
    labels = np.array([line["label"] == "consistent" for line in lines], dtype=float)
    weights, errors = _regress(np.column_stack([np.ones(len(lines)), odds, fired]), labels, free=2)
    shifts = {}
    for name, weight, error in zip(names, weights[2:], errors[2:], strict=True):
        sign = 1.0 if name.endswith("agrees") else -1.0
        figures[name] |= {"weight": float(weight), "standard_error": float(error)}
        shown = figures[name]["low"] > 0.5 and sign * weight > BOUND * error
        shifts[name] = sign * min(sign * float(weight), LARGEST_SHIFT) if shown else 0.0
    found = {"shifts": {name: round(shift, 3) + 0.0 for name, shift in shifts.items()}}
    found |= {"claims": len(lines), "novels": len({line["book"] for line in lines}), "figures": _rounded(figures)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / FILE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    _print(figures)
    print(found["shifts"])


def _regress(rows: Any, labels: Any, *, free: int) -> tuple[Any, Any]:
    """Return the weights of a logistic regression and their errors; all but the first ``free`` have a prior."""
    precision = np.diag([0.0] * free + [1 / PRIOR**2] * (rows.shape[1] - free))
    weights = np.zeros(rows.shape[1])
    for _ in range(50):
        chances = 1 / (1 + np.exp(-rows @ weights))
        hessian = (rows * (chances * (1 - chances))[:, None]).T @ rows + precision
        step = np.linalg.solve(hessian, rows.T @ (labels - chances) - precision @ weights)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return weights, np.sqrt(np.diag(np.linalg.inv(hessian)))


def _rounded(figures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: {key: round(value, 3) for key, value in row.items()} for name, row in figures.items()}


def _print(figures: dict[str, dict[str, float]]) -> None:
    for name, row in figures.items():
        more = f"  weight {row['weight']:+.2f} ± {row['standard_error']:.2f}" if "weight" in row else ""
        share = f"{row['precision']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" if row["claims"] else "never"
        print(f"{name:18} {row['right']:5.0f} of {row['claims']:5.0f} right: {share}{more}")


def report(arguments: argparse.Namespace) -> None:
    """Print how often each kind fires and is right, and with the reader's answers what the shifts change."""
    lines = list(_lines(arguments.found))
    print(f"{len(lines)} claims about {len({line['book'] for line in lines})} novels")
    _print(count(lines))
    if arguments.judged:
        _print_effect(lines, arguments)


def _print_effect(lines: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> None:
    from claim_verdict import Claims  # beside this file

    from pipeline.evaluation.cross_validation import pair_metrics
    from pipeline.judging.check_shifts import CheckShifts, shifted
    from pipeline.judging.logistic import LogisticModel
    from pipeline.records import Check

    claims, shifts = Claims(arguments.judged), CheckShifts.load(arguments.shifts)
    model = LogisticModel.load(arguments.verdict / "claim.json")
    before = np.asarray(model.probabilities(claims.rows["right"]))
    checks = {(line["book"], line["claim"]): [Check(**check) for check in line["checks"]] for line in lines}
    fired = [checks[key] for key in zip(claims.books, claims.texts, strict=True)]
    after = np.array([shifted(float(chance), shifts.of(own)) for chance, own in zip(before, fired, strict=True)])
    labels = np.array(claims.labels)
    moved = before != after
    helped = (after > before) == (labels == 1)
    print(f"{moved.sum()} claims move, {(moved & helped).sum()} of them the right way")
    if not moved.any():
        return
    for name, chances in (("before", before), ("after", after)):
        right = (chances >= model.threshold) == (labels == 1)
        brier = float(((chances - labels) ** 2).mean())
        print(f"{name}, of the claims that move: {right[moved].mean():.3f} right; Brier {brier:.4f}")
        found = pair_metrics(
            chances, claims.labels, claims.pairs, books=claims.books, threshold=model.threshold, seed=0
        )
        print(name, json.dumps(found.to_dict()))


def main(argv: Sequence[str] | None = None) -> None:
    """Run one of the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True, metavar="STEP")
    step = steps.add_parser("find")
    step.add_argument("--claims", type=Path, required=True)
    step.add_argument("--details", type=Path, required=True)
    step.add_argument("--novels", type=Path, required=True)
    step.add_argument("--books", help="which novels, such as 1-70; all unless given")
    step.add_argument("--cache_dir", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=find)
    step = steps.add_parser("show")
    step.add_argument("--found", required=True)
    step.add_argument("--kind")
    step.add_argument("--all", action="store_true", help="every conflict, not only those on true claims")
    step.set_defaults(run=show)
    step = steps.add_parser("fit")
    step.add_argument("--found", required=True)
    step.add_argument("--cases", required=True, help="the same claims from runs/claim_verdict.py prepare")
    step.add_argument("--verdict", type=Path, default=Path("models/verdict"))
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=fit)
    step = steps.add_parser("report")
    step.add_argument("--found", required=True)
    step.add_argument("--judged", help="CASES:COMPARISONS of the same claims")
    step.add_argument("--verdict", type=Path, default=Path("models/verdict"))
    step.add_argument("--shifts", type=Path, default=Path("models/checks"))
    step.set_defaults(run=report)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
