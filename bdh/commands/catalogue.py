"""The commands by name."""

import argparse
from typing import Any

from bdh.commands import convert, evaluate, generate, grow, harness, merge, plot, push, recall, train
from bdh.commands.settings import add_config_flag

_COMMANDS = {
    "train": (train.add_flags, "train a model on text"),
    "generate": (generate.add_flags, "continue a prompt"),
    "evaluate": (evaluate.add_flags, "measure loss, bits per byte and perplexity"),
    "harness": (harness.add_flags, "measure a model on tasks of lm-evaluation-harness"),
    "recall": (recall.add_flags, "measure what the memory of a model holds"),
    "plot": (plot.add_flags, "draw plots of a run, a model or a log"),
    "push": (push.add_flags, "upload a model to the hub"),
    "merge": (merge.add_flags, "merge two models along their neurons"),
    "grow": (grow.add_flags, "add neurons to a model without a change of its output"),
    "convert": (convert.add_flags, "convert a checkpoint of another implementation"),
}


def add_commands(commands: Any, *, formatter: type[argparse.HelpFormatter]) -> dict[str, argparse.ArgumentParser]:
    """Add every command to ``commands`` (from ``add_subparsers``); return their parsers by name."""
    parsers = {}
    for name, (add_flags, summary) in _COMMANDS.items():
        parser = commands.add_parser(name, help=summary, description=summary, formatter_class=formatter)
        parser.set_defaults(command=name, defaults=_no_defaults)
        add_flags(parser)
        add_config_flag(parser)
        parsers[name] = parser
    return parsers


def _no_defaults(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return no further defaults."""
    return {}
