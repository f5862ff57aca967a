"""Two small books with examples, as ``pipeline.training.book_examples`` makes them."""

from __future__ import annotations

import random
from typing import Any

from pipeline.training.examples import BookExamples, ExampleConfig, ExampleSource
from pipeline.training.negatives import mine_changes

CHANGES = mine_changes([("He sold the mill.", "He burnt the mill."), ("By day she rowed.", "By night she rowed.")])
UNCHANGED: dict[str, Any] = {
    "wrong_evidence": 0.0,
    "no_evidence": 0.0,
    "rename": 0.0,
    "counterfactual": 0.0,
    "nli": 0.0,
}


def make_book(name: str, persons: tuple[str, str], place: str) -> dict[str, Any]:
    """Return the examples of a book in which two persons do things at a place."""
    one, other = persons
    sentences = [
        f"In the spring old {one} sold the mill at {place}.",
        f"By then {other} had left {place} with two dogs.",
        f"Some say that {one} never forgave {other} for it.",
        f"At the mill of {place} the wheel had stopped when {other} came.",
        f"In the end {one} rowed to {place} by day.",
    ]
    statements = [{"text": text, "evidence": [number, (number + 2) % 5]} for number, text in enumerate(sentences)]
    true, false = f"In the spring {one} sold the mill of {place}.", f"In the spring {one} burnt the mill of {place}."
    claims = [
        {"id": "1", "pair": "p", "text": true, "label": 1, "evidence": [3, 0], "outline": [3, 0, 1]},
        {"id": "2", "pair": "p", "text": false, "label": 0, "evidence": [0], "outline": [0, 2, 4]},
        {"id": "3", "pair": "q", "text": f"Later {other} died.", "label": 0, "evidence": [1], "outline": [1]},
    ]
    return {
        "book": name,
        "sentences": sentences,
        "places": [4, 9, 2, 30, 31],
        "claims": claims,
        "statements": statements,
    }


BOOKS = (make_book("Mill", ("Dimsdale", "Hester"), "Whitby"), make_book("Ferry", ("Tobias", "Agnes"), "Leeds"))
PREMISES = [("A dog sleeps.", [("An animal sleeps.", "supported"), ("A dog runs.", "contradicted")])]


def make_source(book_rows: Any = BOOKS, premises: Any = (), **settings: Any) -> ExampleSource:
    """Return a source of examples from the two books; by default no example is perturbed."""
    rng = random.Random(5)
    books = [BookExamples(row, CHANGES, rng) for row in book_rows]
    return ExampleSource(books, premises, ExampleConfig(**{**UNCHANGED, **settings}), rng)
