"""``python -m pipeline demo``: the bundled story, judged."""

from __future__ import annotations

import argparse

from pipeline.commands import judge
from pipeline.commands.shared_flags import CLUSTER, PLACES, CommandParser, add_cache_dir, add_settings
from pipeline.config import EngineConfig, ReadingConfig

SUMMARY = "judge the bundled story's backstory: a verdict with its reasons, and a report to open"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = "Judge a backstory of the bundled story: each claim with its reason, and a report to open."
    parser.group(PLACES).add_argument(
        "--out_dir", metavar="DIR", default="outputs", help="folder for the artefacts (%(default)s)"
    )
    add_cache_dir(parser)
    add_settings(parser, ReadingConfig, EngineConfig, without=CLUSTER)


def run(arguments: argparse.Namespace) -> int:
    """Judge with the default settings of everything that has no flag here; return 0."""
    return judge.run(with_defaults(arguments))


def with_defaults(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the flags of ``judge``: those that are given, and else its defaults."""
    parser = CommandParser()
    judge.add_flags(parser)
    return argparse.Namespace(**{**vars(parser.parse_args([])), **vars(arguments)})
