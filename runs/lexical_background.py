"""Make models/verdict/background.npz (expected overlap), and measure lexical surplus. Two steps of a few minutes.

    python runs/lexical_background.py build --claims T/claims.csv --novels T/novels --out models/verdict/background.npz
    python runs/lexical_background.py evaluate --train T --dev D --background models/verdict/background.npz

``build`` retrieves passages for claims from novels that they are not about and stores the mean signals of each word
stem; it reads no label. ``evaluate`` fits on the claims of T/claims.csv, by cross-validation over its books, and
reports them and the claims of D, each given the right novel and given a wrong one (not one that ``build`` used).
"""

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from pipeline.config import ChunkConfig
from pipeline.evaluation.baselines import SystemOutput
from pipeline.evaluation.compare import claim_metrics
from pipeline.evaluation.expected_overlap import ExpectedOverlap, rarity
from pipeline.evaluation.fitting import fit_logistic
from pipeline.evaluation.lexical import SIGNALS, claim_words, lexical_features, word_signals
from pipeline.evaluation.metrics import figures_dict
from pipeline.judging.passage import Passage
from pipeline.language.stems import stems
from pipeline.retrieval.index import LexicalIndex
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences

TOP = 10
BUILD_STEPS, TEST_STEP = (7, 19), 1
"""Offset of the wrong novel in the list of books: for building, and for testing."""
EDGES = (1e-9, 2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 0.015, 0.03, 0.06, 0.12, 0.25)
PRIOR_WEIGHT = 20
COMMON = 2e-4


@dataclass(frozen=True)
class Book:
    """A novel with its passages, its index, and claims about it."""

    name: str
    passages: list[Passage]
    index: LexicalIndex
    claims: list[dict[str, str]]

    def evidence(self, text: str) -> list[Passage]:
        """Return the passages for a claim, best first."""
        order = np.argsort(-self.index.scores(text), kind="stable")[:TOP]
        return [self.passages[int(number)] for number in order]


def load_books(claims: Path, novels: Path, *, books: int, pairs_per_book: int) -> list[Book]:
    """Return the books with most claims, by name, each with at most ``pairs_per_book`` pairs, drawn with a seed."""
    by_book: dict[str, dict[int, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    with claims.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_book[row["book_name"]][int(row["id"]) // 2].append(row)
    chosen = sorted(sorted(by_book, key=lambda name: -len(by_book[name]))[:books])
    nlp, rng = load_nlp(None), np.random.default_rng(0)
    found = []
    for name in tqdm(chosen, unit="novel"):
        pairs = sorted(by_book[name])
        if len(pairs) > pairs_per_book:
            pairs = sorted(rng.choice(pairs, pairs_per_book, replace=False).tolist())
        novel = load_novel(novels / f"{name}.txt")
        chunks = make_chunks(novel, split_sentences(novel, nlp), ChunkConfig())
        passages = [Passage(tuple(novel.text[start:end] for start, end in chunk.sentences)) for chunk in chunks]
        index = LexicalIndex([novel.text[chunk.start : chunk.end] for chunk in chunks])
        found.append(Book(name, passages, index, [row for pair in pairs for row in by_book[name][pair]]))
    return found


def build(arguments: argparse.Namespace) -> None:
    """Measure the expected overlap and write it."""
    books = load_books(arguments.claims, arguments.novels, books=arguments.books, pairs_per_book=arguments.pairs)
    frequencies = passage_frequencies(books)
    sums: dict[str, Any] = defaultdict(lambda: np.zeros(len(SIGNALS)))
    counts: Counter[str] = Counter()
    for text, book in tqdm(list(other_books(books, BUILD_STEPS)), unit="claim"):
        words = claim_words(text, stems)
        signals = word_signals(
            words,
            book.evidence(text),
            weight=book.index.weight,
            stems=stems,
            rarity=lambda stem: rarity(frequencies.get(stem, 0.0)),
        )
        counts.update(words.stems)
        for stem, row in zip(words.stems, signals, strict=True):
            sums[stem] += row
    background = shrink(frequencies, sums, counts)
    background.save(arguments.out)
    print(f"{len(background.measured)} stems measured, {len(frequencies)} known, {arguments.out.stat().st_size} bytes")


def passage_frequencies(books: Sequence[Book]) -> dict[str, float]:
    """Return the mean share of a novel's passages with a stem, over the novels, without very rare stems."""
    shares: Counter[str] = Counter()
    for book in books:
        counts = Counter(stem for passage in book.passages for stem in set(stems(passage.text)))
        shares.update({stem: count / len(book.passages) / len(books) for stem, count in counts.items()})
    return {stem: share for stem, share in sorted(shares.items()) if share >= COMMON}


def other_books(books: Sequence[Book], steps: Sequence[int]) -> Iterator[tuple[str, Book]]:
    """Yield each claim with other books than its own."""
    for number, book in enumerate(books):
        for row in book.claims:
            for step in steps:
                yield row["content"], books[(number + step) % len(books)]


def shrink(frequencies: dict[str, float], sums: dict[str, Any], counts: Counter[str]) -> ExpectedOverlap:
    """Return each stem's mean signals, shrunk towards those of stems of similar frequency."""
    edges = np.array(EDGES)
    bins = {stem: int(np.searchsorted(edges, frequencies.get(stem, 0.0))) for stem in sums}
    totals, seen = np.zeros((len(edges) + 1, len(SIGNALS))), np.zeros(len(edges) + 1)
    for stem, row in sums.items():
        totals[bins[stem]] += row
        seen[bins[stem]] += counts[stem]
    priors = totals / np.maximum(seen, 1)[:, None]
    measured = {
        stem: (sums[stem] + PRIOR_WEIGHT * priors[bins[stem]]) / (counts[stem] + PRIOR_WEIGHT) for stem in sorted(sums)
    }
    frequent = {stem: row for stem, row in measured.items() if stem in frequencies}
    return ExpectedOverlap(SIGNALS, frequencies, edges, priors, frequent)


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the figures on the training claims (cross-validated by book) and on the dev claims."""
    background = ExpectedOverlap.load(arguments.background)
    train = rows_of(arguments.train, background, books=arguments.books, pairs=arguments.pairs)
    dev = rows_of(arguments.dev, background, books=arguments.books, pairs=10_000)
    for name, fit in (("rows", fit_rows), ("pairs", fit_pairs)):
        held_out = {kind: np.zeros(len(train["labels"])) for kind in ("right", "wrong")}
        for inside, outside in GroupKFold(5).split(train["right"], groups=train["books"]):
            weights, threshold = fit({key: value[inside] for key, value in train.items()})
            for kind, scores in held_out.items():
                scores[outside] = train[kind][outside] @ weights - threshold
        report(f"train, fitted on {name}", train, held_out)
        weights, threshold = fit(train)
        report(f"dev, fitted on {name}", dev, {kind: dev[kind] @ weights - threshold for kind in ("right", "wrong")})


def rows_of(folder: Path, background: ExpectedOverlap, *, books: int, pairs: int) -> dict[str, Any]:
    """Return arrays over the claims: features given the right and a wrong novel, labels, pairs, books."""
    found = load_books(folder / "claims.csv", folder / "novels", books=books, pairs_per_book=pairs)
    rows: dict[str, list[Any]] = defaultdict(list)
    for number, book in enumerate(found):
        for row in tqdm(book.claims, desc=book.name[:30], leave=False):
            for kind, novel in (("right", book), ("wrong", found[(number + TEST_STEP) % len(found)])):
                text, weight = row["content"], novel.index.weight
                features = lexical_features(text, novel.evidence(text), weight=weight, stems=stems, expected=background)
                rows[kind].append([*features.values()])
            rows["labels"].append(int(row["label"] == "consistent"))
            rows["pairs"].append(int(row["id"]) // 2)
            rows["books"].append(book.name)
    return {name: np.array(values) for name, values in rows.items()}


def fit_rows(data: dict[str, Any]) -> tuple[Any, float]:
    """Return weights and threshold of the model that ``fit_logistic`` fits on single claims."""
    names = [str(number) for number in range(data["right"].shape[1])]
    rows = [dict(zip(names, map(float, row), strict=True)) for row in data["right"]]
    model = fit_logistic(rows, data["labels"].tolist(), groups=data["books"].tolist(), seed=0)
    scale, weights = np.array(model.scales), np.array(model.weights)
    logit = np.log(model.threshold / (1 - model.threshold))
    return weights / scale, float(logit - model.intercept + weights / scale @ np.array(model.means))


def fit_pairs(data: dict[str, Any]) -> tuple[Any, float]:
    """Return weights fitted on the differences of pairs, and the threshold that is right for most single claims."""
    order = np.lexsort((data["labels"], data["pairs"]))
    features = data["right"][order]
    scale = features.std(axis=0) + 1e-9
    differences = (features[1::2] - features[0::2]) / scale
    signs = np.repeat([1, 0], len(differences))
    model = LogisticRegression(C=0.005, fit_intercept=False, max_iter=1000)
    weights = model.fit(np.concatenate([differences, -differences]), signs).coef_[0] / scale
    scores = data["right"] @ weights
    thresholds = np.quantile(scores, np.linspace(0.2, 0.8, 121))
    return weights, float(max(thresholds, key=lambda value: ((scores >= value) == data["labels"]).mean()))


def report(name: str, data: dict[str, Any], scores: dict[str, Any]) -> None:
    """Print the figures given the right novel, and given the wrong one."""
    outputs = {kind: SystemOutput.from_threshold(1 / (1 + np.exp(-values)), 0.5) for kind, values in scores.items()}
    metrics = claim_metrics(
        outputs,
        data["labels"].tolist(),
        books=data["books"].tolist(),
        pairs=[str(pair) for pair in data["pairs"]],
        seed=0,
    )
    for kind in scores:
        print(name, kind, json.dumps(figures_dict(metrics.figures[kind])), flush=True)


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("build")
    step.add_argument("--claims", type=Path, required=True)
    step.add_argument("--novels", type=Path, required=True)
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=build)
    other = steps.add_parser("evaluate")
    other.add_argument("--train", type=Path, required=True, help="folder with claims.csv and novels/")
    other.add_argument("--dev", type=Path, required=True, help="folder with claims.csv and novels/")
    other.add_argument("--background", type=Path, required=True)
    other.set_defaults(run=evaluate)
    for each in (step, other):
        each.add_argument("--books", type=int, default=110)
        each.add_argument("--pairs", type=int, default=50)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
