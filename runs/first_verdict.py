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
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
