"""``python -m pipeline watch``: judge again whenever the manuscript or the backstory changes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.judge import EXIT_CODES, Output, add_question
from pipeline.commands.progress import print_line, print_warning
from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    HYPHENS,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.errors import NovelError, PipelineError, SettingError

if TYPE_CHECKING:
    from pipeline.commands.judge_book import Judgement
    from pipeline.records import BackstoryLabel
    from pipeline.run import Pipeline

SUMMARY = "judge again whenever the manuscript or the backstory changes"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Judge a backstory again whenever a file of the novel, the backstory, the waivers, the aliases or the "
        "narrators changes; print what changed in the verdict, and refresh the artefacts and the report. Ctrl-C ends "
        "it."
    )
    parser.epilog = (
        '  python -m pipeline watch --novels_dir manuscript --target_character "Hester Lanyon" \\\n'
        "      --backstory_file hester.txt\n"
        "Without --target_character every character that the backstory names is judged.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when it is ended with Ctrl-C; with --once as that of python pipeline.py."
    )
    add_question(parser)
    how = parser.group("how it watches")
    how.add_argument(
        "--once", action="store_true", help="compare with the last verdict in --out_dir and end, for hooks and scripts"
    )
    how.add_argument(
        "--exit_code",
        action="store_true",
        help="with --once, exit with 0 for consistent, 1 for inconsistent, 3 for uncertain; 2 stays an error",
    )
    how.add_argument(
        "--reload", metavar="SECONDS", type=int, default=0, help="let report.html load itself anew so often (never)"
    )
    add_places(parser)
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=CLUSTER)


def run(arguments: argparse.Namespace) -> int:
    """Judge, and judge again after every change; return 0 after Ctrl-C, with ``--once`` the status of a judgement."""
    config = pipeline_config(arguments)
    _check(arguments)
    from pipeline.commands.session import open_pipeline
    from pipeline.storage.files import prepare_folder

    prepare_folder(Path(arguments.out_dir))
    try:
        with open_pipeline(arguments, config) as pipeline:
            watched = Watched(pipeline, arguments)
            if arguments.once:
                label = watched.judge()
                return EXIT_CODES[label] if arguments.exit_code else 0
            _watch(watched)
    except KeyboardInterrupt:
        if arguments.once:
            raise
        print_line(f"stopped watching; the last verdict is in {arguments.out_dir}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.backstory_file is None:
        raise SettingError(
            "--backstory_file is missing; name the file of the backstory or the character sheet to watch"
        )
    if arguments.reload < 0:
        raise SettingError(f"--reload is {arguments.reload}; expected seconds, or 0 for never")


def _watch(watched: Watched) -> None:
    """Judge after every change, for ever; an error is printed, and the next change is waited for."""
    from pipeline.storage.watcher import changed_paths, stamp_of, wait_for_change

    seen = stamp_of(watched.paths())
    while True:
        candidates = watched.novel is None
        try:
            watched.judge()
        except (PipelineError, OSError) as error:
            print_warning(f"error: {' '.join(str(error).split())}")
        if candidates and watched.novel is not None:  # the other novels of the folder count no longer
            paths = watched.paths()
            seen = {**stamp_of(paths), **{path: state for path, state in seen.items() if path in paths}}
        print_line("waiting for a change; Ctrl-C ends")
        before, seen = seen, wait_for_change(watched.paths, seen)
        names = ", ".join(path.name for path in changed_paths(before, seen))
        print_line(f"{time.strftime('%H:%M:%S')} changed: {names}")


@dataclass
class Watched:
    """A backstory and the novel that it is judged against, which stays the one that was first chosen."""

    pipeline: Pipeline
    arguments: argparse.Namespace
    novel: Path | None = None

    def paths(self) -> list[Path]:
        """Return every file that a verdict depends on, or the choice of the novel, whether it is there or not."""
        from pipeline.text.novels import list_novels

        given = self.arguments
        files = [Path(given.backstory_file), *([Path(given.aliases_file)] if given.aliases_file else [])]
        if self.novel is not None:
            return [*files, *_paths_of(self.novel)]
        with suppress(NovelError):
            files += [path for novel in list_novels(given.novels_dir) for path in _paths_of(novel)]
        return files

    def judge(self) -> BackstoryLabel:
        """Judge, write the artefacts, print what changed since the last verdict there, and return the worst one."""
        from pipeline.claims.files import read_backstory
        from pipeline.commands.judge import JudgeRun, judge_given, names_in, open_book
        from pipeline.commands.session import print_usage

        given, sheet, pipeline = self.arguments, read_backstory(self.arguments.backstory_file), self._fork()
        names = names_in(given, sheet)
        book = pipeline.open_book(self.novel) if self.novel else open_book(pipeline, given, names)
        self.novel = Path(book.novel.path)
        run = JudgeRun(pipeline, given, book, print_line, _show, compare=True, reload=given.reload)
        label, _ = judge_given(run, sheet)
        print_usage(pipeline)
        return label

    def _fork(self) -> Pipeline:
        """Return the stages with the aliases as they are now, and with counts of their own."""
        from pipeline.commands.session import given_aliases

        aliases = given_aliases(self.arguments)
        if aliases != self.pipeline.aliases:
            self.pipeline = self.pipeline.with_aliases(aliases)
        return self.pipeline.fork()


def _paths_of(novel: Path) -> Iterator[Path]:
    """Yield the files of a novel and those that belong to it, whether they are there or not."""
    from pipeline.narration.given import narrators_path
    from pipeline.text.aliases import aliases_path
    from pipeline.text.chapter_files import chapter_paths
    from pipeline.waivers import waivers_path

    with suppress(OSError):
        yield from chapter_paths(novel) if novel.is_dir() else (novel,)
    yield from (waivers_path(novel), aliases_path(novel), narrators_path(novel))


def _show(judgement: Judgement, output: Output) -> None:
    from pipeline.commands.judge import show
    from pipeline.commands.verdict_lines import change_lines, conclusion, loose_lines

    if judgement.changes is None:
        output("no former verdict to compare with")
        show(judgement, output)
        return
    verdict = judgement.verdict
    loose = (line for judged in verdict.claims for line in loose_lines(judged))
    report = next(path for path in judgement.files if path.name == "report.html")
    for line in (*change_lines(judgement.changes), *loose, conclusion(verdict), f"report: {report}"):
        output(line)
