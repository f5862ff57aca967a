"""Two small books of prepared plain claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.training.examples import Premise
from pipeline.training.plain_claims import PlainBook, PlainConfig, PlainSource

PREMISES: list[Premise] = [("A dog sleeps.", [("An animal sleeps.", "supported"), ("A dog runs.", "contradicted")])]
PLAIN: dict[str, float] = {"nli": 0.0, "open": 0.0, "rename": 0.0, "edit": 0.0}
"""Settings by which all claims are given their evidence, as it is."""


def make_claims(book: str, person: str, other: str) -> dict[str, Any]:
    """Return the prepared claims of a book in which two persons do things."""
    sentences = [
        f"Old {person} lived at the river.",
        f"In spring {person} sold the mill.",
        f"By then {other} had left with two dogs.",
        "",
        "The wheel had stopped.",
        "It rained until Friday.",
    ]
    sold, left = ("s", [1], [2, 1, 5]), ("l", [2], [0, 2, 5, 4])
    rows = [
        _row(sold, "supported", f"In spring {person} sold the mill."),
        _row(sold, "contradicted", f"In spring {person} sold the farm."),
        _row(left, "supported", f"They say {other} left with two dogs."),
        _row(left, "contradicted", f"They say {other} left with two cats."),
        _row((None, [], [2, 4]), "not_stated", f"They say {other} was born at sea."),
    ]
    return {"book": book, "sentences": sentences, "rows": rows}


def _row(fact: tuple[str | None, list[int], list[int]], label: str, text: str) -> dict[str, Any]:
    pair, gold, near = fact
    return {"id": f"{pair}-{label}", "pair": pair, "label": label, "text": text, "gold": gold, "near": near}


CLAIMS = (make_claims("Mill", "Dimsdale", "Hester"), make_claims("Ferry", "Tobias", "Agnes"))


def plain_books(rows: Sequence[dict[str, Any]] = CLAIMS) -> tuple[PlainBook, ...]:
    """Return the books."""
    return tuple(map(PlainBook, rows))


def plain_source(
    rows: Sequence[dict[str, Any]] = CLAIMS, premises: Sequence[Premise] = (), **settings: float
) -> PlainSource:
    """Return a source of examples from the books; by default no example is perturbed."""
    return PlainSource(plain_books(rows), premises, PlainConfig(**{**PLAIN, **settings}))
