"""``python -m pipeline cache``: show, clear or locate the cached readings, checkpoints and answers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from pipeline.commands.progress import print_line
from pipeline.commands.shared_flags import CommandParser, add_cache_dir

SUMMARY = "list and manage the cached readings of novels"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("action", choices=["show", "clear", "path"], help="list, remove, or print their place")
    add_cache_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """List readings and checkpoints and count the answers, remove all, or print where they are; return 0."""
    from pipeline.reading.checkpoints import open_checkpoints
    from pipeline.storage.answers import open_answers
    from pipeline.storage.remote import open_cache

    cache = open_cache(arguments.cache_dir)
    answers, checkpoints = open_answers(cache), open_checkpoints(cache)
    if arguments.action == "path":
        print_line(cache.place)
    elif arguments.action == "clear":
        removed = f"{cache.clear()} readings, {checkpoints.clear()} checkpoints and {answers.clear()} answers"
        print_line(f"removed {removed} from {cache.place}")
    else:
        entries = cache.entries()
        for entry in entries:
            print_line(_line(entry.size, entry.about, "" if entry.finished else ", unfinished"))
        places = checkpoints.entries()
        for place in places:
            print_line(_line(place.size, place.about, f", checkpoint after {place.length:,} tokens"))
        stored = f"{len(entries)} readings, {len(places)} checkpoints and {answers.count()} answers"
        print_line(f"{stored} in {cache.place}")
    return 0


def _line(size: int, about: Mapping[str, str], what: str) -> str:
    """Return the line of a stored file: its size, its novel, whose states it has, and what it is."""
    return f"{size / 1e6:8.1f} MB  {about.get('novel', '?')}: {about.get('character') or 'whole novel'}{what}"
