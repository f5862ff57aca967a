"""Make models/verdict: features of claim pairs before their novels, then fitted models. Three steps, three machines.

    python runs/first_verdict.py prepare --claims D/claims.csv --novels D/novels --pairs_per_book 40 --out Q.jsonl.gz
    python runs/first_verdict.py measure --questions Q.jsonl.gz --model models/reader --out G.npz [--device cuda]
    python runs/first_verdict.py fit --train Q.jsonl.gz:G.npz --dev Q.jsonl.gz:G.npz --out models/verdict

``prepare`` splits the novels and retrieves each claim's passages by words (spaCy, BM25; no torch). ``measure`` asks the
reader how much each passage helps (torch only; a GPU takes a minute for 10,000 claims). ``fit`` fits on the training
claims, grouped by book, and reports the dev claims beside their baselines.
"""

import argparse
import csv
import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TOP = 10


def prepare(arguments: argparse.Namespace) -> None:
    """Write one JSON line a book: its passages (sentences), and its claims with the passages retrieved for each."""
    from tqdm import tqdm

    from pipeline.config import ChunkConfig
    from pipeline.retrieval import LexicalIndex
    from pipeline.text.chunking import make_chunks
    from pipeline.text.novels import load_novel
    from pipeline.text.sentences import load_nlp, split_sentences

    nlp = load_nlp(None)
    with gzip.open(arguments.out, "wt", encoding="utf-8") as out:
        for book, rows in tqdm(list(_claims_by_book(arguments).items()), unit="book"):
            novel = load_novel(Path(arguments.novels) / f"{book}.txt")
            chunks = make_chunks(novel, split_sentences(novel, nlp), ChunkConfig())
            passages = [[novel.text[start:end] for start, end in chunk.sentences] for chunk in chunks]
            index = LexicalIndex([novel.text[chunk.start : chunk.end] for chunk in chunks])
            for row in rows:
                order = np.argsort(-index.scores(row["content"]), kind="stable")[:TOP]
                row["passages"] = [int(number) for number in order]
                weights = {stem: round(index.weight(stem), 4) for stem in index.stems(row["content"])}
                row["weights"] = weights
            out.write(json.dumps({"book": book, "passages": passages, "claims": rows}) + "\n")


def _claims_by_book(arguments: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Return the claims of each book; twins share id // 2. A seeded draw keeps ``pairs_per_book`` pairs."""
    with open(arguments.claims, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    books: dict[str, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        kept = {"id": row["id"], "char": row["char"], "content": row["content"], "label": row["label"]}
        books[row["book_name"]][int(row["id"]) // 2].append(kept)
    chance = np.random.default_rng(0)
    chosen = {}
    for book, pairs in sorted(books.items()):
        names = sorted(pairs)
        if arguments.pairs_per_book and len(names) > arguments.pairs_per_book:
            names = sorted(chance.choice(names, arguments.pairs_per_book, replace=False).tolist())
        chosen[book] = [{**row, "pair": name} for name in names for row in pairs[name]]
    return chosen


def _books(path: str) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def measure(arguments: argparse.Namespace) -> None:
    """Write an array (claims, TOP, 3): nats alone, nats given the passage, gain of the worst fifth of the tokens."""
    import torch

    import bdh
    from pipeline.scoring.surprise import Question, measure_gains

    device = torch.device("cuda" if arguments.device == "cuda" else "cpu")
    model, tokenizer = bdh.load(arguments.model, device=device, dtype=torch.bfloat16)
    rows = []
    for number, book in enumerate(_books(arguments.questions)):
        texts = [" ".join(sentences) for sentences in book["passages"]]
        questions = [Question(c["content"], tuple(texts[p] for p in c["passages"])) for c in book["claims"]]
        for gains in measure_gains(model, tokenizer, questions):
            row = np.zeros((TOP, 3), np.float32)
            for place, gain in enumerate(gains):
                row[place] = (gain.alone, gain.given, gain.worst)
            rows.append(row)
        print(number, book["book"], len(rows), file=sys.stderr, flush=True)
    np.savez_compressed(arguments.out, gains=np.stack(rows))


@dataclass(frozen=True)
class Measured:
    """Labelled claims of some books with their features: as a whole, and before their first passage alone."""

    rows: list[dict[str, float]]
    first: list[dict[str, float]]
    labels: list[int]
    pairs: list[int]
    books: list[str]
    texts: list[str]


def _measured(argument: str) -> Measured:
    questions, gains = argument.split(":")
    array = np.load(gains)["gains"]
    found = Measured([], [], [], [], [], [])
    place = 0
    for book in _books(questions):
        for claim in book["claims"]:
            _add(found, book, claim, array[place])
            place += 1
    return found


def _add(found: Measured, book: dict[str, Any], claim: dict[str, Any], gains: Any) -> None:
    from pipeline.retrieval import stems
    from pipeline.scoring.features import Passage, SurpriseGain, claim_features, pair_features

    passages = [Passage(tuple(book["passages"][number])) for number in claim["passages"]]
    measured = gains[: len(passages)]
    best = int(np.argmax(measured[:, 0] - measured[:, 1]))
    weight = lambda stem: claim["weights"].get(stem, 0.0)  # noqa: E731
    words = {"weight": weight, "stems": stems}
    whole = SurpriseGain(float(measured[best, 0]), float(measured[best, 1]))
    first = SurpriseGain(float(measured[0, 0]), float(measured[0, 1]))
    row = claim_features(claim["content"], passages, whole, distances=[1.0] * len(passages), **words)
    alone = pair_features(claim["content"], passages[0], first, distance=1.0, **words)
    row["gain_worst"], alone["gain_worst"] = float(measured[best, 2]), float(measured[0, 2])
    del row["distance"], alone["distance"]
    found.rows.append(row)
    found.first.append(alone)
    found.labels.append(int(claim["label"] == "consistent"))
    found.pairs.append(claim["pair"])
    found.books.append(book["book"])
    found.texts.append(claim["content"])


def fit(arguments: argparse.Namespace) -> None:
    """Fit claim, pair and backstory models on the training claims; write them and the figures on the dev claims."""
    from pipeline.scoring.fitting import fit_logistic

    train, dev = _measured(arguments.train), _measured(arguments.dev)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    claim_model = fit_logistic(train.rows, train.labels, groups=train.books, seed=0)
    pair_model = fit_logistic(train.first, train.labels, groups=train.books, seed=0)
    chances = _out_of_fold(train)
    rows, labels, books = _backstories(train, chances, claim_model.threshold)
    backstory_model = fit_logistic(rows, labels, groups=books, aim="balanced_accuracy", seed=0)
    for name, model in (("claim", claim_model), ("pair", pair_model), ("backstory", backstory_model)):
        model.save(out / f"{name}.json")
    figures = _figures(train, dev, claim_model, backstory_model)
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


def _out_of_fold(train: Measured) -> list[float]:
    """Return each training claim's probability from a model that never saw its book."""
    from sklearn.model_selection import GroupKFold

    from pipeline.scoring.fitting import fit_logistic

    chances = [0.0] * len(train.rows)
    for inside, outside in GroupKFold(5).split(train.rows, groups=train.books):
        rows, labels = [train.rows[i] for i in inside], [train.labels[i] for i in inside]
        model = fit_logistic(rows, labels, groups=[train.books[i] for i in inside], seed=0)
        for index, chance in zip(outside, model.probabilities([train.rows[i] for i in outside]), strict=True):
            chances[index] = float(chance)
    return chances


def _backstories(
    data: Measured, chances: list[float], threshold: float
) -> tuple[list[dict[str, float]], list[int], list[str]]:
    """Return backstories made of 3 to 5 true claims of a book, and the same with one replaced by its false twin."""
    from pipeline.scoring.judge import describe_claims
    from pipeline.scoring.verdict import DecisionRule, label_claim

    twins: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
    for index, (book, pair, label) in enumerate(zip(data.books, data.pairs, data.labels, strict=True)):
        twins[book, pair][label] = index
    by_book: dict[str, list[dict[int, int]]] = defaultdict(list)
    for (book, _), pair_of in twins.items():
        by_book[book].append(pair_of)
    chance = np.random.default_rng(0)
    rule = DecisionRule()
    rows, labels, books = [], [], []
    for book, pairs in by_book.items():
        for start in range(0, len(pairs) - 5, 4):
            group = pairs[start : start + int(chance.integers(3, 6))]
            broken = int(chance.integers(len(group)))
            for label in (1, 0):
                chosen = [twin[0 if label == 0 and place == broken else 1] for place, twin in enumerate(group)]
                features = [{**data.rows[index], "distance": 1.0} for index in chosen]
                probabilities = [chances[index] for index in chosen]
                named = [
                    label_claim(p, f["coverage_union"], threshold=threshold, rule=rule)
                    for p, f in zip(probabilities, features, strict=True)
                ]
                row = describe_claims(probabilities, named, features)
                rows.append({name: value for name, value in row.items() if name != "mean_distance"})
                labels.append(label)
                books.append(book)
    return rows, labels, books


def _figures(train: Measured, dev: Measured, claim_model: Any, backstory_model: Any) -> dict[str, Any]:
    """Return the figures on the dev claims: ours, its parts, and baselines, each fitted on the training claims."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from pipeline.scoring.evaluation import pair_metrics
    from pipeline.scoring.features import LEXICAL_FEATURES
    from pipeline.scoring.fitting import fit_logistic

    def score(chances: Any, threshold: float) -> dict[str, Any]:
        return pair_metrics(chances, dev.labels, dev.pairs, books=dev.books, threshold=threshold, seed=0).to_dict()

    def part(names: tuple[str, ...]) -> dict[str, Any]:
        inside = [{name: row[name] for name in names} for row in train.rows]
        model = fit_logistic(inside, train.labels, groups=train.books, seed=0)
        return score(model.probabilities([{name: row[name] for name in names} for row in dev.rows]), model.threshold)

    words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression())
    words.fit(train.texts, train.labels)
    gains = ("gain", "gain_ratio", "gain_worst")
    chances = [float(chance) for chance in claim_model.probabilities(dev.rows)]
    rows, labels, books = _backstories(dev, chances, claim_model.threshold)
    told = backstory_model.probabilities(rows)
    pairs = [place // 2 for place in range(len(rows))]
    made = pair_metrics(told, labels, pairs, books=books, threshold=backstory_model.threshold, seed=0).to_dict()
    return {
        "train_claims": len(train.labels),
        "majority_accuracy": 0.5,
        "ours": score(chances, claim_model.threshold),
        "reader_gain_only": part(gains),
        "lexical_only": part(tuple(name for name in train.rows[0] if name not in gains)),
        "coverage_only": part(LEXICAL_FEATURES),
        "claim_only": score(words.predict_proba(dev.texts)[:, 1], 0.5),
        "backstories_of_3_to_5_claims": made,
    }


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("prepare")
    step.add_argument("--claims", required=True)
    step.add_argument("--novels", required=True)
    step.add_argument("--pairs_per_book", type=int, default=0)
    step.add_argument("--out", required=True)
    step.set_defaults(run=prepare)
    step = steps.add_parser("measure")
    step.add_argument("--questions", required=True)
    step.add_argument("--model", required=True)
    step.add_argument("--device", default="cpu")
    step.add_argument("--out", required=True)
    step.set_defaults(run=measure)
    step = steps.add_parser("fit")
    step.add_argument("--train", required=True, help="QUESTIONS:GAINS")
    step.add_argument("--dev", required=True, help="QUESTIONS:GAINS")
    step.add_argument("--out", required=True)
    step.set_defaults(run=fit)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
