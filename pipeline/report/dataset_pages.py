"""The pages of a table: an index of its rows, and a report on each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.records import Verdict
from pipeline.report.book import BookView
from pipeline.report.dataset_evidence import RowEvidence
from pipeline.report.html import render_index, render_page
from pipeline.report.index_view import index_view
from pipeline.report.manifest import Manifest
from pipeline.report.quality import table_quality
from pipeline.report.view import PageContext, page_view
from pipeline.storage.files import safe_name, write_text

INDEX = "index.html"
ROWS = "rows"

Tables = Mapping[str, Sequence[RowEvidence]]


def write_pages(
    out_dir: Path, tables: Tables, books: Mapping[str, BookView], metrics: Mapping[str, Any], manifest: Manifest
) -> tuple[Path, ...]:
    """Write the index of the rows and a page for each, and return their paths, the index first.

    ``tables`` maps a name (train, test) to its rows, ``books`` the name of a novel to its view.

    Raises:
        OutputError: a file cannot be written.
    """
    names = _file_names(tables)
    addresses = {key: f"{ROWS}/{quote(name)}" for key, name in names.items()}
    index = write_text(out_dir / INDEX, render_index(index_view(tables, addresses, metrics)))
    return (index, *_write_rows(out_dir / ROWS, tables, names, books, metrics, manifest))


def _file_names(tables: Tables) -> dict[tuple[str, str], str]:
    """Return a unique file name by table and id; ids that differ only in unsafe characters get a number."""
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for table, rows in tables.items():
        for place, row in enumerate(rows):
            name = f"{table}-{safe_name(row.id)}.html"
            if name.casefold() in taken:
                name = f"{table}-{safe_name(row.id)}-row{place + 1}.html"
            taken.add(name.casefold())
            names[table, row.id] = name
    return names


def _write_rows(
    folder: Path,
    tables: Tables,
    names: Mapping[tuple[str, str], str],
    books: Mapping[str, BookView],
    metrics: Mapping[str, Any],
    manifest: Manifest,
) -> Iterator[Path]:
    known = [row for rows in tables.values() for row in rows if row.given_label is not None]
    labels = [row.given_label == "consistent" for row in known]
    quality = table_quality(metrics, [row.probability for row in known], labels) if known else None
    for table, rows in tables.items():
        for row in rows:
            around = PageContext(back=("All rows", f"../{INDEX}"), given=row.given_label)
            view = page_view(books[row.novel], _verdict(row), manifest, quality=quality, around=around)
            yield write_text(folder / names[table, row.id], render_page(view))


def _verdict(row: RowEvidence) -> Verdict:
    character = row.char or "No character named"
    return Verdict(
        row.novel, character, row.label, row.probability, row.rationale, row.claims, dict(row.features), row.notices
    )
