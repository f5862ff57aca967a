"""Make the models that judge single claims (models/verdict/claim*.json). Three steps, which may run on three machines.

    python runs/claim_verdict.py prepare --claims T/claims.csv --details T/claims-details.csv --novels T/novels \\
        --background models/verdict/background.npz --out train.jsonl.xz [--part 1/2]
    python runs/claim_verdict.py compare --cases train.jsonl.xz --model models/reader --out train.npz [--device cuda]
    python runs/claim_verdict.py fit --train train.jsonl.xz:train.npz --dev dev.jsonl.xz:dev.npz --out models/verdict

``prepare`` retrieves each claim's passages from its own novel and from a wrong one, chooses the sentences to be read
and measures the lexical features (spaCy, BM25; no torch). ``compare`` asks the reader before right, no and wrong
evidence. ``fit`` fits on the training claims, grouped by book, and reports the dev claims, which choose nothing.
Several files of one step, such as parts, are joined by commas. Pairs stand in the claims' column ``pair``, or in the
columns id and pair of ``--details``.
"""

import argparse
import csv
import json
import lzma
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

KINDS = ("right", "none", "wrong")
LEXICAL = "lexical"
LABELS = ("supported", "contradicted", "not_stated")


def prepare(arguments: argparse.Namespace) -> None:
    """Write one JSON line a claim: its row, and its case before right and wrong evidence."""
    from pipeline.evaluation.claim_benchmark import make_cases, plan_books
    from pipeline.judging.expected_overlap import Background
    from pipeline.run import Pipeline

    rows = _rows(arguments)
    part, parts = map(int, arguments.part.split("/"))
    plans = plan_books(rows, arguments.novels, seed=0, spare=Path("novels/The Unlit Hour.txt"))[part - 1 :: parts]
    pipeline, background = Pipeline(cache_dir=arguments.cache_dir), Background.load(arguments.background)
    with lzma.open(arguments.out, "wt", encoding="utf-8", preset=2) as out, tqdm(total=len(plans), unit="book") as bar:
        for plan in plans:
            right = pipeline.open_book(plan.novel)
            wrong = None if plan.wrong is None else pipeline.open_book(plan.wrong)
            cases = make_cases(pipeline, plan.rows, right, wrong, background=background)
            for row, (_, kinds) in zip(plan.rows, cases, strict=True):
                about = {"id": row.id, "book": right.novel.name, "pair": row.pair, "label": row.label}
                found = {kind: asdict(case) for kind, case in kinds.items()}
                out.write(json.dumps({**about, "cases": found}, ensure_ascii=False) + "\n")
            bar.update()


def _rows(arguments: argparse.Namespace) -> list[Any]:
    """Return the labelled rows, each with its pair; a seeded draw keeps at most ``pairs_per_book`` pairs of a book."""
    from pipeline.tables.rows import read_table

    rows = list(read_table(arguments.claims, labelled="required"))
    if arguments.details:
        with open(arguments.details, encoding="utf-8", newline="") as file:
            pairs = {line["id"]: line["pair"] for line in csv.DictReader(file)}
        rows = [replace(row, pair=pairs[row.id]) for row in rows]
    if not arguments.pairs_per_book:
        return rows
    books: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.pair not in books[row.book_name]:
            books[row.book_name].append(row.pair)
    chance = np.random.default_rng(0)
    kept = set()
    for book, names in sorted(books.items()):
        drawn = chance.permutation(len(names))[: arguments.pairs_per_book]
        kept |= {(book, names[place]) for place in drawn}
    return [row for row in rows if (row.book_name, row.pair) in kept]


def _lines(paths: str) -> Iterator[dict[str, Any]]:
    for path in paths.split(","):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            yield from map(json.loads, file)


def compare(arguments: argparse.Namespace) -> None:
    """Write what the reader says of each claim before each kind of evidence."""
    from pipeline.device import choose_machine
    from pipeline.judging.verifier import ReaderQuestion, TrainedReader

    device, dtype = choose_machine(arguments.device, arguments.dtype)
    comparer = TrainedReader.load(arguments.model, device=device, dtype=dtype)
    questions = [
        ReaderQuestion(line["cases"][kind]["text"], tuple(line["cases"][kind]["sentences"]))
        for line in _lines(arguments.cases)
        for kind in KINDS
    ]
    with tqdm(total=len(questions), unit="question") as bar:
        comparisons = comparer.compare(questions, on_progress=bar.update)
    write_comparisons(arguments.out, comparisons)


def write_comparisons(path: Path, comparisons: Sequence[Any]) -> None:
    """Write comparisons, right, none and wrong of each claim in turn, as arrays of (claims, kinds, ...)."""
    names = sorted(comparisons[0].features)
    np.savez_compressed(
        path,
        names=np.array(names),
        features=np.array([[each.features[name] for name in names] for each in comparisons]).reshape(-1, 3, len(names)),
        log_odds=np.array([each.log_odds for each in comparisons]).reshape(-1, 3),
        alone=np.array([each.alone for each in comparisons]).reshape(-1, 3),
        probabilities=np.array([[each.probabilities[x] for x in LABELS] for each in comparisons]).reshape(-1, 3, 3),
    )


class _Labelled:
    """Labelled claims with their books and pairs."""

    def __init__(self) -> None:
        self.labels: list[int] = []
        self.books: list[str] = []
        self.pairs: list[str] = []
        self.texts: list[str] = []

    def add(self, line: dict[str, Any]) -> None:
        """Take the row of a case."""
        self.labels.append(int(line["label"] == "consistent"))
        self.books.append(line["book"])
        self.pairs.append(line["pair"])
        self.texts.append(line["cases"]["right"]["text"])

    def twins(self) -> list[tuple[int, int]]:
        """Return the indices of the true and the false claim of each pair."""
        places: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        for place, (book, pair, label) in enumerate(zip(self.books, self.pairs, self.labels, strict=True)):
            places[book, pair][label] = place
        return [(both[1], both[0]) for both in places.values() if len(both) == 2]


class Words(_Labelled):
    """Labelled claims with their lexical features alone."""

    def __init__(self, argument: str) -> None:
        super().__init__()
        self.rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for line in _lines(argument.partition(":")[0]):
            self.add(line)
            for kind in KINDS:
                self.rows[kind].append(line["cases"][kind]["lexical"])


class Claims(_Labelled):
    """Labelled claims with their scenes, as the models see them."""

    def __init__(self, argument: str) -> None:
        from pipeline.judging.claim_features import ClaimCase, claim_row, reader_features, reader_row

        super().__init__()
        cases, _, compared = argument.partition(":")
        self.scenes: list[Any] = []
        for line, comparisons in zip(_lines(cases), _comparisons(compared), strict=True):
            self.add(line)
            found = {kind: ClaimCase(**line["cases"][kind]) for kind in KINDS}
            self.scenes.append({kind: (found[kind], comparisons[kind]) for kind in KINDS})
        self.rows = {kind: [claim_row(*scene[kind]) for scene in self.scenes] for kind in KINDS}
        self.words = {kind: [scene[kind][0].lexical for scene in self.scenes] for kind in KINDS}
        self.told = {kind: [reader_features(scene[kind][1]) for scene in self.scenes] for kind in KINDS}
        self.odds = {kind: [reader_row(scene[kind][1]) for scene in self.scenes] for kind in KINDS}


def _wording(models: Any, claims: Claims) -> dict[str, float]:
    """Return the correlation within labels of the claims' score with what their wording alone makes of them."""
    score = models.ensemble.log_odds(claims.rows["right"])
    alone = np.array([scene["right"][1].alone for scene in claims.scenes])
    only = np.log(1e-9 + models.claim_only.probabilities(claims.texts))
    labels = np.array(claims.labels)
    for values in (score, alone, only):
        for label in (0, 1):
            values[labels == label] -= values[labels == label].mean()
    return {name: float(np.corrcoef(score, ear)[0, 1]) for name, ear in (("alone", alone), ("claim_only", only))}


def _backstories(claims: Claims, model: Any) -> tuple[list[dict[str, float]], list[int], list[str]]:
    """Return backstories made of 3 to 5 true claims of a book, and the same with one replaced by its false twin."""
    from pipeline.judging.claim_model import describe_claims
    from pipeline.judging.verdict import BACKSTORY_FEATURES, DecisionRule, label_claim

    rule, chance = DecisionRule(), np.random.default_rng(0)
    chances = model.probabilities(claims.rows["right"])
    by_book: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for true, false in claims.twins():
        by_book[claims.books[true]].append((true, false))
    rows, labels, books = [], [], []
    for book, pairs in by_book.items():
        for start in range(0, len(pairs) - 5, 4):
            group = pairs[start : start + int(chance.integers(3, 6))]
            broken = int(chance.integers(len(group)))
            for label in (1, 0):
                chosen = [pair[1] if label == 0 and place == broken else pair[0] for place, pair in enumerate(group)]
                told = [claims.scenes[index]["right"][1] for index in chosen]
                named = [
                    label_claim(float(chances[index]), one.stated, threshold=model.threshold, rule=rule)
                    for index, one in zip(chosen, told, strict=True)
                ]
                probabilities = [float(chances[index]) for index in chosen]
                described = describe_claims(probabilities, named, [claims.rows["right"][index] for index in chosen])
                rows.append({name: described[name] for name in BACKSTORY_FEATURES})
                labels.append(label)
                books.append(book)
    return rows, labels, books


def fit_backstories(claims: Claims, model: Any) -> Any:
    """Return the model of backstories, fitted on such as are made of the claims; runs/backstory_verdict.py has more."""
    from pipeline.evaluation.fitting import fit_logistic

    rows, labels, books = _backstories(claims, model)
    return fit_logistic(rows, labels, groups=books, aim="balanced_accuracy", seed=0)


def _measure_backstories(claims: Claims, model: Any, backstory_model: Any) -> dict[str, Any]:
    from pipeline.evaluation.pairs import pair_metrics

    rows, labels, books = _backstories(claims, model)
    chances, pairs = backstory_model.probabilities(rows), [place // 2 for place in range(len(rows))]
    return pair_metrics(chances, labels, pairs, books=books, threshold=backstory_model.threshold, seed=0).to_dict()


def _comparisons(paths: str) -> Iterator[dict[str, Any]]:
    from pipeline.judging.verifier import Comparison

    for path in paths.split(","):
        with np.load(path) as file:
            names, arrays = [str(name) for name in file["names"]], {name: file[name] for name in file.files}
        for features, log_odds, alone, chances in zip(
            arrays["features"], arrays["log_odds"], arrays["alone"], arrays["probabilities"], strict=True
        ):
            yield {
                kind: Comparison(
                    dict(zip(LABELS, map(float, chances[place]), strict=True)),
                    float(log_odds[place]),
                    float(alone[place]),
                    dict(zip(names, map(float, features[place]), strict=True)),
                )
                for place, kind in enumerate(KINDS)
            }


def fit(arguments: argparse.Namespace) -> None:
    """Fit on the training claims, write the models, and the figures on the dev claims."""
    from pipeline.evaluation.baselines import READERS, ClaimModels
    from pipeline.evaluation.claim_metrics import claim_metrics
    from pipeline.evaluation.claim_only import fit_claim_only
    from pipeline.evaluation.fitting import fit_logistic
    from pipeline.judging.claim_features import WORDING

    train, out, wide = Claims(arguments.train), arguments.out, Words(arguments.words or arguments.train)
    share = arguments.twin_share
    lexical = _controlled(wide, wide.rows, share=arguments.words_twin_share, wording=None)

    def joined(kind: str) -> list[dict[str, float]]:
        odds = lexical.log_odds(train.words[kind])
        return [{LEXICAL: float(own), **told} for own, told in zip(odds, train.told[kind], strict=True)]

    both = {kind: joined(kind) for kind in KINDS}
    claim = _controlled(train, both, share=share, wording=WORDING, controls=("none",)).opened(LEXICAL, lexical)
    models: dict[str, Any] = {
        "claim": claim,
        "claim_lexical": lexical,
        "pair": _controlled(train, train.told, share=share, wording=WORDING, controls=("none",)),
        "backstory": fit_backstories(train, claim),
    }
    for kind, name in READERS.items():
        models[f"claim_{name}"] = fit_logistic(train.odds[kind], train.labels, groups=train.books)
    words = fit_claim_only(wide.texts, wide.labels, groups=wide.books, most_terms=arguments.most_terms, seed=0)
    out.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        model.save(out / f"{name}.json")
    text = json.dumps(words.to_dict(), ensure_ascii=False, separators=(",", ":"))
    (out / "claim_only.json").write_text(text + "\n", encoding="utf-8")
    dev, fitted = Claims(arguments.dev), ClaimModels.load(out)
    answers = fitted.answer(dev.scenes)
    measured = claim_metrics(answers, dev.labels, books=dev.books, pairs=dev.pairs, seed=0).to_dict()
    figures: dict[str, Any] = {
        **measured,
        "train_claims": len(train.labels),
        "lexical_claims": len(wide.labels),
        "twin_share": share,
        "claim_only_pruning": _pruning(wide, dev, words, seed=0),
        "correlation_with_wording_within_labels": _wording(fitted, dev),
        "backstories_of_3_to_5_claims": _measure_backstories(dev, models["claim"], models["backstory"]),
        "calibration": _calibration(answers["ensemble"].probabilities, np.array(dev.labels)),
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    _show(measured)


def _calibration(chances: Any, labels: Any, *, bins: int = 10) -> list[dict[str, float]]:
    """Return bins of equal mass: the mean probability, the share that is consistent, and how many they are."""
    groups = np.array_split(np.argsort(chances, kind="stable"), bins)
    return [
        {"predicted": float(chances[own].mean()), "observed": float(labels[own].mean()), "count": len(own)}
        for own in groups
    ]


def _controlled(
    claims: _Labelled, rows: dict[str, Any], *, share: float, wording: str | None, controls: Sequence[str] = KINDS[1:]
) -> Any:
    from pipeline.evaluation.debias import fit_controlled

    return fit_controlled(
        rows["right"],
        claims.labels,
        controls=[rows[kind] for kind in controls],
        groups=claims.books,
        twins=claims.twins(),
        twin_share=share,
        wording=wording,
    )


def _pruning(train: _Labelled, dev: Claims, pruned: Any, *, seed: int) -> dict[str, float]:
    """Return how many terms were kept, and the dev AUC of the claim-only baseline with them and with all."""
    from sklearn.metrics import roc_auc_score

    from pipeline.evaluation.claim_only import fit_claim_only

    whole = fit_claim_only(train.texts, train.labels, groups=train.books, most_terms=10**9, seed=seed)
    kept, all_ = (float(roc_auc_score(dev.labels, model.probabilities(dev.texts))) for model in (pruned, whole))
    return {"terms": len(pruned.terms), "all_terms": len(whole.terms), "auc": kept, "auc_with_all_terms": all_}


def _show(metrics: dict[str, Any]) -> None:
    for group in ("figures", "differences"):
        for system, figures in metrics[group].items():
            cells = "  ".join(
                f"{name} {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for name, one in figures.items()
            )
            print(f"{system:<34}{cells}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("prepare")
    step.add_argument("--claims", type=Path, required=True)
    step.add_argument("--details", type=Path)
    step.add_argument("--novels", type=Path, required=True)
    step.add_argument("--background", type=Path, default=Path("models/verdict/background.npz"))
    step.add_argument("--pairs_per_book", type=int, default=0, help="0: all")
    step.add_argument("--part", default="1/1", help="which part of the books, of how many")
    step.add_argument("--cache_dir", type=Path)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=prepare)
    step = steps.add_parser("compare")
    step.add_argument("--cases", required=True)
    step.add_argument("--model", type=Path, default=Path("models/reader"))
    step.add_argument("--device", default="auto")
    step.add_argument("--dtype", default="auto")
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=compare)
    step = steps.add_parser("fit")
    step.add_argument("--train", required=True, help="CASES:COMPARISONS about novels that the reader never saw")
    step.add_argument("--words", help="more CASES, for what is fitted on words alone; else those of --train")
    step.add_argument("--dev", required=True, help="CASES:COMPARISONS")
    step.add_argument(
        "--twin_share", type=float, default=0.5, help="weight of telling twins apart against telling single claims"
    )
    step.add_argument("--words_twin_share", type=float, default=0.5, help="the same for the lexical model")
    step.add_argument("--most_terms", type=int, default=20_000, help="terms of the claim-only baseline")
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=fit)
    arguments = parser.parse_args(argv)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
