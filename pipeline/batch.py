"""Tables through the stages: every row judged on its novel, and a verdict fitted on the labels of the training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.dataset import Prediction, Row, group_by_book, row_text
from pipeline.errors import CharacterError, TableError
from pipeline.records import Character, Claim, ClaimVerdict, Evidence, Reading, TableLabel
from pipeline.report.dataset_evidence import RowEvidence
from pipeline.run import Book, Pipeline, describe
from pipeline.scoring.evaluation import CrossValidation, cross_validate
from pipeline.scoring.fitting import fit_logistic
from pipeline.scoring.logistic import LogisticModel
from pipeline.scoring.verdict import backstory_rationale, label_row
from pipeline.text.novels import find_novel

LEXICAL = ("mean_coverage_union", "mean_neighbours_found")
"""The features of a row that the lexical baseline sees."""

OnBook = Callable[[Book, Reading], None]
OnRows = Callable[[str, int, int], None]


@dataclass(frozen=True)
class JudgedRow:
    """A row with the verdicts on its claims, and what describes it to a fitted verdict."""

    row: Row
    character_found: bool
    notices: tuple[str, ...]
    claims: tuple[ClaimVerdict, ...]
    features: dict[str, float]


@dataclass(frozen=True)
class FittedTables:
    """The cross-validated figures on the training table, and the model fitted on all of it."""

    validation: CrossValidation
    model: LogisticModel


def judge_rows(
    pipeline: Pipeline, rows: Sequence[Row], novels_dir: Path, *, on_book: OnBook, on_rows: OnRows
) -> list[JudgedRow]:
    """Judge the claims of every row on its own novel, novel by novel, and return the rows in their order.

    A row whose character is empty or found nowhere is judged on the whole novel, with a notice. ``on_book`` gets each
    novel with its reading once, ``on_rows`` the progress of the claims. Raises TableError for an unknown book.
    """
    found: dict[str, JudgedRow] = {}
    paths = {name: find_novel(novels_dir, name) for name in group_by_book(rows)}
    for name, group in group_by_book(rows).items():
        book = pipeline.open_book(paths[name])
        people = _find_people(pipeline, book, group)
        tracked = list({person.name: person for person in people.values() if person is not None}.values())
        reading = pipeline.read(book, tracked)
        on_book(book, reading)
        for judged in _judge_group(pipeline, book, reading, group, people, on_rows):
            found[judged.row.id] = judged
    return [found[row.id] for row in rows]


def _find_people(pipeline: Pipeline, book: Book, rows: Sequence[Row]) -> dict[str, Character | None]:
    """Return the character of each name in the rows, None for a name that the novel does not know."""
    people: dict[str, Character | None] = {}
    for name in dict.fromkeys(row.char for row in rows):
        try:
            people[name] = pipeline.find_character(book, name) if name.strip() else None
        except CharacterError:
            people[name] = None
    return people


def _judge_group(
    pipeline: Pipeline,
    book: Book,
    reading: Reading,
    rows: Sequence[Row],
    people: dict[str, Character | None],
    on_rows: OnRows,
) -> list[JudgedRow]:
    claims = {row.id: pipeline.extract(row_text(row), row.char.strip()) for row in rows}
    questions: list[tuple[Claim, tuple[Evidence, ...]]] = []
    for row in rows:
        evidence = pipeline.find_evidence(book, reading, people[row.char], claims[row.id])
        questions += [(claim, evidence[claim.id]) for claim in claims[row.id]]
    total = sum(1 + len(evidence) for _, evidence in questions)
    verdicts = iter(
        pipeline.judge_claims(book, questions, on_progress=lambda read: on_rows(book.novel.name, read, total))
    )
    judged = []
    for row in rows:
        own = tuple(next(verdicts) for _ in claims[row.id])
        person = people[row.char]
        judged.append(JudgedRow(row, person is not None, _notices(row, person), own, describe(own)))
    return judged


def _notices(row: Row, person: Character | None) -> tuple[str, ...]:
    if person is not None:
        return ()
    if not row.char.strip():
        return ("the row names no character; it was judged on the whole novel",)
    return (f"{row.char!r} is found nowhere in the novel; the row was judged on the whole novel",)


def fit_tables(train: Sequence[JudgedRow], *, folds: int, repeats: int, seed: int) -> FittedTables:
    """Cross-validate on the true labels of the training rows, then fit on all of them.

    Rows of one ``pair`` never stand on both sides of a fold. Raises TableError for too few rows of either label.
    """
    labels = [int(judged.row.label == "consistent") for judged in train]
    if not 0 < sum(labels) < len(labels):
        raise TableError(
            f"all {len(labels)} training rows have one label; expected some of both, consistent and contradict"
        )
    features = [judged.features for judged in train]
    paired = any(judged.row.pair for judged in train)
    groups = [judged.row.pair or judged.row.id for judged in train] if paired else None
    validation = cross_validate(
        features,
        labels,
        groups=groups,
        texts=[row_text(judged.row) for judged in train],
        lexical=[{name: row[name] for name in LEXICAL} for row in features],
        folds=folds,
        repeats=repeats,
        seed=seed,
    )
    return FittedTables(validation, fit_logistic(features, labels, groups=groups, seed=seed))


def predict(rows: Sequence[JudgedRow], model: LogisticModel) -> list[Prediction]:
    """Return the prediction for each row; the rationale quotes the passage that weighs most."""
    return [
        Prediction(judged.row.id, chance, _rationale(judged, label_row(chance, threshold=model.threshold)))
        for judged in rows
        for chance in [model.probability(judged.features)]
    ]


def _rationale(judged: JudgedRow, label: TableLabel) -> str:
    return " ".join(backstory_rationale(label, judged.claims).split())


def evidence_of(
    rows: Sequence[JudgedRow], chances: Sequence[float], *, threshold: float, how: str
) -> list[RowEvidence]:
    """Return what stood behind each row; ``how`` says where its probability comes from."""
    return [
        RowEvidence(
            id=judged.row.id,
            book_name=judged.row.book_name,
            char=judged.row.char,
            character_found=judged.character_found,
            given_label=judged.row.label,
            label=label_row(chance, threshold=threshold),
            probability=chance,
            claims=judged.claims,
            features=judged.features,
            aggregation=_aggregation(judged, threshold, how),
            notices=judged.notices,
        )
        for judged, chance in zip(rows, chances, strict=True)
    ]


def _aggregation(judged: JudgedRow, threshold: float, how: str) -> dict[str, Any]:
    counts = {label: sum(claim.label == label for claim in judged.claims) for label in _CLAIM_LABELS}
    return {"probability_from": how, "threshold": threshold, "claims": len(judged.claims), **counts}


_CLAIM_LABELS = ("supported", "contradicted", "not_stated")
