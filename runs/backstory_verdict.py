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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

SPARE = Path("novels/The Unlit Hour.txt")
COMBINED = (
    ["soft 2", "silence"],
    ["soft 2", "silence", "claims"],
    ["soft 2", "mean"],
    ["mean", "min"],
    ["mean", "min", "silence"],
    ["mean", "min less others"],
)
Scene = dict[str, tuple[Any, Any]]
ClaimOdds = Callable[[Any, Any], tuple[float, Any]]


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
    from pipeline.evaluation.claim_benchmark import make_cases, plan_books
    from pipeline.judging.expected_overlap import Background
    from pipeline.run import Pipeline
    from pipeline.tables.rows import Row, read_table, row_text

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
    from pipeline.device import choose_machine, set_threads
    from pipeline.judging.verifier import ReaderQuestion, TrainedReader

    set_threads(arguments.threads)
    device, dtype = choose_machine(arguments.device, arguments.dtype)
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


class Backstories:
    """Labelled backstories with their claims before each kind of evidence; ``FILES`` are TABLE:TOLD, several by commas.

    Rows whose claims are not in TOLD (novels that were left out) are left out here, too.
    """

    def __init__(self, files: str) -> None:
        from pipeline.judging.claim_features import ClaimCase
        from pipeline.judging.verifier import Comparison
        from pipeline.tables.rows import read_table, row_text

        self.labels: list[int] = []
        self.books: list[str] = []
        self.pairs: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.claims: list[list[Scene]] = []
        for table, told in (item.split(":") for item in files.split(",")):
            stated: dict[str, list[Scene]] = defaultdict(list)
            for line in _lines(told):
                scene = {kind: (ClaimCase(**case), Comparison(**line["told"][kind])) for kind, case in _cases(line)}
                for row in line["rows"]:
                    stated[row].append(scene)
            for row in read_table(table, labelled="required"):
                if row.id in stated:
                    self.labels.append(int(row.label == "consistent"))
                    self.books.append(row.book_name)
                    self.pairs.append((table, row.pair))
                    self.texts.append(row_text(row))
                    self.claims.append(stated[row.id])

    @property
    def twins(self) -> Any:
        """The places of the true and the false twins, as two arrays."""
        from pipeline.evaluation.pairs import find_twins

        return find_twins(np.array(self.labels), self.pairs, self.books)

    def described(self, odds: ClaimOdds, kind: str) -> list[dict[str, float]]:
        """Return the features of every backstory from ``odds``, the log-odds and silence of a claim."""
        from pipeline.judging.verdict import BACKSTORY_FEATURES, backstory_features

        rows = []
        for scenes in self.claims:
            told = [odds(*scene[kind]) for scene in scenes]
            found = backstory_features([chance for chance, _ in told], [label for _, label in told])
            rows.append({name: found[name] for name in BACKSTORY_FEATURES})
        return rows


def _cases(line: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from line["cases"].items()


def claim_ways(models: Path) -> dict[str, ClaimOdds]:
    """Return what claims may be judged by: the ensemble, words alone, the reader alone; probability and label each."""
    from pipeline.evaluation.baselines import ClaimModels
    from pipeline.judging.claim_features import claim_row, reader_row
    from pipeline.judging.verdict import DecisionRule, label_claim

    fitted, rule = ClaimModels.load(models), DecisionRule()

    def by(model: Any, row: Any) -> ClaimOdds:
        def judge(case: Any, told: Any) -> tuple[float, Any]:
            chance = model.probability(row(case, told))
            return chance, label_claim(chance, told.stated, threshold=model.threshold, rule=rule)

        return judge

    return {
        "ensemble": by(fitted.ensemble, claim_row),
        "words": by(fitted.lexical, lambda case, told: case.lexical),
        "reader": by(fitted.readers["right"], lambda case, told: reader_row(told)),
    }


def explore(arguments: argparse.Namespace) -> None:
    """Print what ways to join claims are worth, by cross-validation over books on the training rows."""
    from pipeline.evaluation.cross_validation import cross_validate
    from pipeline.judging.verdict import soft_min

    train = Backstories(arguments.train)
    judge = claim_ways(arguments.models)["ensemble"]
    described = []
    for scenes in train.claims:
        told = [judge(*scene["right"]) for scene in scenes]
        odds = [float(np.log(chance / (1 - chance))) for chance, _ in told]
        softened = {f"soft {s:g}": soft_min(odds, sharpness=s) for s in (0.5, 1, 2, 3, 5, 8)}
        silence = sum(label == "not_stated" for _, label in told) / len(told)
        others = {"sum": sum(odds), "mean": float(np.mean(odds)), "min": min(odds), "claims": float(len(odds))}
        others["min less others"] = min(odds) - (sum(odds) - min(odds)) / max(len(odds) - 1, 1)
        described.append({**softened, **others, "silence": silence})
    print(f"{len(described)} backstories, {len(set(train.books))} books; log loss, AUC, accuracy, true twin first")
    true, false = train.twins
    for names in (*([name] for name in described[0]), *COMBINED):
        rows = [{name: row[name] for name in names} for row in described]
        held = cross_validate(
            rows, train.labels, groups=train.books, folds=8, repeats=3, aim="balanced_accuracy", seed=0
        )
        chances = held.probabilities
        first = ((chances[true] > chances[false]) + (chances[true] == chances[false]) / 2).mean()
        shown = "  ".join(f"{held.figures[name].value:.4f}" for name in ("log_loss", "auc", "accuracy"))
        print(f"{' + '.join(names):<28}{shown}  {first:.4f}")


def fit(arguments: argparse.Namespace) -> None:
    """Fit on the training rows, write the model, and the figures on the dev rows."""
    from pipeline.evaluation.claim_only import ClaimOnlyModel
    from pipeline.evaluation.compare import compare_systems
    from pipeline.evaluation.fitting import fit_logistic, group_codes
    from pipeline.evaluation.metrics import Scored

    train, dev, out = Backstories(arguments.train), Backstories(arguments.dev), arguments.out
    ways = claim_ways(arguments.models or out)
    labels = np.array(dev.labels)
    systems: dict[str, Scored] = {}

    def answer(name: str, chances: Any, threshold: float) -> None:
        chances = np.asarray(chances, dtype=np.float64)[None]
        systems[name] = Scored(chances, chances >= threshold, labels)

    models = {
        name: fit_logistic(
            train.described(way, "right"), train.labels, groups=train.books, aim="balanced_accuracy", seed=0
        )
        for name, way in ways.items()
    }
    for name, kind in (("ensemble", "right"), ("no_evidence", "none"), ("wrong_novel", "wrong")):
        model = models["ensemble"]
        answer(name, model.probabilities(dev.described(ways["ensemble"], kind)), model.threshold)
    for name in ("words", "reader"):
        answer(name, models[name].probabilities(dev.described(ways[name], "right")), models[name].threshold)
    words_only = ClaimOnlyModel.load((arguments.models or out) / "claim_only.json")
    answer("claim_only", words_only.probabilities(dev.texts), words_only.threshold)
    share = float(np.mean(train.labels))
    answer("base_rate", np.full(len(labels), share), 0.5)
    compared = compare_systems(systems, groups=group_codes(dev.books), twins=dev.twins, seed=0)
    figures = {
        "train_backstories": len(train.labels),
        "backstories": len(labels),
        "books": len(set(dev.books)),
        "pairs": len(dev.twins[0]),
        "interval": "95 %, bootstrap over books",
        "systems": {name: one.to_dict() for name, one in compared.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    models["ensemble"].save(out / "backstory.json")
    (out / "backstory_figures.json").write_text(json.dumps(_defined(figures), indent=1) + "\n", encoding="utf-8")
    print(f"fitted on {len(train.labels)}, measured on {len(labels)} backstories about {len(set(dev.books))} novels")
    for name, one in compared.items():
        cells = "  ".join(f"{key} {f.value:.3f} [{f.low:.3f}, {f.high:.3f}]" for key, f in one.figures.items())
        print(f"{name:<14}{cells}")
    for name, one in compared.items():
        cells = "  ".join(f"{key} {f.value:+.3f} [{f.low:+.3f}, {f.high:+.3f}]" for key, f in one.lacks.items())
        print(f"ensemble - {name:<14}{cells}" if one.lacks else "")


def _defined(value: Any) -> Any:
    """Return the figures with every number rounded to six decimals."""
    if isinstance(value, dict):
        return {key: _defined(own) for key, own in value.items()}
    return round(value, 6) if isinstance(value, float) else value


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
    step = steps.add_parser("explore")
    step.add_argument("--train", required=True, help="TABLE:TOLD about novels that the reader never saw")
    step.add_argument("--models", type=Path, default=Path("models/verdict"), help="the claim models")
    step.set_defaults(run=explore)
    step = steps.add_parser("fit")
    step.add_argument("--train", required=True, help="TABLE:TOLD about novels that the reader never saw")
    step.add_argument("--dev", required=True, help="TABLE:TOLD")
    step.add_argument("--models", type=Path, help="the claim models; else those in --out")
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=fit)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
