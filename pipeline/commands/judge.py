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
    from pipeline.records import BackstoryLabel, Character
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
    add_question(parser)
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


def add_question(parser: CommandParser) -> None:
    """Add the flags that say what is judged."""
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
    names = names_in(arguments, sheet)
    prepare_folder(Path(arguments.out_dir))
    with open_pipeline(arguments, config) as pipeline:
        book = open_book(pipeline, arguments, names)
        label, answer = judge_given(JudgeRun(pipeline, arguments, book, output, show), sheet)
    print_usage(pipeline, output)
    if arguments.json:
        print_line(json.dumps(answer, ensure_ascii=False, indent=1))
    return EXIT_CODES[label] if arguments.exit_code else 0


def names_in(arguments: argparse.Namespace, sheet: SheetText) -> tuple[str, ...]:
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
class JudgeRun:
    """What the verdicts of one run share; ``show`` prints each of them.

    With ``compare``, each is compared with the one that is stored in its folder. The page of a report loads itself anew
    after ``reload`` seconds, unless they are 0.
    """

    pipeline: Pipeline
    arguments: argparse.Namespace
    book: Book
    output: Output
    show: Callable[[Judgement, Output], None]
    compare: bool = False
    reload: int = 0

    def settings(self) -> dict[str, Any]:
        """Return what every verdict is judged with, by the names of ``judge_book``."""
        from pipeline.report.view import PageContext
        from pipeline.waivers import load_waivers, waivers_path

        given = self.arguments
        waivers = () if given.ignore_waivers else load_waivers(waivers_path(Path(self.book.novel.path)))
        around = PageContext(reload=self.reload)
        return {"out": Path(given.out_dir), "waivers": waivers, "around": around, "compare": self.compare}

    def track(self) -> list[Character]:
        """Return the further characters whose states to store; raises CharacterError."""
        return [self.pipeline.find_character(self.book, name) for name in self.arguments.track]

    def introduce(self, character: Character) -> None:
        """Print who is judged next."""
        self.output(
            f"{self.book.novel.name}: {len(self.book.chunks)} chunks, {len(character.chunks)} with {character.name}"
        )
        if character.told:
            self.output(f"told by this character: {len(character.told)} sentences of {character.name} as “I”")


def judge_given(given: JudgeRun, sheet: SheetText) -> tuple[BackstoryLabel, Mapping[str, Any]]:
    """Judge the character or characters, print the verdicts, and return the worst with the answer for programs."""
    from pipeline.commands.judge_sheet import plan_sheet

    target = given.arguments.target_character
    if target is not None:
        return _judge_one(given, given.pipeline.find_character(given.book, target), sheet)
    plan = plan_sheet(given.pipeline, given.book, sheet)
    if len(plan.parts) == 1 and not plan.left_out:
        return _judge_one(given, *plan.parts[0])
    return _judge_several(given, plan)


def _judge_one(given: JudgeRun, character: Character, backstory: Backstory) -> tuple[BackstoryLabel, Mapping[str, Any]]:
    from pipeline.commands.judge_book import judge_book
    from pipeline.report.entries import answer_entry

    tracked, settings = [character, *given.track()], given.settings()
    given.introduce(character)
    _show_notices(given)
    judgement = judge_book(given.pipeline, given.book, tracked, backstory, **settings)
    given.show(judgement, given.output)
    files = [str(path) for path in judgement.files]
    return judgement.verdict.label, answer_entry(given.book.novel, judgement.verdict, files)


def _judge_several(given: JudgeRun, plan: SheetPlan) -> tuple[BackstoryLabel, Mapping[str, Any]]:
    from pipeline.commands.judge_sheet import judge_sheet
    from pipeline.commands.verdict_lines import conclusion

    track, settings = given.track(), given.settings()
    _show_notices(given, *(f"{each.name} was not judged: {each.reason}" for each in plan.left_out), *plan.notices)
    judged = judge_sheet(
        given.pipeline,
        given.book,
        plan,
        track=track,
        on_character=given.introduce,
        on_judged=lambda one: given.show(one, given.output),
        **settings,
    )
    for judgement in judged.judgements:
        given.output(conclusion(judgement.verdict))
    given.output(f"report: {Path(given.arguments.out_dir) / 'report.html'}")
    return judged.label, judged.answer()


def _show_notices(given: JudgeRun, *notices: str) -> None:
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


def open_book(pipeline: Pipeline, arguments: argparse.Namespace, names: Sequence[str]) -> Book:
    """Return the novel that the flags name, else the one with characters of these names; raises NovelError."""
    from pipeline.commands.judge_sheet import find_sheet_novel
    from pipeline.text.novels import find_novel
    from pipeline.text.shelf import choose_novel

    if arguments.novel is not None:
        return pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    if arguments.target_character is None:
        return pipeline.open_book(find_sheet_novel(pipeline, arguments.novels_dir, names))
    return pipeline.open_book(choose_novel(arguments.novels_dir, arguments.target_character, aliases=pipeline.aliases))


def show(judgement: Judgement, output: Output) -> None:
    """Print a verdict, claim by claim, and where its files are."""
    from pipeline.commands.verdict_lines import claim_lines, conclusion

    for judged in judgement.verdict.claims:
        for line in claim_lines(judged):
            output(line)
    for path in judgement.files:
        output(str(path))
    report = next(path for path in judgement.files if path.name == "report.html")
    output(conclusion(judgement.verdict))
    output(f"report: {report}")
