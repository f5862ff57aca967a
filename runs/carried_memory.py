"""Read claims from an empty memory, and from that of their character's reading: the two beside each other.

    python runs/carried_memory.py --claims D/claims.csv --novels D/novels --books 6 --pairs 20 --out carried.json

For each claim that names a character, the sentences of the chunks that name him and stand before its first passage are
streamed through the claim reader; its evidence and then the claim are read from there.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pipeline.book import Book
from pipeline.device import choose_machine
from pipeline.errors import CharacterError
from pipeline.evaluation.claim_benchmark import make_cases, plan_books
from pipeline.evaluation.pairs import pair_metrics
from pipeline.judging.expected_overlap import Background
from pipeline.judging.verifier import ReaderQuestion, TrainedReader
from pipeline.run import Pipeline
from pipeline.tables.rows import Row, read_table
from runs.warm_state import CarriedMemory


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=Path, required=True)
    parser.add_argument("--novels", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("models/reader"))
    parser.add_argument("--books", type=int, default=6, help="the shortest so many novels")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of a novel that are drawn")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    device, dtype = choose_machine("auto", "auto")
    trained = TrainedReader.load(arguments.model, device=device, dtype=dtype)
    background = Background.load(Path("models/verdict/background.npz"))
    rows = [row for row in read_table(arguments.claims, labelled="required") if row.char]
    pipeline = Pipeline()
    plans = plan_books(rows, arguments.novels, seed=0, spare=Path("novels/The Unlit Hour.txt"))
    plans.sort(key=lambda plan: plan.novel.stat().st_size)
    found: list[dict[str, Any]] = []
    for plan in tqdm(plans[: arguments.books], unit="book"):
        book = pipeline.open_book(plan.novel)
        found += _measure_book(pipeline, trained, book, _drawn(plan.rows, arguments.pairs), background)
    labels, pairs, books = ([row[name] for row in found] for name in ("label", "pair", "book"))
    figures: dict[str, Any] = {
        "claims": len(found),
        "sentences_before": float(np.mean([row["before"] for row in found])),
    }
    for name in ("empty", "carried"):
        odds = np.array([row[name] for row in found])
        chances = 1 / (1 + np.exp(-(odds - np.median(odds))))
        figures[name] = pair_metrics(chances, labels, pairs, books=books, threshold=0.5, seed=0).to_dict()
    arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


def _drawn(rows: tuple[Row, ...], count: int) -> tuple[Row, ...]:
    pairs = sorted({int(row.id) // 2 for row in rows})
    kept = set(np.random.default_rng(0).permutation(pairs)[:count].tolist())
    return tuple(row for row in rows if int(row.id) // 2 in kept)


def _measure_book(
    pipeline: Pipeline, trained: TrainedReader, book: Book, rows: tuple[Row, ...], background: Background
) -> list[dict[str, Any]]:
    memories: dict[str, tuple[CarriedMemory, list[int]]] = {}
    found = []
    cases = [cases["right"] for _, cases in make_cases(pipeline, rows, book, None, background=background)]
    empty = trained.compare([case.question for case in cases])
    places = {" ".join(book.novel.text[a:b].split()): n for n, (a, b) in reversed(list(enumerate(book.sentences)))}
    for row, case, told in zip(rows, cases, empty, strict=True):
        if row.char not in memories:
            memories[row.char] = _memory(pipeline, trained, book, row.char)
        memory, numbers = memories[row.char]
        first = min(places[" ".join(sentence.split())] for sentence in case.sentences) if case.sentences else 0
        before = sum(number < first for number in numbers)
        carried = memory.compare(ReaderQuestion(case.text, case.sentences), before)
        found.append(
            {
                "label": int(row.label == "consistent"),
                "pair": int(row.id) // 2,
                "book": book.novel.name,
                "before": before,
                "empty": told.log_odds,
                "carried": carried.log_odds,
            }
        )
    return found


def _memory(pipeline: Pipeline, trained: TrainedReader, book: Book, name: str) -> tuple[CarriedMemory, list[int]]:
    """Return the memory along the sentences of the chunks that name somebody, and the numbers of those sentences."""
    try:
        chunks = pipeline.find_character(book, name).chunks
    except CharacterError:
        chunks = ()
    spans = [book.chunks[chunk] for chunk in chunks]
    numbers = sorted({n for c in spans for n in range(c.first_sentence, c.first_sentence + len(c.sentences))})
    texts = [book.novel.text[slice(*book.sentences[number])] for number in numbers]
    return CarriedMemory(trained, texts), numbers


if __name__ == "__main__":
    main()
