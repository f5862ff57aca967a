"""``pipeline.py``: one backstory judged against one novel."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from pipeline.book import Book
from pipeline.claims.files import read_backstory
from pipeline.commands.judge_book import Judgement, judge_book
from pipeline.commands.progress import say, warn
from pipeline.commands.session import open_pipeline, say_usage
from pipeline.config import ROOT, PipelineConfig
from pipeline.errors import SettingError
from pipeline.flag_groups import NOVELS_DIR
from pipeline.records import BackstoryLabel, Waiver
from pipeline.report.entries import answer_entry
from pipeline.run import Pipeline
from pipeline.storage.files import prepare_folder
from pipeline.text.novels import find_novel
from pipeline.text.shelf import choose_novel
from pipeline.waivers import load_waivers, waivers_path

Tell = Callable[[str], None]

EXIT_CODES: dict[BackstoryLabel, int] = {"consistent": 0, "inconsistent": 1, "uncertain": 3}
"""What ``--exit_code`` makes of a verdict; 2 is an error, with and without it."""

_BUNDLED = {
    "target_character": "Hester Lanyon",
    "backstory_file": str(ROOT / "examples" / "backstory_inconsistent.txt"),
    "novels_dir": str(ROOT / "novels"),
    "novel": "The Unlit Hour",
}


def judge(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Judge the backstory, write the artefacts, and say the verdict; return 0, or what ``--exit_code`` asks for."""
    tell = warn if arguments.json else say
    _fill_bundled(arguments, tell)
    backstory = read_backstory(arguments.backstory_file)
    out = Path(arguments.out_dir)
    prepare_folder(out)
    with open_pipeline(arguments, config) as pipeline:
        book = _open(pipeline, arguments)
        character = pipeline.find_character(book, arguments.target_character)
        tracked = [character, *(pipeline.find_character(book, name) for name in arguments.track)]
        tell(f"{book.novel.name}: {len(book.chunks)} chunks, {len(character.chunks)} with {character.name}")
        for notice in book.novel.notices:
            tell(f"note: {notice}")
        waivers = () if arguments.ignore_waivers else _waivers_of(book)
        judgement = judge_book(pipeline, book, tracked, backstory, out=out, waivers=waivers)
    _show(judgement, tell)
    say_usage(pipeline, tell)
    if arguments.json:
        files = [str(path) for path in judgement.files]
        say(json.dumps(answer_entry(book.novel, judgement.verdict, files), ensure_ascii=False, indent=1))
    return EXIT_CODES[judgement.verdict.label] if arguments.exit_code else 0


def _fill_bundled(arguments: argparse.Namespace, tell: Tell) -> None:
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
    tell("no backstory given: judging the bundled story; see --help for your own")
    vars(arguments).update(_BUNDLED)


def _open(pipeline: Pipeline, arguments: argparse.Namespace) -> Book:
    if arguments.novel is not None:
        return pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    return pipeline.open_book(choose_novel(arguments.novels_dir, arguments.target_character, aliases=pipeline.aliases))


def _waivers_of(book: Book) -> tuple[Waiver, ...]:
    return load_waivers(waivers_path(Path(book.novel.path)))


def _show(judgement: Judgement, tell: Tell) -> None:
    verdict = judgement.verdict
    for judged in verdict.claims:
        tell(f"  {judged.label:<12} {judged.probability:.2f}  {judged.claim.text}")
        tell(f"               {judged.rationale}")
        if judged.waiver:
            tell(f"               marked as intentional, and left out of the verdict: {judged.waiver}")
    for path in judgement.files:
        tell(str(path))
    report = next(path for path in judgement.files if path.name == "report.html")
    chance = f"probability of consistent {verdict.probability:.2f}"
    tell(f"{verdict.character} in {verdict.novel}: {verdict.label} ({chance})")
    tell(f"report: {report}")
