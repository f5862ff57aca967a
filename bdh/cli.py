"""Command line of the library: an error is one line and exit status 2."""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from bdh.commands.catalogue import add_commands
from bdh.commands.settings import insert_settings, normalise_hyphens
from bdh.errors import BDHError, ConfigError, lack_of_memory


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 after printing an error."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        return int(arguments.run(arguments))
    except (BDHError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        message = lack_of_memory(error, "a smaller batch, a shorter text or another --device needs less")
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; --resume continues from the last checkpoint", file=sys.stderr)
        return 130


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the flags, with settings of files and defaults of presets; raises ConfigError for a flag that is wrong."""
    parser, commands = make_parsers()
    words = insert_settings(normalise_hyphens(argv), commands)
    arguments = parser.parse_args(words)
    defaults = arguments.defaults(arguments)
    if not defaults:
        return arguments
    commands[arguments.command].set_defaults(**defaults)
    return parser.parse_args(words)


def make_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of the program, and those of its commands by name."""
    installed = Path(sys.argv[0]).stem == "bdh"
    parser = _Parser(
        prog="bdh" if installed else "python -m bdh", description="Train, run and measure BDH language models."
    )
    parser.add_argument("--version", action="version", version=f"bdh {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    return parser, add_commands(commands, formatter=_Formatter)


def _version() -> str:
    try:
        return metadata.version("bdh-narrative")
    except metadata.PackageNotFoundError:
        return "in a clone that is not installed"


class _Parser(argparse.ArgumentParser):
    """Report a wrong flag in one line, like every other error, and accept no abbreviated one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError instead of printing the usage."""
        raise ConfigError(f"{message}; see {self.prog} --help")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Show the default of every flag that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)
