"""The commands by name; ``pipeline.py`` and ``run_dataset.py`` run one each, ``python -m pipeline`` any of them.

A command is one file of this room with its flags, its help and its work. It imports in ``run`` what takes long, so that
``--help`` and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Protocol

from pipeline.commands import (
    cache,
    characters,
    controls,
    dataset,
    evaluate_claims,
    fit_judge,
    judge,
    read_library,
    serve,
    train_judge,
    train_reader,
    waive,
    watch,
)
from pipeline.commands.settings import parse
from pipeline.commands.shared_flags import CommandParser, add_config

PROGRAM = "python -m pipeline"


class Command(Protocol):
    """What the file of a command offers; ``add_flags`` gives the parser its description and epilog as well."""

    SUMMARY: str

    def add_flags(self, parser: CommandParser) -> None:
        """Add the flags of the command."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work and return the exit status; raises PipelineError."""


_SCRIPTS = {"judge": "pipeline.py", "dataset": "run_dataset.py"}
_COMMANDS: dict[str, Command] = {
    "judge": judge,
    "dataset": dataset,
    "cache": cache,
    "serve": serve,
    "characters": characters,
    "waive": waive,
    "watch": watch,
    "read": read_library,
    "evaluate-claims": evaluate_claims,
    "fit-judge": fit_judge,
    "controls": controls,
    "train-judge": train_judge,
    "train-reader": train_reader,
}


def run_command(words: Sequence[str]) -> int:
    """Run the command that the first word names, with the flags after it; raises SettingError for wrong ones."""
    if not words or words[0] not in _COMMANDS:
        make_overview().parse_args(words)  # prints the help, or raises
    return _COMMANDS[words[0]].run(parse(make_parser(words[0]), words[1:]))


def make_overview() -> CommandParser:
    """Return the parser of ``python -m pipeline``, which knows the names of the commands and not their flags."""
    parser = CommandParser(prog=PROGRAM, description="Judge backstories against novels, and the tools for that.")
    names = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        names.add_parser(name, help=command.SUMMARY)
    return parser


def make_parser(name: str) -> CommandParser:
    """Return the parser of a command."""
    parser = CommandParser(prog=_SCRIPTS.get(name, f"{PROGRAM} {name}"))
    _COMMANDS[name].add_flags(parser)
    add_config(parser)
    return parser


def make_parsers() -> dict[str, CommandParser]:
    """Return the parsers of all commands by name."""
    return {name: make_parser(name) for name in _COMMANDS}
