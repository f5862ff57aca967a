"""The evidence for each row of a table: claims, judged pairs and features, as JSON next to the metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import OutputError
from pipeline.records import ClaimVerdict, TableLabel
from pipeline.report.entries import Entry, claim_entry, claim_verdict_entry, number, numbers, pair_entries
from pipeline.report.manifest import Manifest, write_manifest
from pipeline.storage.files import prepare_folder, write_json


@dataclass(frozen=True)
class RowEvidence:
    """A row of a table with all that decided it.

    ``novel`` is the name of the novel that ``book_name`` refers to. ``given_label`` is the label in the table, None
    where it has none. ``probability`` is that of being consistent. ``aggregation`` describes in names and numbers how
    the claims became one figure.
    """

    id: str
    book_name: str
    char: str
    character_found: bool
    given_label: TableLabel | None
    label: TableLabel
    probability: float
    claims: tuple[ClaimVerdict, ...]
    features: Mapping[str, float]
    aggregation: Mapping[str, Any]
    notices: tuple[str, ...] = ()
    novel: str = ""
    rationale: str = ""


def write_dataset_evidence(
    out_dir: Path,
    *,
    train: Sequence[RowEvidence],
    test: Sequence[RowEvidence],
    metrics: Mapping[str, Any],
    novels: Mapping[str, str],
    manifest: Manifest,
    also: Sequence[Path] = (),
) -> tuple[Path, ...]:
    """Write the evidence of both tables, the metrics and the manifest, and return their paths.

    ``novels`` maps the name of each novel to its SHA-256; ``also`` names files of the same run that are already
    written and belong in the manifest.

    Raises:
        OutputError: two rows of a table share an id, or a file cannot be written.
    """
    prepare_folder(out_dir)
    paths = (*also, *_write_tables(out_dir, train, test), write_json(out_dir / "train_metrics.json", dict(metrics)))
    return (*paths, write_manifest(out_dir, manifest, novels=novels, files=paths))


def _write_tables(out_dir: Path, train: Sequence[RowEvidence], test: Sequence[RowEvidence]) -> Iterator[Path]:
    for name, rows in (("train_evidence.json", train), ("test_evidence.json", test)):
        yield write_json(out_dir / name, _by_id(name, rows))


def _by_id(name: str, rows: Sequence[RowEvidence]) -> Entry:
    entries = {row.id: _row_entry(row) for row in rows}
    if len(entries) < len(rows):
        raise OutputError(f"{name} would lose rows: {len(rows)} rows share {len(entries)} ids; make the ids unique")
    return entries


def _row_entry(row: RowEvidence) -> Entry:
    return {
        "book_name": row.book_name,
        "char": row.char,
        "character_found": row.character_found,
        "notices": list(row.notices),
        "claims": [_claim(judged) for judged in row.claims],
        "pairs": pair_entries(row.claims),
        "features": numbers(row.features),
        "given_label": row.given_label,
        "label": row.label,
        "probability": number(row.probability),
        "aggregation": dict(row.aggregation),
    }


def _claim(judged: ClaimVerdict) -> Entry:
    """Return a claim's own fields with its verdict and rationale."""
    return claim_entry(judged.claim) | claim_verdict_entry(judged) | {"rationale": judged.rationale}
