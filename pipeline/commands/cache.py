"""``python -m pipeline cache``: the kept readings for their owner."""

from __future__ import annotations

import argparse

from pipeline.commands.progress import say
from pipeline.storage.remote import open_cache


def manage_cache(arguments: argparse.Namespace) -> int:
    """List the kept readings, remove them, or say where they lie; return 0."""
    cache = open_cache(arguments.cache_dir)
    if arguments.action == "path":
        say(cache.place)
    elif arguments.action == "clear":
        say(f"removed {cache.clear()} readings from {cache.place}")
    else:
        entries = cache.entries()
        for entry in entries:
            who = entry.about.get("character") or "whole novel"
            progress = "" if entry.finished else ", unfinished"
            say(f"{entry.size / 1e6:8.1f} MB  {entry.about.get('novel', '?')}: {who}{progress}")
        say(f"{len(entries)} readings in {cache.place}")
    return 0
