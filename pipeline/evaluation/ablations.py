"""What each part contributes: the same labelled claims or backstories judged with one part replaced at a time.

A claim is judged by the shipped models, whatever is replaced. A backstory's claims are joined as a verdict joins them,
by weights that every system learns on the table's own labels, in the same folds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.book import Book
from pipeline.errors import BackstoryError, TableError
from pipeline.evaluation.baselines import ClaimModels
from pipeline.evaluation.claim_benchmark import BookPlan, ClaimTools, MeasuredClaim, measure_claims
from pipeline.evaluation.compare import Compared, compare_systems
from pipeline.evaluation.cross_validation import cross_validate_systems
from pipeline.evaluation.fitting import Labels, group_codes
from pipeline.evaluation.metrics import Scored
from pipeline.evaluation.pairs import whole_pairs
from pipeline.evaluation.tables import fold_groups
from pipeline.judging.claim_features import ClaimCase, claim_row, reader_row
from pipeline.judging.logistic import Floats
from pipeline.judging.verdict import BACKSTORY_FEATURES, DecisionRule, backstory_features, label_claim
from pipeline.judging.verifier import ClaimComparer, Comparison, ForgetfulReader
from pipeline.records import ClaimLabel
from pipeline.run import Pipeline
from pipeline.tables.rows import Row, row_text

SYSTEMS = {
    "trained": "the trained reader, its memory carried from the evidence to the claim, before the right novel",
    "wrong_novel": "the same before the passages that another novel has for the claim",
    "random_reader": "a reader of the same architecture with random weights",
    "no_reader": "the words of the claim and of its passages, and no reader",
    "memory_reset": "the reader's memory emptied after every sentence of the evidence",
    "memory_emptied": "the reader's memory emptied before the claim is read",
    "reader_alone": "the trained reader's own answer, which hears the wording of the claim as well",
    "claim_only": "the words of the claim, no novel opened",
    "majority": "always the commoner label",
}
"""What is compared, in words; the first is what the others are held to."""
FEWEST_BOOKS = 10
"""Novels from which on intervals are over novels; with fewer they are over pairs, or rows where there are none."""
PASSES = 3
"""How often the claims are measured: trained, random, forgetful."""


@dataclass(frozen=True)
class ControlTable:
    """The figures of every system on the same rows."""

    kind: str
    consistent: int
    inconsistent: int
    books: int
    pairs: int
    interval: str
    systems: dict[str, Compared]


@dataclass(frozen=True)
class ToldClaim:
    """A claim before the passages of its novel, as every reader and memory that is compared takes it.

    ``wrong_novel`` is missing where there is no other novel.
    """

    scenes: Mapping[str, tuple[ClaimCase, Comparison]]


def claim_rows(pipeline: Pipeline, rows: Sequence[Row]) -> tuple[list[Row], list[list[int]]]:
    """Return the claims of backstories as rows of a claim table, each distinct one once, and which each row states.

    Raises TableError for a row without a claim.
    """
    places: dict[tuple[str, str, str], int] = {}
    claims: list[Row] = []
    stated: list[list[int]] = []
    for row in rows:
        try:
            found = pipeline.extract(row_text(row), row.char)
        except BackstoryError as error:
            raise TableError(f"row {row.id}: {error}") from error
        own = []
        for claim in found:
            key = (row.book_name, row.char, claim.text)
            if key not in places:
                places[key] = len(claims)
                claims.append(replace(row, id=str(len(claims)), caption="", content=claim.text, label=None, pair=None))
            own.append(places[key])
        stated.append(own)
    return claims, stated


def measure_controls(
    tools: ClaimTools,
    plans: Sequence[BookPlan],
    *,
    untrained: ClaimComparer,
    untrained_sha256: str,
    on_book: Callable[[Book], object] = lambda book: None,
    on_questions: Callable[[int], object] = lambda done: None,
) -> dict[str, ToldClaim]:
    """Return what every claim of the plans is before each reader and memory, by row id."""
    alone = [replace(plan, wrong=None) for plan in plans]
    random = replace(tools, comparer=untrained, reader_sha256=untrained_sha256)
    forgetful = replace(
        tools, comparer=ForgetfulReader(tools.comparer), reader_sha256=f"{tools.reader_sha256}, emptied by sentence"
    )
    trained = measure_claims(tools, plans, on_book=on_book, on_questions=on_questions)
    others = [measure_claims(each, alone, on_questions=on_questions) for each in (random, forgetful)]
    return {one.row.id: _told(one, two, three) for one, two, three in zip(trained, *others, strict=True)}


def _told(trained: MeasuredClaim, random: MeasuredClaim, reset: MeasuredClaim) -> ToldClaim:
    right, wrong = trained.scene["right"], trained.scene.get("wrong")
    scenes = {
        "trained": right,
        "random_reader": random.scene["right"],
        "no_reader": right,
        "memory_reset": reset.scene["right"],
        "memory_emptied": (right[0], trained.scene["none"][1]),
        "reader_alone": right,
    }
    return ToldClaim(scenes if wrong is None else scenes | {"wrong_novel": wrong})


def compare_claims(
    models: ClaimModels, rows: Sequence[Row], told: Mapping[str, ToldClaim], *, books: Sequence[str], seed: int
) -> ControlTable:
    """Return the figures of every system on labelled claims; ``books`` names the novel of each row."""
    labels = _labels(rows)
    claims = [told[row.id] for row in rows]
    systems = {}
    for name in _known(claims):
        chances, threshold, _ = _ask(models, name, claims)
        systems[name] = _scored(chances, threshold, labels)
    words = models.claim_only.probabilities([row_text(row) for row in rows])
    systems["claim_only"] = _scored(words, models.claim_only.threshold, labels)
    systems["majority"] = _scored(np.full(len(rows), labels.mean()), 0.5, labels)
    return _table("claims", systems, labels, rows, books, seed=seed)


def compare_backstories(
    models: ClaimModels,
    rows: Sequence[Row],
    claims: Sequence[Sequence[ToldClaim]],
    *,
    books: Sequence[str],
    folds: int,
    repeats: int,
    seed: int,
) -> ControlTable:
    """Return the figures of every system on labelled backstories, whose claims are ``claims``, in the same folds."""
    labels, rule = _labels(rows), DecisionRule()
    flat = [claim for own in claims for claim in own]
    described: dict[str, list[dict[str, float]]] = {}
    for name in _known(flat):
        chances, threshold, stated = _ask(models, name, flat)
        judged = iter(
            (float(chance), label_claim(float(chance), settled, threshold=threshold, rule=rule))
            for chance, settled in zip(chances, stated, strict=True)
        )
        described[name] = [_features([next(judged) for _ in own]) for own in claims]
    texts = [row_text(row) for row in rows]
    systems = cross_validate_systems(
        described, labels.tolist(), texts=texts, groups=fold_groups(rows), folds=folds, repeats=repeats, seed=seed
    )
    return _table("backstories", systems, labels, rows, books, seed=seed)


def _labels(rows: Sequence[Row]) -> Labels:
    if any(row.label is None for row in rows):
        raise TableError("a row has no label; controls need consistent or contradict in every row")
    return np.array([row.label == "consistent" for row in rows], dtype=np.int64)


def _known(claims: Sequence[ToldClaim]) -> list[str]:
    return [name for name in SYSTEMS if all(name in claim.scenes for claim in claims)]


def _ask(models: ClaimModels, system: str, claims: Sequence[ToldClaim]) -> tuple[Floats, float, list[float]]:
    """Return the probability of each claim, the threshold, and the probability that its evidence settles it."""
    scenes = [claim.scenes[system] for claim in claims]
    stated = [comparison.stated for _, comparison in scenes]
    if system == "no_reader":
        words = models.lexical
        return words.probabilities([case.lexical for case, _ in scenes]), words.threshold, [1.0] * len(scenes)
    if system == "reader_alone":
        alone = models.readers["right"]
        return alone.probabilities([reader_row(comparison) for _, comparison in scenes]), alone.threshold, stated
    return models.ensemble.probabilities([claim_row(*scene) for scene in scenes]), models.ensemble.threshold, stated


def _features(judged: Sequence[tuple[float, ClaimLabel]]) -> dict[str, float]:
    found = backstory_features([chance for chance, _ in judged], [label for _, label in judged])
    return {name: found[name] for name in BACKSTORY_FEATURES}


def _scored(chances: Floats, threshold: float, labels: Labels) -> Scored:
    return Scored(chances[None], chances[None] >= threshold, labels)


def _table(
    kind: str,
    systems: Mapping[str, Scored],
    labels: Labels,
    rows: Sequence[Row],
    books: Sequence[str],
    *,
    seed: int,
) -> ControlTable:
    ordered = {name: systems[name] for name in SYSTEMS if name in systems}
    twins, _ = whole_pairs(labels, [row.pair for row in rows], books)
    units, unit = _units(rows, books)
    compared = compare_systems(ordered, groups=group_codes(units), twins=twins, seed=seed)
    return ControlTable(
        kind=kind,
        consistent=int(labels.sum()),
        inconsistent=int((labels == 0).sum()),
        books=len(set(books)),
        pairs=0 if twins is None else len(twins[0]),
        interval=f"95 %, bootstrap over {unit}",
        systems=compared,
    )


def _units(rows: Sequence[Row], books: Sequence[str]) -> tuple[Sequence[Hashable], str]:
    """Return what is resampled as a whole: novels where there are enough, else pairs, else rows."""
    if len(set(books)) >= FEWEST_BOOKS:
        return books, "novels"
    groups = fold_groups(rows)
    return ([row.id for row in rows], "rows") if groups is None else (groups, "pairs")
