"""The files that sum up a sheet with several characters: ``sheet.json``, and a page that links the report on each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.report.entries import Entry
from pipeline.report.html import render_sheet
from pipeline.report.sheet_view import SheetEntry, sheet_view
from pipeline.storage.files import prepare_folder, write_json, write_text


def write_sheet(out_dir: Path, summary: Entry, entries: Sequence[SheetEntry]) -> tuple[Path, ...]:
    """Write a ``summary`` of ``sheet_entry`` as ``sheet.json`` and the page, and return their paths, the page last.

    Raises:
        OutputError: a file cannot be written.
    """
    prepare_folder(out_dir)
    page = render_sheet(sheet_view(summary, entries))
    return write_json(out_dir / "sheet.json", summary), write_text(out_dir / "report.html", page)
