"""One backstory judged against an open book, and its artefacts written, for the script and the local page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.book import Book
from pipeline.claims.extract import Backstory
from pipeline.commands.session import cast_with, make_manifest
from pipeline.config import resolve_model_dir
from pipeline.records import Character, Reading, Verdict, Waiver
from pipeline.report.artefacts import write_verdict
from pipeline.report.manifest import Manifest
from pipeline.report.quality import Quality, load_quality
from pipeline.report.view import PageContext
from pipeline.run import Pipeline


@dataclass(frozen=True)
class Judgement:
    """A verdict with everything that pages and files are made from."""

    book: Book
    cast: tuple[Character, ...]
    reading: Reading
    verdict: Verdict
    manifest: Manifest
    quality: Quality | None
    files: tuple[Path, ...]


def judge_book(
    pipeline: Pipeline,
    book: Book,
    tracked: Sequence[Character],
    backstory: Backstory,
    *,
    out: Path,
    waivers: Sequence[Waiver] = (),
    around: PageContext | None = None,
    on_step: Callable[[str], object] = lambda step: None,
) -> Judgement:
    """Read the book, judge a backstory of the first of ``tracked``, and write every artefact under ``out``.

    ``around`` is what surrounds the page of the report. ``on_step`` gets the name of each step as it begins.
    """
    verdict, judged = pipeline.judge_backstory(
        book, tracked[0], backstory, waivers=waivers, track=tracked[1:], on_step=on_step
    )
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
        around=around,
    )
    return Judgement(book, cast, judged.reading, verdict, manifest, quality, files)
