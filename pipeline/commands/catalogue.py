"""The commands by name: ``pipeline.py`` and ``run_dataset.py`` run one each, ``python -m pipeline`` any of them.

Where the package is installed, ``novel-check`` runs any of them.

A command is one file of this room with its flags, its help and its work. It imports in ``run`` what takes long, so that
``--help`` and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import metadata
from typing import Protocol

from pipeline.commands import (
    cache,
    characters,
    controls,
    dataset,
    demo,
    evaluate_claims,
    export,
    fit_judge,
    judge,
    prepare_claims,
    read_library,
    serve,
    sheets,
    train_judge,
    train_reader,
    waive,
    watch,
)
from pipeline.commands.settings import parse
from pipeline.commands.shared_flags import CommandParser, add_config

PROGRAM = "python -m pipeline"
INSTALLED = "novel-check"


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
    "demo": demo,
    "sheets": sheets,
    "cache": cache,
    "serve": serve,
    "characters": characters,
    "waive": waive,
    "export": export,
    "watch": watch,
    "read": read_library,
    "evaluate-claims": evaluate_claims,
    "fit-judge": fit_judge,
    "controls": controls,
    "prepare-claims": prepare_claims,
    "train-judge": train_judge,
    "train-reader": train_reader,
}


_RENAMED = (
    ("python pipeline.py", f"{INSTALLED} judge"),
    ("python run_dataset.py", f"{INSTALLED} dataset"),
    (PROGRAM, INSTALLED),
    (" (pipeline.py)", ""),
    (" (run_dataset.py)", ""),
)
"""What the installed program calls the commands that help texts name."""


def run_command(words: Sequence[str], *, program: str = PROGRAM) -> int:
    """Run the command that the first word names, with the flags after it; raises SettingError for wrong ones."""
    if not words or words[0] not in _COMMANDS:
        make_overview(program).parse_args(words)  # prints the help, or raises
    return _COMMANDS[words[0]].run(parse(make_parser(words[0], program), words[1:]))


def make_overview(program: str = PROGRAM) -> CommandParser:
    """Return the parser of a program, which knows the names of the commands and not their flags."""
    text = "Judge backstories against novels, and the tools for that."
    parser = CommandParser(prog=program, renamed=_renamed(program), description=text)
    parser.add_argument("--version", action="version", version=f"{INSTALLED} {_version()}")
    names = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        names.add_parser(name, help=command.SUMMARY)
    return parser


def make_parser(name: str, program: str = PROGRAM) -> CommandParser:
    """Return the parser of a command, as ``program`` runs it."""
    script = _SCRIPTS.get(name) if program == PROGRAM else None
    parser = CommandParser(prog=script or f"{program} {name}", renamed=_renamed(program))
    _COMMANDS[name].add_flags(parser)
    add_config(parser)
    return parser


def _version() -> str:
    try:
        return metadata.version("bdh-narrative")
    except metadata.PackageNotFoundError:
        return "in a clone that is not installed"


def _renamed(program: str) -> Sequence[tuple[str, str]]:
    return () if program == PROGRAM else _RENAMED


def make_parsers() -> dict[str, CommandParser]:
    """Return the parsers of all commands by name."""
    return {name: make_parser(name) for name in _COMMANDS}
