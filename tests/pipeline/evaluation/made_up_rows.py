"""Rows of a table, and judged rows whose features predict their labels."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.tables import JudgedRow
from pipeline.judging.verdict import BACKSTORY_FEATURES
from pipeline.records import Claim, ClaimVerdict, Evidence, Pair, TableLabel
from pipeline.tables.rows import Row

ANNA = "Anna Reed kept the ferry at Low Water."


def row(number: str, content: str = ANNA, *, book: str = "Low Water", char: str = "Anna Reed", **more: str) -> Row:
    """Return a row about a character of the little story."""
    label: TableLabel | None = "consistent" if more.get("label", "1") == "1" else "inconsistent"
    return Row(number, book, char, more.get("caption", ""), content, label, more.get("pair"))


def found_by_words(*scores: float) -> ClaimVerdict:
    """Return a verdict whose passages have these scores of words."""
    pairs = tuple(
        Pair(Evidence("c", place, place + 1, 1.0, score, 1, 0.5, True), "irrelevant", {}, "", 0, 0, 1)
        for place, score in enumerate(scores)
    )
    claim = Claim("c", "", "event", "unspecified", "unspecified", ANNA)
    return ClaimVerdict(claim, "not_stated", 0.5, {}, pairs, "")


def made_up(count: int, *, seed: int = 0, pairs: bool = False) -> list[JudgedRow]:
    """Return rows whose features predict their labels, and whose texts do not."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        is_true = number % 2
        features = {name: float(draw.normal(3.0 * is_true)) for name in BACKSTORY_FEATURES}
        claims = (found_by_words(float(draw.uniform(0, 9))),)
        pair = {"pair": str(number // 2)} if pairs else {}
        made = row(str(number), f"Statement {draw.integers(1000)}.", label=str(is_true), **pair)
        rows.append(JudgedRow(made, True, (), claims, features))
    return rows
