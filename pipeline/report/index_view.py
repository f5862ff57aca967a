"""What the index of a table shows: its rows with their verdicts, and how often the verdicts were correct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pipeline.records import TableLabel
from pipeline.report import wording
from pipeline.report.dataset_evidence import RowEvidence
from pipeline.report.quality import Quality, table_quality

_LABELS: tuple[TableLabel, ...] = get_args(TableLabel)


@dataclass(frozen=True)
class IndexedRow:
    """A row of a table, its verdict, and the address of its page."""

    table: str
    id: str
    book: str
    character: str
    claims: str
    tally: str
    label: TableLabel
    word: str
    share: str
    percent: float
    given: str
    outcome: str
    address: str


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of labels and verdicts; ``counts`` maps (label, verdict) to rows."""

    counts: Mapping[tuple[TableLabel, TableLabel], int]
    labels: tuple[TableLabel, ...] = _LABELS

    @property
    def right(self) -> int:
        """Rows whose verdict is the label in the table."""
        return sum(self.counts.get((label, label), 0) for label in self.labels)

    @property
    def rows(self) -> int:
        """Rows with a label."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class IndexView:
    """The whole index: rows of both tables, choices of the filters, and figures where labels are known."""

    rows: tuple[IndexedRow, ...]
    tables: tuple[str, ...]
    books: tuple[str, ...]
    tally: str
    confusion: Confusion | None
    quality: Quality | None


def index_view(
    tables: Mapping[str, Sequence[RowEvidence]], addresses: Mapping[tuple[str, str], str], metrics: Mapping[str, Any]
) -> IndexView:
    """Return what the index shows; ``tables`` maps a name (train, test) to its rows.

    ``addresses`` maps table and id to the row's page, ``metrics`` are those of ``train_metrics.json``.
    """
    evidence = [(table, row) for table, rows in tables.items() for row in rows]
    indexed = tuple(_row(table, row, addresses[table, row.id]) for table, row in evidence)
    known = [row for _, row in evidence if row.given_label is not None]
    counts = Counter((row.given_label, row.label) for row in known if row.given_label)
    labels = [row.given_label == "consistent" for row in known]
    answered = Counter(row.label for row in indexed)
    return IndexView(
        rows=indexed,
        tables=tuple(table for table, rows in tables.items() if rows),
        books=tuple(sorted({row.book for row in indexed})),
        tally=", ".join(f"{answered[label]:,} {label}" for label in _LABELS),
        confusion=Confusion(counts) if known else None,
        quality=table_quality(metrics, [row.probability for row in known], labels) if known else None,
    )


def _row(table: str, row: RowEvidence, address: str) -> IndexedRow:
    return IndexedRow(
        table=table,
        id=row.id,
        book=row.book_name,
        character=row.char or "no character named",
        claims=" ".join(judged.claim.text for judged in row.claims),
        tally=wording.tally(judged.label for judged in row.claims),
        label=row.label,
        word=wording.VERDICT_WORDS[row.label],
        share=wording.percent(row.probability),
        percent=round(100 * row.probability, 2),
        given=row.given_label or "",
        outcome=_outcome(row),
        address=address,
    )


def _outcome(row: RowEvidence) -> str:
    if row.given_label is None:
        return "unknown"
    return "right" if row.given_label == row.label else "wrong"
