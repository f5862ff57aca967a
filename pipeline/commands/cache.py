"""``python -m pipeline cache``: show, clear or locate the cached readings and answers."""

from __future__ import annotations

import argparse

from pipeline.commands.progress import print_line
from pipeline.commands.shared_flags import CommandParser, add_cache_dir

SUMMARY = "list and manage the cached readings of novels"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("action", choices=["show", "clear", "path"], help="list, remove, or print their place")
    add_cache_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    """List the cached readings and count the answers, remove both, or print where they are; return 0."""
    from pipeline.storage.answers import open_answers
    from pipeline.storage.remote import open_cache

    cache = open_cache(arguments.cache_dir)
    answers = open_answers(cache)
    if arguments.action == "path":
        print_line(cache.place)
    elif arguments.action == "clear":
        print_line(f"removed {cache.clear()} readings and {answers.clear()} answers from {cache.place}")
    else:
        entries = cache.entries()
        for entry in entries:
            who = entry.about.get("character") or "whole novel"
            progress = "" if entry.finished else ", unfinished"
            print_line(f"{entry.size / 1e6:8.1f} MB  {entry.about.get('novel', '?')}: {who}{progress}")
        print_line(f"{len(entries)} readings and {answers.count()} answers in {cache.place}")
    return 0
