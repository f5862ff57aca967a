"""``python -m pipeline cache``: the kept readings for their owner."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands.console import say
from pipeline.reading.cache import ReadingCache, default_folder


def manage_cache(arguments: argparse.Namespace) -> int:
    """List the kept readings, remove them, or say where they lie; return 0."""
    cache = ReadingCache(Path(arguments.cache_dir) if arguments.cache_dir else default_folder())
    if arguments.action == "path":
        say(str(cache.folder))
    elif arguments.action == "clear":
        say(f"removed {cache.clear()} readings from {cache.folder}")
    else:
        entries = cache.entries()
        for entry in entries:
            who = entry.about.get("character") or "whole novel"
            progress = "" if entry.finished else ", unfinished"
            say(f"{entry.size / 1e6:8.1f} MB  {entry.about.get('novel', '?')}: {who}{progress}")
        say(f"{len(entries)} readings in {cache.folder}")
    return 0
