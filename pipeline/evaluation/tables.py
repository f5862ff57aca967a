"""Tables of backstories: judge every row on its novel, and fit a verdict on the labels of the training rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.book import Book
from pipeline.errors import BackstoryError, CharacterError, SettingError, TableError
from pipeline.evaluation.cross_validation import CrossValidation, FoldSettings, LabelledRows, cross_validate
from pipeline.evaluation.fitting import checked_labels, fit_logistic, group_codes, inner_splits, split_folds
from pipeline.judging.backstory import describe_backstory
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.verdict import BACKSTORY_FEATURES, backstory_rationale, label_row
from pipeline.records import CLAIM_LABELS, Character, Chunk, Claim, ClaimVerdict, Novel, TableLabel
from pipeline.report.dataset_evidence import RowEvidence
from pipeline.run import Pipeline, Question
from pipeline.states import Reading
from pipeline.tables.predictions import HeldOutRow, Prediction
from pipeline.tables.rows import Row, group_by_book, row_text
from pipeline.text.near_names import notices_on_names
from pipeline.text.novels import Shelf

OnRows = Callable[[str, int, int], None]


@dataclass(frozen=True)
class JudgedRow:
    """A row with the verdicts on its claims, and its features for a fitted verdict."""

    row: Row
    character_found: bool
    notices: tuple[str, ...]
    claims: tuple[ClaimVerdict, ...]
    features: dict[str, float]
    novel: str = ""


@dataclass(frozen=True)
class JudgedNovel:
    """A novel with its judged rows, and all that its artefacts are written from.

    ``tracked`` are the characters that its rows name, ``summaries`` those that Groq wrote, by chunk.
    """

    novel: Novel
    chunks: tuple[Chunk, ...]
    cast: tuple[Character, ...]
    tracked: tuple[Character, ...]
    reading: Reading
    summaries: Mapping[int, str]
    rows: tuple[JudgedRow, ...]


@dataclass(frozen=True)
class FittedTables:
    """The cross-validated figures on the training table, and the model fitted on all of it."""

    validation: CrossValidation
    model: LogisticModel


def judge_rows(
    pipeline: Pipeline, path: Path, claims: Mapping[Row, tuple[Claim, ...]], *, on_rows: OnRows
) -> JudgedNovel:
    """Judge the claims of some rows on the one novel that they are about; raises NovelError.

    A row whose character is empty or not in the novel is judged on the whole novel, with a notice.
    """
    book = pipeline.open_book(path)
    people = find_people(pipeline, book, [row.char for row in claims])
    questions = [Question(own, people[row.char]) for row, own in claims.items()]
    judged = pipeline.judge_claims(book, questions, on_claims=lambda done, total: on_rows(book.novel.name, done, total))
    rows = tuple(
        _judged_row(pipeline, book, row, question, verdicts)
        for row, question, verdicts in zip(claims, questions, judged.answers, strict=True)
    )
    summaries = pipeline.summarise(book, [verdict for verdicts in judged.answers for verdict in verdicts])
    return JudgedNovel(book.novel, book.chunks, book.cast, judged.tracked, judged.reading, summaries, rows)


def rows_by_novel(rows: Sequence[Row], novels_dir: Path) -> dict[Path, list[Row]]:
    """Group the rows by the file of their novel, so that a novel with several spellings is read once."""
    shelf, novels = Shelf(novels_dir), dict[Path, list[Row]]()
    for name, group in group_by_book(rows).items():
        novels.setdefault(shelf.find(name, paths=False).resolve(), []).extend(group)
    stems = Counter(path.stem for path in novels)
    twice = [str(path) for path in novels if stems[path.stem] > 1]
    if twice:
        raise TableError(f"{' and '.join(twice)} would write the same artefacts; rename one of them")
    return novels


def extract_row(pipeline: Pipeline, row: Row) -> tuple[Claim, ...]:
    """Return the claims of a row; raises TableError if it states none."""
    try:
        return pipeline.extract(row_text(row), row.char.strip())
    except BackstoryError as error:
        raise TableError(f"row {row.id}: {error}") from error


def find_people(pipeline: Pipeline, book: Book, names: Sequence[str]) -> dict[str, Character | None]:
    """Return the character of each name, None for a name that is not in the novel."""
    people: dict[str, Character | None] = {}
    for name in dict.fromkeys(names):
        try:
            people[name] = pipeline.find_character(book, name) if name.strip() else None
        except CharacterError:
            people[name] = None
    return people


def _judged_row(
    pipeline: Pipeline, book: Book, row: Row, question: Question, verdicts: tuple[ClaimVerdict, ...]
) -> JudgedRow:
    found = question.character is not None
    alike = map(str, book.look_alikes([question.character] if question.character else []))
    by_llm = pipeline.notices_on(row_text(row), row.char.strip(), question.claims)
    names = notices_on_names(book.novel, row_text(row))
    notices = (*_notices(row, found=found), *alike, *by_llm, *names)
    return JudgedRow(row, found, notices, verdicts, describe_backstory(verdicts), book.novel.name)


def _notices(row: Row, *, found: bool) -> tuple[str, ...]:
    if found:
        return ()
    if not row.char.strip():
        return ("the row names no character; it was judged on the whole novel",)
    return (f"{row.char!r} is found nowhere in the novel; the row was judged on the whole novel",)


def check_training(rows: Sequence[Row], *, folds: int, repeats: int, seed: int) -> None:
    """Raise SettingError or TableError if no verdict can be fitted on the rows; called ahead of hours of reading."""
    if repeats < 1:
        raise SettingError(f"repeats is {repeats}; it must be at least 1")
    if any(row.label is None for row in rows):
        raise TableError("a training row has no label; expected consistent or contradict in every row")
    if len(set(_labels(rows))) < 2:
        raise TableError(
            f"all {len(rows)} training rows have one label; expected some of both, consistent and contradict"
        )
    labels, groups = checked_labels(_labels(rows), len(rows)), group_codes(fold_groups(rows))
    for train, _ in split_folds(labels, groups, folds=folds, seed=seed):
        inner_splits(labels[train], None if groups is None else groups[train], seed=seed)


def fit_tables(train: Sequence[JudgedRow], *, folds: int, repeats: int, seed: int) -> FittedTables:
    """Cross-validate on the true labels of the training rows, then fit on all of them.

    The model sees the ``BACKSTORY_FEATURES``. Rows of one ``pair`` are never split between folds. Raises
    TableError for too few rows of either label.
    """
    rows = [judged.row for judged in train]
    features = [{name: judged.features[name] for name in BACKSTORY_FEATURES} for judged in train]
    check_training(rows, folds=folds, repeats=repeats, seed=seed)
    labels, groups = _labels(rows), fold_groups(rows)
    table = LabelledRows(
        features,
        labels,
        groups=groups,
        texts=[row_text(row) for row in rows],
        lexical=[lexical_features(judged.claims) for judged in train],
        characters=[_character(judged) for judged in train],
    )
    validation = cross_validate(table, FoldSettings(seed, folds, repeats))
    return FittedTables(validation, fit_logistic(features, labels, groups=groups, seed=seed))


def lexical_features(claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """Return how much of their claims' words the best passage, and the best three, have on average (BM25)."""
    scores = [sorted((pair.evidence.lexical_score for pair in claim.pairs), reverse=True) for claim in claims]
    first = [math.log1p(own[0]) if own else 0.0 for own in scores]
    three = [math.log1p(math.fsum(own[:3]) / len(own[:3])) if own else 0.0 for own in scores]
    return {"lexical_first": math.fsum(first) / len(first), "lexical_three": math.fsum(three) / len(three)}


def _character(judged: JudgedRow) -> str:
    """Return the character of a row with its novel, because one name may be in several."""
    return ", ".join(filter(None, (judged.row.char.strip() or "nobody named", judged.novel)))


def held_out_rows(train: Sequence[JudgedRow], validation: CrossValidation) -> list[HeldOutRow]:
    """Return the out-of-fold prediction for each training row."""
    spreads = validation.per_repeat.std(axis=0)
    return [
        HeldOutRow(
            id=judged.row.id,
            label="consistent" if label else "inconsistent",
            probability=float(chance),
            decision="consistent" if decision else "inconsistent",
            spread=float(spread),
        )
        for judged, label, chance, decision, spread in zip(
            train, validation.labels, validation.probabilities, validation.decisions, spreads, strict=True
        )
    ]


def _labels(rows: Sequence[Row]) -> list[int]:
    return [int(row.label == "consistent") for row in rows]


def fold_groups(rows: Sequence[Row]) -> list[tuple[str, str]] | None:
    """Return the groups that no fold may split: rows of one pair, and every other row by itself; None without pairs."""
    if not any(row.pair for row in rows):
        return None
    return [("pair", row.pair) if row.pair else ("row", row.id) for row in rows]


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
    rows: Sequence[JudgedRow],
    chances: Sequence[float],
    *,
    threshold: float,
    how: str,
    labels: Sequence[TableLabel] | None = None,
) -> list[RowEvidence]:
    """Return the evidence file entry of each row; ``how`` describes where its probability comes from.

    ``labels`` are given if they do not follow from one threshold.
    """
    decided = labels or [label_row(chance, threshold=threshold) for chance in chances]
    return [
        RowEvidence(
            id=judged.row.id,
            book_name=judged.row.book_name,
            char=judged.row.char,
            character_found=judged.character_found,
            given_label=judged.row.label,
            label=label,
            probability=chance,
            claims=judged.claims,
            features=judged.features,
            aggregation=_aggregation(judged, threshold, how),
            notices=judged.notices,
            novel=judged.novel,
            rationale=_rationale(judged, label),
        )
        for judged, chance, label in zip(rows, chances, decided, strict=True)
    ]


def _aggregation(judged: JudgedRow, threshold: float, how: str) -> dict[str, Any]:
    counts: dict[str, int] = {label: sum(claim.label == label for claim in judged.claims) for label in CLAIM_LABELS}
    return {"probability_from": how, "threshold": threshold, "claims": len(judged.claims), **counts}
