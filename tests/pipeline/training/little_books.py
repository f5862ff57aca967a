"""Two small books with questions, as ``pipeline.training.questions`` makes them."""

from __future__ import annotations

import random
from typing import Any

from pipeline.training.examples import Book, PackConfig, PackSource
from pipeline.training.negatives import mine_changes

CHANGES = mine_changes([("He sold the mill.", "He burnt the mill."), ("By day she rowed.", "By night she rowed.")])
CALM: dict[str, Any] = {"wrong_evidence": 0.0, "no_evidence": 0.0, "rename": 0.0, "counterfactual": 0.0, "nli": 0.0}


def make_row(name: str, persons: tuple[str, str], place: str) -> dict[str, Any]:
    """Return the questions about a book in which two persons do things at a place."""
    one, other = persons
    sentences = [
        f"In the spring old {one} sold the mill at {place}.",
        f"By then {other} had left {place} with two dogs.",
        f"Some say that {one} never forgave {other} for it.",
        f"At the mill of {place} the wheel had stopped when {other} came.",
        f"In the end {one} rowed to {place} by day.",
    ]
    statements = [{"text": text, "ev": [number, (number + 2) % 5]} for number, text in enumerate(sentences)]
    true, false = f"In the spring {one} sold the mill of {place}.", f"In the spring {one} burnt the mill of {place}."
    claims = [
        {"id": "1", "pair": "p", "text": true, "label": 1, "ev": [3, 0], "notes": [3, 0, 1]},
        {"id": "2", "pair": "p", "text": false, "label": 0, "ev": [0], "notes": [0, 2, 4]},
        {"id": "3", "pair": "q", "text": f"Later {other} died.", "label": 0, "ev": [1], "notes": [1]},
    ]
    return {
        "book": name,
        "sentences": sentences,
        "place": [4, 9, 2, 30, 31],
        "claims": claims,
        "statements": statements,
    }


ROWS = (make_row("Mill", ("Dimsdale", "Hester"), "Whitby"), make_row("Ferry", ("Tobias", "Agnes"), "Leeds"))
PREMISES = [("A dog sleeps.", [("An animal sleeps.", "supported"), ("A dog runs.", "contradicted")])]


def make_source(rows: Any = ROWS, premises: Any = (), **settings: Any) -> PackSource:
    """Return a source of packs from the two books; by default nothing is disturbed."""
    chance = random.Random(5)
    books = [Book(row, CHANGES, chance) for row in rows]
    return PackSource(books, premises, PackConfig(**{**CALM, **settings}), chance)
