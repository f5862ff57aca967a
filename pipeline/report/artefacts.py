"""The files of a run, written under one folder; ``docs/outputs.md`` explains every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.records import Character, Chunk, Novel, Verdict
from pipeline.report.book import book_view
from pipeline.report.entries import (
    character_entry,
    chunk_entries,
    claim_entry,
    pair_entries,
    reasoning_entry,
    state_entries,
    verdict_entry,
)
from pipeline.report.html import render_page
from pipeline.report.manifest import Manifest, write_manifest
from pipeline.report.quality import Quality
from pipeline.report.summaries import shorten, summarise
from pipeline.report.view import PageContext, page_view
from pipeline.states import Reading
from pipeline.storage.files import (
    locked_output,
    prepare_folder,
    safe_name,
    write_json,
    write_json_lines_as_list,
    write_text,
)


def write_verdict(
    out_dir: Path,
    *,
    novel: Novel,
    chunks: Sequence[Chunk],
    cast: Sequence[Character],
    reading: Reading,
    verdict: Verdict,
    manifest: Manifest,
    summaries: Mapping[int, str] | None = None,
    quality: Quality | None = None,
    around: PageContext | None = None,
) -> tuple[Path, ...]:
    """Write every artefact of one backstory's verdict and return their paths, the page and the manifest last.

    ``summaries`` of chunks, by index, replace the default ones. ``quality`` are the figures of the fitted verdict, and
    ``around`` is what surrounds the page.
    Each file is complete or untouched. The manifest comes last, so that its hashes match the files only after a
    complete run. If several runs write into one folder at once, all files are those of the last one.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    prepare_folder(out_dir)
    view = page_view(book_view(novel, chunks, cast, reading), verdict, manifest, quality=quality, around=around)
    with locked_output(out_dir / "manifest.json"):
        paths = (
            *write_reading(out_dir, novel=novel, chunks=chunks, cast=cast, reading=reading, summaries=summaries),
            *_write_judgement(out_dir, novel, verdict),
            write_text(out_dir / "report.html", render_page(view)),
        )
        return (*paths, write_manifest(out_dir, manifest, novels={novel.name: novel.sha256}, files=paths))


def write_reading(
    out_dir: Path,
    *,
    novel: Novel,
    chunks: Sequence[Chunk],
    cast: Sequence[Character],
    reading: Reading,
    summaries: Mapping[int, str] | None = None,
) -> Iterator[Path]:
    """Write the three files of the novel, yielding each path once it exists."""
    name = safe_name(novel.name)
    given = {index: shorten(summary) for index, summary in (summaries or {}).items()}
    entries = chunk_entries(novel, chunks, cast, summarise(novel.text, chunks) | given)
    yield write_json(out_dir / f"{name}.chunks.json", entries)
    yield write_json_lines_as_list(out_dir / f"{name}.states.json", state_entries(reading))
    yield write_json(out_dir / f"{name}.characters.json", [character_entry(person) for person in cast])


def _write_judgement(out_dir: Path, novel: Novel, verdict: Verdict) -> Iterator[Path]:
    claims = [claim_entry(judged.claim) for judged in verdict.claims]
    yield write_json(out_dir / "backstory.claims.json", claims)
    yield write_json(out_dir / "claim_chunk_pairs.json", pair_entries(verdict.claims))
    yield write_json(out_dir / "backstory_consistency.json", verdict_entry(novel, verdict))
    yield write_json(out_dir / "reasoning.json", reasoning_entry(verdict))
