"""``pipeline.py``: one backstory judged against one novel."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.progress import print_line, print_warning
from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    HYPHENS,
    NOVELS_DIR,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.config import ROOT
from pipeline.errors import SettingError

if TYPE_CHECKING:
    from pipeline.book import Book
    from pipeline.commands.judge_book import Judgement
    from pipeline.records import BackstoryLabel
    from pipeline.run import Pipeline

Output = Callable[[str], None]

SUMMARY = "judge one backstory against one novel (pipeline.py)"
EXIT_CODES: Mapping[BackstoryLabel, int] = {"consistent": 0, "inconsistent": 1, "uncertain": 3}
"""The exit status of each verdict with ``--exit_code``; 2 is an error, with and without it."""

_BUNDLED = {
    "target_character": "Hester Lanyon",
    "backstory_file": str(ROOT / "examples" / "backstory_inconsistent.txt"),
    "novels_dir": str(ROOT / "novels"),
    "novel": "The Unlit Hour",
}


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = "Judge whether a backstory of a character is consistent with a complete novel, claim by claim."
    parser.epilog = (
        "Without --target_character and --backstory_file the bundled story is judged:\n"
        "  python pipeline.py\n"
        "Your own novel, a file in novels/ (docs/inputs.md lists the formats):\n"
        '  python pipeline.py --target_character "Edmond Dantès" --backstory_file backstory.txt\n'
        f"{HYPHENS}\n"
        "Exit status: 0 when a verdict was reached, 2 on an error; with --exit_code see there."
    )
    _add_question(parser)
    answer = parser.group("how it answers")
    answer.add_argument(
        "--json",
        action="store_true",
        help="the verdict as one JSON object on standard output, all else on standard error",
    )
    answer.add_argument(
        "--exit_code",
        action="store_true",
        help="exit with 0 for consistent, 1 for inconsistent, 3 for uncertain; 2 stays an error",
    )
    add_places(parser)
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=CLUSTER)


def _add_question(parser: CommandParser) -> None:
    question = parser.group("what is judged")
    question.add_argument(
        "--target_character", metavar="NAME", help="the character of the backstory, named as in the novel"
    )
    question.add_argument("--backstory_file", metavar="FILE", help="text file with the backstory")
    question.add_argument(
        "--novel", metavar="NAME", help="title, file name or path; else the only novel of --novels_dir with NAME in it"
    )
    question.add_argument(
        "--track", metavar="NAME", action="append", default=[], help="a further character whose states to store; repeat"
    )
    question.add_argument(
        "--ignore_waivers", action="store_true", help="judge what <novel>.waivers.json marks as intentional, too"
    )


def run(arguments: argparse.Namespace) -> int:
    """Judge the backstory, write the artefacts, and print the verdict; return 0, or as ``--exit_code`` has it."""
    config, output = pipeline_config(arguments), print_warning if arguments.json else print_line
    _fill_bundled(arguments, output)
    from pipeline.claims.files import read_backstory
    from pipeline.commands.session import open_pipeline, print_usage
    from pipeline.report.entries import answer_entry
    from pipeline.storage.files import prepare_folder

    backstory = read_backstory(arguments.backstory_file)
    prepare_folder(Path(arguments.out_dir))
    with open_pipeline(arguments, config) as pipeline:
        judgement = _judge(pipeline, arguments, backstory, output)
    _show(judgement, output)
    print_usage(pipeline, output)
    if arguments.json:
        files = [str(path) for path in judgement.files]
        answer = answer_entry(judgement.book.novel, judgement.verdict, files)
        print_line(json.dumps(answer, ensure_ascii=False, indent=1))
    return EXIT_CODES[judgement.verdict.label] if arguments.exit_code else 0


def _fill_bundled(arguments: argparse.Namespace, output: Output) -> None:
    """Put in the bundled story where no question is given; raises SettingError for half a question."""
    missing = [name for name in ("target_character", "backstory_file") if getattr(arguments, name) is None]
    if not missing:
        return
    flags = ("target_character", "backstory_file", "novel", "novels_dir", "track")
    given = [name for name in flags if getattr(arguments, name) not in (None, [], NOVELS_DIR)]
    if given:
        raise SettingError(
            f"--{given[0]} is given without --{missing[0]}; give a character and a backstory, or neither for the "
            "bundled story"
        )
    output("no backstory given: judging the bundled story; see --help for your own")
    vars(arguments).update(_BUNDLED)


def _judge(pipeline: Pipeline, arguments: argparse.Namespace, backstory: str, output: Output) -> Judgement:
    from pipeline.commands.judge_book import judge_book
    from pipeline.waivers import load_waivers, waivers_path

    book = _open_book(pipeline, arguments)
    character = pipeline.find_character(book, arguments.target_character)
    tracked = [character, *(pipeline.find_character(book, name) for name in arguments.track)]
    output(f"{book.novel.name}: {len(book.chunks)} chunks, {len(character.chunks)} with {character.name}")
    if character.told:
        output(f"told by this character: {len(character.told)} sentences of {character.name} as “I”")
    for notice in book.novel.notices:
        output(f"note: {notice}")
    waivers = () if arguments.ignore_waivers else load_waivers(waivers_path(Path(book.novel.path)))
    return judge_book(pipeline, book, tracked, backstory, out=Path(arguments.out_dir), waivers=waivers)


def _open_book(pipeline: Pipeline, arguments: argparse.Namespace) -> Book:
    from pipeline.text.novels import find_novel
    from pipeline.text.shelf import choose_novel

    if arguments.novel is not None:
        return pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    return pipeline.open_book(choose_novel(arguments.novels_dir, arguments.target_character, aliases=pipeline.aliases))


def _show(judgement: Judgement, output: Output) -> None:
    verdict = judgement.verdict
    for judged in verdict.claims:
        output(f"  {judged.label:<12} {judged.probability:.2f}  {judged.claim.text}")
        output(f"               {judged.rationale}")
        if judged.waiver:
            output(f"               marked as intentional, and left out of the verdict: {judged.waiver}")
    for path in judgement.files:
        output(str(path))
    report = next(path for path in judgement.files if path.name == "report.html")
    chance = f"probability of consistent {verdict.probability:.2f}"
    output(f"{verdict.character} in {verdict.novel}: {verdict.label} ({chance})")
    output(f"report: {report}")
