"""``pipeline.py``: one backstory judged against one novel."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.claims import read_backstory
from pipeline.commands.console import say
from pipeline.commands.stages import cast_with, make_manifest, open_pipeline, say_usage
from pipeline.config import PipelineConfig
from pipeline.errors import SettingError
from pipeline.flags import NOVELS_DIR
from pipeline.records import Verdict
from pipeline.report.artefacts import write_verdict
from pipeline.report.files import prepare_folder
from pipeline.run import ROOT, Book, Pipeline
from pipeline.text.novels import find_novel
from pipeline.text.shelf import choose_novel

_BUNDLED = {
    "target_character": "Hester Lanyon",
    "backstory_file": str(ROOT / "examples" / "backstory_inconsistent.txt"),
    "novels_dir": str(ROOT / "novels"),
    "novel": "The Unlit Hour",
}


def judge(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Judge the backstory, write the artefacts, and say the verdict; return 0."""
    _fill_bundled(arguments)
    backstory = read_backstory(arguments.backstory_file)
    out = Path(arguments.out_dir)
    prepare_folder(out)
    with open_pipeline(arguments, config) as pipeline:
        book = _open(pipeline, arguments)
        character = pipeline.find_character(book, arguments.target_character)
        tracked = [character, *(pipeline.find_character(book, name) for name in arguments.track)]
        say(f"{book.novel.name}: {len(book.chunks)} chunks, {len(character.chunks)} with {character.name}")
        for notice in book.novel.notices:
            say(f"note: {notice}")
        reading = pipeline.read(book, tracked)
        verdict = pipeline.judge_backstory(book, reading, character, backstory)
        summaries = pipeline.summarise(book, verdict.claims)
        paths = write_verdict(
            out,
            novel=book.novel,
            chunks=book.chunks,
            cast=cast_with(book, tracked),
            reading=reading,
            verdict=verdict,
            manifest=make_manifest(pipeline),
            summaries=summaries,
        )
    _show(verdict, paths)
    say_usage(pipeline)
    return 0


def _fill_bundled(arguments: argparse.Namespace) -> None:
    """Let the bundled story stand in where nothing is asked; raises SettingError where something is half asked."""
    missing = [name for name in ("target_character", "backstory_file") if getattr(arguments, name) is None]
    if not missing:
        return
    asked = ("target_character", "backstory_file", "novel", "novels_dir", "track")
    given = [name for name in asked if getattr(arguments, name) not in (None, [], NOVELS_DIR)]
    if given:
        raise SettingError(
            f"--{given[0]} is given without --{missing[0]}; give a character and a backstory, or neither for the "
            "bundled story"
        )
    say("no backstory given: judging the bundled story; see --help for your own")
    vars(arguments).update(_BUNDLED)


def _open(pipeline: Pipeline, arguments: argparse.Namespace) -> Book:
    if arguments.novel is not None:
        return pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    return pipeline.open_book(choose_novel(arguments.novels_dir, arguments.target_character, aliases=pipeline.aliases))


def _show(verdict: Verdict, paths: Sequence[Path]) -> None:
    for judged in verdict.claims:
        say(f"  {judged.label:<12} {judged.probability:.2f}  {judged.claim.text}")
        say(f"               {judged.rationale}")
    for path in paths:
        say(str(path))
    report = next(path for path in paths if path.name == "report.html")
    chance = f"probability of consistent {verdict.probability:.2f}"
    say(f"{verdict.character} in {verdict.novel}: {verdict.label} ({chance})")
    say(f"report: {report}")
