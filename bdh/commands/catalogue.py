"""The commands of this room, by name."""

import argparse
from typing import Any

from bdh.commands import merge, plot, push

_COMMANDS = {
    "plot": (plot.add_flags, "draw a run, a model or a log"),
    "push": (push.add_flags, "upload a model to the hub"),
    "merge": (merge.add_flags, "join two models along their neurons"),
}


def add_commands(commands: Any, *, formatter: type[argparse.HelpFormatter]) -> None:
    """Add every command to ``commands``, what ``add_subparsers`` returned."""
    for name, (add_flags, summary) in _COMMANDS.items():
        add_flags(commands.add_parser(name, help=summary, formatter_class=formatter))
