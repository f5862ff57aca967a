"""``python -m pipeline serve``: the local page, whose libraries are optional."""

from __future__ import annotations

import argparse
from importlib import import_module

from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    ONE_NOVEL,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.errors import SettingError

SUMMARY = "open a desk in the browser: novels, casts, backstories, reports"
_OPTIONAL = ("flask", "waitress", "mammoth", "fast_ebook")


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    page = parser.group("the page")
    page.add_argument(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="this machine alone unless another is named (%(default)s)",
    )
    page.add_argument("--port", metavar="N", type=int, default=8420, help="0: any free one (%(default)s)")
    page.add_argument(
        "--max_upload_mb", metavar="N", type=int, default=50, help="the largest novel that is accepted (%(default)s)"
    )
    add_places(parser)
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=CLUSTER + ONE_NOVEL)


def run(arguments: argparse.Namespace) -> int:
    """Answer until the user interrupts; return 0."""
    config = pipeline_config(arguments)
    try:
        # By name: the page is an optional room above the commands, whose files it uses.
        server = import_module("pipeline.serve.server")
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in _OPTIONAL:
            raise SettingError(
                f"the local page needs {error.name}, which is not installed; install it: pip install -e '.[serve]'"
            ) from error
        raise
    status: int = server.serve(arguments, config)
    return status
