"""``pipeline.py``: one backstory judged against one novel."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from pipeline.claims.extract import Backstory
    from pipeline.claims.sheet import SheetText
    from pipeline.commands.judge_book import Judgement
    from pipeline.commands.judge_sheet import SheetPlan
    from pipeline.records import BackstoryLabel, Character, Waiver
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
        "A sheet with several characters, a verdict for each:\n"
        "  python pipeline.py --backstory_file sheet.md\n"
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
        help="exit with 0 for consistent, 1 for inconsistent, 3 for uncertain, of several the worst; 2 stays an error",
    )
    add_places(parser)
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=CLUSTER)


def _add_question(parser: CommandParser) -> None:
    question = parser.group("what is judged")
    question.add_argument(
        "--target_character",
        metavar="NAME",
        help="the character of the backstory, named as in the novel; else every character that the backstory names",
    )
    question.add_argument(
        "--backstory_file",
        metavar="FILE",
        help="the backstory or character sheet: .txt, .md, .docx, .odt, .html, .yaml, .json or .csv",
    )
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
    from pipeline.storage.files import prepare_folder

    sheet = read_backstory(arguments.backstory_file)
    names = _names(arguments, sheet)
    prepare_folder(Path(arguments.out_dir))
    with open_pipeline(arguments, config) as pipeline:
        label, answer = _answer(pipeline, arguments, sheet, names, output)
    print_usage(pipeline, output)
    if arguments.json:
        print_line(json.dumps(answer, ensure_ascii=False, indent=1))
    return EXIT_CODES[label] if arguments.exit_code else 0


def _names(arguments: argparse.Namespace, sheet: SheetText) -> tuple[str, ...]:
    """Return the character that is given, else those that the sheet names; raises SettingError where it names none."""
    if arguments.target_character is not None:
        return (arguments.target_character,)
    from pipeline.commands.judge_sheet import sheet_names

    names = sheet_names(sheet)
    if not names:
        raise SettingError(
            "--backstory_file is given without --target_character, and the backstory names no character (a heading, a "
            "field 'Name:' or a column of names); name the character"
        )
    return names


@dataclass(frozen=True)
class _Run:
    """What the verdicts of one run share."""

    pipeline: Pipeline
    book: Book
    track: tuple[Character, ...]
    waivers: tuple[Waiver, ...]
    out: Path
    output: Output

    def introduce(self, character: Character) -> None:
        """Print who is judged next."""
        self.output(
            f"{self.book.novel.name}: {len(self.book.chunks)} chunks, {len(character.chunks)} with {character.name}"
        )
        if character.told:
            self.output(f"told by this character: {len(character.told)} sentences of {character.name} as “I”")


def _answer(
    pipeline: Pipeline, arguments: argparse.Namespace, sheet: SheetText, names: Sequence[str], output: Output
) -> tuple[BackstoryLabel, Mapping[str, Any]]:
    """Judge the character or characters, print the verdicts, and return the worst with the answer for programs."""
    from pipeline.commands.judge_sheet import plan_sheet
    from pipeline.waivers import load_waivers, waivers_path

    book = _open_book(pipeline, arguments, names)
    known = None if arguments.target_character is None else pipeline.find_character(book, arguments.target_character)
    track = tuple(pipeline.find_character(book, name) for name in arguments.track)
    waivers = () if arguments.ignore_waivers else load_waivers(waivers_path(Path(book.novel.path)))
    given = _Run(pipeline, book, track, tuple(waivers), Path(arguments.out_dir), output)
    if known is not None:
        return _judge_one(given, known, sheet)
    plan = plan_sheet(pipeline, book, sheet)
    if len(plan.parts) == 1 and not plan.left_out:
        return _judge_one(given, *plan.parts[0])
    return _judge_several(given, plan)


def _judge_one(given: _Run, character: Character, backstory: Backstory) -> tuple[BackstoryLabel, Mapping[str, Any]]:
    from pipeline.commands.judge_book import judge_book
    from pipeline.report.entries import answer_entry

    given.introduce(character)
    _show_notices(given)
    tracked = [character, *given.track]
    judgement = judge_book(given.pipeline, given.book, tracked, backstory, out=given.out, waivers=given.waivers)
    _show(judgement, given.output)
    files = [str(path) for path in judgement.files]
    return judgement.verdict.label, answer_entry(given.book.novel, judgement.verdict, files)


def _judge_several(given: _Run, plan: SheetPlan) -> tuple[BackstoryLabel, Mapping[str, Any]]:
    from pipeline.commands.judge_sheet import judge_sheet

    _show_notices(given, *(f"{each.name} was not judged: {each.reason}" for each in plan.left_out), *plan.notices)
    judged = judge_sheet(
        given.pipeline,
        given.book,
        plan,
        out=given.out,
        track=given.track,
        waivers=given.waivers,
        on_character=given.introduce,
        on_judged=lambda one: _show(one, given.output),
    )
    for judgement in judged.judgements:
        given.output(_conclusion(judgement))
    given.output(f"report: {given.out / 'report.html'}")
    return judged.label, judged.answer()


def _show_notices(given: _Run, *notices: str) -> None:
    for notice in (*given.book.novel.notices, *notices):
        given.output(f"note: {notice}")


def _fill_bundled(arguments: argparse.Namespace, output: Output) -> None:
    """Put in the bundled story where no question is given; raises SettingError for half a question."""
    if arguments.backstory_file is not None:
        return
    flags = ("target_character", "novel", "novels_dir", "track")
    given = [name for name in flags if getattr(arguments, name) not in (None, [], NOVELS_DIR)]
    if given:
        raise SettingError(
            f"--{given[0]} is given without --backstory_file; give a character and a backstory, or neither for the "
            "bundled story"
        )
    output("no backstory given: judging the bundled story; see --help for your own")
    vars(arguments).update(_BUNDLED)


def _open_book(pipeline: Pipeline, arguments: argparse.Namespace, names: Sequence[str]) -> Book:
    from pipeline.commands.judge_sheet import find_sheet_novel
    from pipeline.text.novels import find_novel
    from pipeline.text.shelf import choose_novel

    if arguments.novel is not None:
        return pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    if arguments.target_character is None:
        return pipeline.open_book(find_sheet_novel(pipeline, arguments.novels_dir, names))
    return pipeline.open_book(choose_novel(arguments.novels_dir, arguments.target_character, aliases=pipeline.aliases))


def _show(judgement: Judgement, output: Output) -> None:
    for judged in judgement.verdict.claims:
        output(f"  {judged.label:<12} {judged.probability:.2f}  {judged.claim.text}")
        output(f"               {judged.rationale}")
        if judged.waiver:
            output(f"               marked as intentional, and left out of the verdict: {judged.waiver}")
    for path in judgement.files:
        output(str(path))
    report = next(path for path in judgement.files if path.name == "report.html")
    output(_conclusion(judgement))
    output(f"report: {report}")


def _conclusion(judgement: Judgement) -> str:
    verdict = judgement.verdict
    chance = f"probability of consistent {verdict.probability:.2f}"
    return f"{verdict.character} in {verdict.novel}: {verdict.label} ({chance})"
