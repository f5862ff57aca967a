"""One backstory judged against an open book, and its artefacts written, for the script and the local page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.book import Book
from pipeline.claims.extract import Backstory
from pipeline.commands.session import cast_with, make_manifest
from pipeline.config import resolve_model_dir
from pipeline.records import Character, Verdict, Waiver
from pipeline.report.artefacts import write_verdict
from pipeline.report.changes import VerdictChanges, compare_verdicts, summarise_answer
from pipeline.report.entries import answer_entry
from pipeline.report.manifest import Manifest
from pipeline.report.quality import Quality, load_quality
from pipeline.report.stored import load_summary
from pipeline.report.view import PageContext
from pipeline.run import Pipeline
from pipeline.states import Reading


@dataclass(frozen=True)
class Judgement:
    """A verdict with everything that pages and files are made from.

    ``changes`` are those since the former verdict, None where there was none to compare with.
    """

    book: Book
    cast: tuple[Character, ...]
    reading: Reading
    verdict: Verdict
    manifest: Manifest
    quality: Quality | None
    files: tuple[Path, ...]
    changes: VerdictChanges | None = None


def judge_book(
    pipeline: Pipeline,
    book: Book,
    tracked: Sequence[Character],
    backstory: Backstory,
    *,
    out: Path,
    waivers: Sequence[Waiver] = (),
    around: PageContext | None = None,
    compare: bool = False,
    on_step: Callable[[str], object] = lambda step: None,
) -> Judgement:
    """Read the book, judge a backstory of the first of ``tracked``, and write every artefact under ``out``.

    ``around`` is what surrounds the page of the report. With ``compare``, the verdict is compared with the one on the
    same character that is stored in ``out``. ``on_step`` gets the name of each step as it begins.
    """
    verdict, judged = pipeline.judge_backstory(
        book, tracked[0], backstory, waivers=waivers, track=tracked[1:], on_step=on_step
    )
    changes = _changes_since(out, book, verdict) if compare else None
    cast, manifest = tuple(cast_with(book, tracked)), make_manifest(pipeline)
    scoring = pipeline.config.scoring
    by_shipped_judge = scoring.judge == "joint"  # the figures of quality are that judge's
    quality = load_quality(resolve_model_dir(scoring.judge_dir)) if by_shipped_judge else None
    on_step("Writing the report")
    files = write_verdict(
        out,
        novel=book.novel,
        chunks=book.chunks,
        cast=cast,
        reading=judged.reading,
        verdict=verdict,
        manifest=manifest,
        summaries=pipeline.summarise(book, verdict.claims),
        quality=quality,
        around=replace(around or PageContext(), changes=changes),
    )
    return Judgement(book, cast, judged.reading, verdict, manifest, quality, files, changes)


def _changes_since(out: Path, book: Book, verdict: Verdict) -> VerdictChanges | None:
    """Return what changed since the verdict in a folder, None where none on this character is stored there."""
    before = load_summary(out, novel=book.novel.name, character=verdict.character)
    return compare_verdicts(before, summarise_answer(answer_entry(book.novel, verdict, ()))) if before else None
