"""``python -m pipeline sheets``: every character sheet of a repository, for a build or a commit hook."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from pipeline.commands import judge
from pipeline.commands.progress import print_line, print_warning
from pipeline.commands.shared_flags import (
    CLUSTER,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.errors import BackstoryError, PipelineError

SUMMARY = "judge every character sheet against a manuscript, for a build or a commit hook"
ERROR, INCONSISTENT, UNCERTAIN = 2, 1, 3
_KINDS = (".txt", ".md")
_NOT_SHEETS = {"readme"}


@dataclass(frozen=True)
class Outcome:
    """The exit status that judging one sheet gives, its verdict for programs, and the error where there is none."""

    sheet: Path
    status: int
    answer: Mapping[str, Any]
    error: str = ""


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Judge every character sheet against a manuscript. A sheet is a text file named after its character, such as "
        "'sheets/Hester Lanyon.txt'."
    )
    parser.epilog = (
        "Exit status: 0 when no sheet contradicts the book, 1 when one does, 2 when one could not be judged; with\n"
        "--fail_on_uncertain 3 when one is uncertain and none is worse. docs/continuity.md has a workflow and a hook."
    )
    question = parser.group("what is judged")
    question.add_argument(
        "sheets", metavar="SHEET", nargs="*", default=["sheets"], help="files or folders of sheets (sheets)"
    )
    question.add_argument(
        "--novel", metavar="NAME", help="title, file name or path; else the only novel of --novels_dir with the name"
    )
    question.add_argument(
        "--ignore_waivers", action="store_true", help="judge what <novel>.waivers.json marks as intentional, too"
    )
    answer = parser.group("how it answers")
    answer.add_argument("--json", action="store_true", help="the verdicts as a JSON list on standard output")
    answer.add_argument("--fail_on_uncertain", action="store_true", help="exit with 3 for a sheet that is uncertain")
    answer.add_argument("--github", action="store_true", help="findings as annotations of GitHub Actions, too")
    add_places(parser)
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=CLUSTER)


def run(arguments: argparse.Namespace) -> int:
    """Judge the sheets one after the other and print what is wrong; return the exit status of the worst."""
    outcomes = []
    for sheet in find_sheets(arguments.sheets):
        outcomes.append(_judge(sheet, arguments))
        for line in _lines(outcomes[-1], github=arguments.github):
            (print_warning if arguments.json else print_line)(line)
    if arguments.json:
        print_line(json.dumps([outcome.answer for outcome in outcomes], ensure_ascii=False, indent=1))
    counted = (ERROR, INCONSISTENT, UNCERTAIN) if arguments.fail_on_uncertain else (ERROR, INCONSISTENT)
    return next((status for status in counted if status in {outcome.status for outcome in outcomes}), 0)


def find_sheets(places: list[str]) -> list[Path]:
    """Return the files among ``places`` and the sheets in its folders; raises BackstoryError where there are none."""
    sheets = [sheet for place in places for sheet in _sheets_in(Path(place))]
    if not sheets:
        raise BackstoryError(
            f"no sheet in {', '.join(places)}; expected text files named after their characters, such as "
            "'sheets/Hester Lanyon.txt'"
        )
    return sheets


def _sheets_in(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    files = (path for path in sorted(place.iterdir()) if path.suffix.lower() in _KINDS)
    return [path for path in files if path.stem.lower() not in _NOT_SHEETS]


def _judge(sheet: Path, arguments: argparse.Namespace) -> Outcome:
    own = {
        "target_character": sheet.stem,
        "backstory_file": str(sheet),
        "out_dir": str(Path(arguments.out_dir) / sheet.stem),
        "json": True,
        "exit_code": True,
        "track": [],
    }
    answer = StringIO()
    try:
        with redirect_stdout(answer):
            status = judge.run(argparse.Namespace(**{**vars(arguments), **own}))
    except PipelineError as error:
        message = " ".join(str(error).split())
        return Outcome(sheet, ERROR, {"sheet": str(sheet), "error": message}, message)
    return Outcome(sheet, status, {"sheet": str(sheet), **json.loads(answer.getvalue())})


def _lines(outcome: Outcome, *, github: bool) -> Iterator[str]:
    """Yield the verdict on a sheet, and each claim that the book contradicts with its reason."""
    if outcome.error:
        yield f"{outcome.sheet}: not judged: {outcome.error}"
        found = [outcome.error]
    else:
        answer = outcome.answer
        yield f"{outcome.sheet}: {answer['verdict']} (probability of consistent {answer['probability']:.2f})"
        wrong = [claim for claim in answer["claims"] if claim["label"] == "contradicted" and not claim.get("waiver")]
        found = [" ".join(f"{claim['text']} {claim['rationale']}".split()) for claim in wrong]
        yield from (f"  {line}" for line in found)
        found = [f"{answer['verdict']}. {' '.join(found)}"] if outcome.status else []
    if github:
        level = "warning" if outcome.status == UNCERTAIN else "error"
        where = f"file={_escaped(outcome.sheet)},title={_escaped(outcome.sheet.stem)}"
        yield from (f"::{level} {where}::{line.replace('%', '%25')}" for line in found)


def _escaped(value: object) -> str:
    """Return a property of an annotation with the signs that end one as GitHub writes them."""
    text = str(value).replace("%", "%25")
    return text.replace(":", "%3A").replace(",", "%2C")
