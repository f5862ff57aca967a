"""Make the model that joins the claims of a backstory (models/verdict/backstory.json). Five steps.

    python runs/backstory_verdict.py make --claims T/claims.csv --details T/claims-details.csv --out more.csv
    python runs/backstory_verdict.py prepare --table train.csv --novels T/novels --out train.cases.xz [--unseen 5::12]
    python runs/backstory_verdict.py compare --cases train.cases.xz --model models/reader --out train.told.xz
    python runs/backstory_verdict.py explore --train train.csv:train.told.xz,more.csv:more.told.xz
    python runs/backstory_verdict.py fit --train ... --dev dev.csv:dev.told.xz --out models/verdict

``make`` joins claims about one person to backstories, and the same with one claim replaced by its false twin.
``prepare`` takes the claims out of the rows as the pipeline does and retrieves each one's passages from its own novel
and from a wrong one (no torch). ``compare`` asks the claim reader. ``explore`` compares ways to join the claims, by
cross-validation on the training rows alone. ``fit`` fits the chosen way on the training rows, whose novels the claim
reader must not have been trained on, and reports the dev rows, which choose nothing. Tables have the columns of
``run_dataset.py`` and ``pair``.
"""

import argparse
import csv
import json
import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

SPARE = Path("novels/The Unlit Hour.txt")


def make(arguments: argparse.Namespace) -> None:
    """Write backstories of 3 to 5 claims about one person, each with its false twin; a seeded draw, claims once."""
    with open(arguments.details, encoding="utf-8", newline="") as file:
        details = {line["id"]: line for line in csv.DictReader(file)}
    people: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    with open(arguments.claims, encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["char"] and (arguments.unseen is None or line["book_name"] in arguments.unseen):
                people[line["book_name"], line["char"]][details[line["id"]]["pair"]][line["label"]] = line
    chance, rows = np.random.default_rng(arguments.seed), []
    for (book, char), pairs in sorted(people.items()):
        whole = [pair for _, pair in sorted(pairs.items()) if len(pair) == 2]
        for group in _groups([whole[place] for place in chance.permutation(len(whole))], chance):
            group.sort(key=lambda pair: int(details[pair["consistent"]["id"]]["source_chapters"].split()[0].strip(",")))
            broken = int(chance.integers(len(group)))
            for label in ("consistent", "contradict"):
                kinds = [
                    "contradict" if (label, place) == ("contradict", broken) else "consistent"
                    for place in range(len(group))
                ]
                text = " ".join(pair[kind]["content"].strip() for pair, kind in zip(group, kinds, strict=True))
                pair_id = f"made-{len(rows) // 2}"
                rows.append([f"{pair_id}-{label}", book, char, text, label, pair_id])
    with open(arguments.out, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "book_name", "char", "content", "label", "pair"])
        table.writerows(rows)


def _groups(pairs: list[Any], chance: np.random.Generator) -> Iterator[list[Any]]:
    start = 0
    while len(pairs) - start >= 3:
        size = min(int(chance.integers(3, 6)), len(pairs) - start)
        yield pairs[start : start + size]
        start += size


def prepare(arguments: argparse.Namespace) -> None:
    """Write one JSON line a claim: the rows that state it, and its case before right, no and wrong evidence."""
    from pipeline.claim_table import make_cases, plan_books
    from pipeline.dataset import Row, read_table, row_text
    from pipeline.run import Pipeline
    from pipeline.scoring.background import Background

    rows = read_table(arguments.table, labelled="optional")
    if arguments.unseen is not None:
        rows = tuple(row for row in rows if row.book_name in arguments.unseen)
    pipeline, background = Pipeline(cache_dir=arguments.cache_dir), Background.load(arguments.background)
    plans = plan_books(rows, arguments.novels, seed=0, spare=SPARE)
    with lzma.open(arguments.out, "wt", encoding="utf-8", preset=2) as out, tqdm(total=len(plans), unit="book") as bar:
        for plan in plans:
            stated: dict[tuple[str, str], list[str]] = defaultdict(list)
            for row in plan.rows:
                for claim in pipeline.extract(row_text(row), row.char):
                    stated[row.char, claim.text].append(row.id)
            right = pipeline.open_book(plan.novel)
            wrong = pipeline.open_book(plan.wrong) if plan.wrong and not arguments.right_only else None
            claims = [Row("-", right.novel.name, char, "", text, None, None) for char, text in stated]
            cases = make_cases(pipeline, claims, right, wrong, background=background)
            for ids, (_, kinds) in zip(stated.values(), cases, strict=True):
                found = {kind: asdict(case) for kind, case in kinds.items()}
                line = {"rows": ids, "book": right.novel.name, "cases": found}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
            bar.update()


def _lines(path: str | Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def compare(arguments: argparse.Namespace) -> None:
    """Write the lines of ``prepare`` with what the claim reader says before each kind of evidence."""
    from pipeline.config import ReadingConfig
    from pipeline.reading.encoder import choose_machine, set_threads
    from pipeline.scoring.reader import ReaderQuestion, TrainedReader

    set_threads(arguments.threads)
    device, dtype = choose_machine(ReadingConfig(device=arguments.device, dtype=arguments.dtype))
    comparer = TrainedReader.load(arguments.model, device=device, dtype=dtype)
    lines = list(_lines(arguments.cases))
    asked = [(line, kind) for line in lines for kind in line["cases"]]
    questions = [
        ReaderQuestion(line["cases"][kind]["text"], tuple(line["cases"][kind]["sentences"])) for line, kind in asked
    ]
    with tqdm(total=len(questions), unit="question") as bar:
        told = comparer.compare(questions, on_progress=bar.update)
    for (line, kind), one in zip(asked, told, strict=True):
        line.setdefault("told", {})[kind] = asdict(one)
    with lzma.open(arguments.out, "wt", encoding="utf-8", preset=2) as out:
        for line in lines:
            for case in line["cases"].values():
                case["sentences"] = []
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


def _unseen(argument: str) -> frozenset[str]:
    """Return the titles in a file, one a line."""
    return frozenset(Path(argument).read_text(encoding="utf-8").split("\n")) - {""}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("make")
    step.add_argument("--claims", type=Path, required=True)
    step.add_argument("--details", type=Path, required=True)
    step.add_argument("--unseen", type=_unseen, help="file of titles: only these novels")
    step.add_argument("--seed", type=int, default=0)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=make)
    step = steps.add_parser("prepare")
    step.add_argument("--table", type=Path, required=True)
    step.add_argument("--novels", type=Path, required=True)
    step.add_argument("--unseen", type=_unseen, help="file of titles: only these novels")
    step.add_argument("--right_only", action="store_true", help="without the wrong novel, which only figures need")
    step.add_argument("--background", type=Path, default=Path("models/verdict/background.npz"))
    step.add_argument("--cache_dir", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=prepare)
    step = steps.add_parser("compare")
    step.add_argument("--cases", type=Path, required=True)
    step.add_argument("--model", type=Path, default=Path("models/reader"))
    step.add_argument("--device", default="auto")
    step.add_argument("--dtype", default="auto")
    step.add_argument("--threads", type=int, default=0)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=compare)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
