"""``python -m pipeline serve``: the desk in the browser."""

from __future__ import annotations

import argparse
import shutil
from importlib import import_module
from pathlib import Path

from pipeline.commands.progress import print_line
from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    NOVELS_DIR,
    ONE_NOVEL,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.config import ROOT

SUMMARY = "open a desk in the browser: novels, casts, backstories, reports"


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
    # By name: the desk is a room above the commands, whose files it uses.
    server = import_module("pipeline.serve.server")
    if arguments.novels_dir == NOVELS_DIR and not Path(NOVELS_DIR).exists():
        _offer_story(Path(NOVELS_DIR))
    status: int = server.serve(arguments, config)
    return status


def _offer_story(folder: Path) -> None:
    """Make the default folder of novels with the bundled story in it, so that the desk has something to show."""
    from pipeline.storage.files import prepare_folder

    story = ROOT / "novels" / "The Unlit Hour.txt"
    shutil.copyfile(story, prepare_folder(folder) / story.name)
    print_line(f"made the folder {folder} with the bundled story; your own novels go there")
