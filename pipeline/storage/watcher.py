"""Wait until files change.

What counts is the state of the files; the events of the system only say when to look. So nothing depends on how a
program saves, and a file system that sends no events is noticed a little later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from watchfiles import watch

Stamp = Mapping[Path, tuple[int, int, int]]
"""Time of change, size and number of each file that there is; equal while nothing was written."""

QUIET_SECONDS = 0.4
"""For so long the files must stay as they are: a program may save several, or remove one and write it anew."""
_POLL_SECONDS = 2.0


def stamp_of(paths: Iterable[Path]) -> Stamp:
    """Return the state of the files and folders that exist."""
    found = {}
    for path in paths:
        with suppress(OSError, ValueError):
            stat = path.stat()
            found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def changed_paths(before: Stamp, after: Stamp) -> list[Path]:
    """Return what was changed, added or removed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def wait_for_change(list_paths: Callable[[], Iterable[Path]], seen: Stamp) -> Stamp:
    """Return the state of the files once it differs from ``seen`` and nothing more is being written.

    ``list_paths`` is called anew for every look, as files may be added; it must not raise.
    """
    while (found := _settled(list_paths)) == seen:
        _wait_for_event({path.parent for path in list_paths()})
    return found


def _settled(list_paths: Callable[[], Iterable[Path]]) -> Stamp:
    found = stamp_of(list_paths())
    while True:
        time.sleep(QUIET_SECONDS)
        later = stamp_of(list_paths())
        if later == found:
            return found
        found = later


def _wait_for_event(folders: Iterable[Path]) -> None:
    """Return when something happens in one of the folders, or after a while."""
    existing = [folder for folder in folders if folder.is_dir()]
    timeout = int(_POLL_SECONDS * 1000)
    try:
        with closing(
            watch(*existing, watch_filter=None, recursive=False, rust_timeout=timeout, yield_on_timeout=True)
        ) as events:
            next(events)
    except (OSError, RuntimeError):  # a folder was removed meanwhile, or the system has no more watches to give
        time.sleep(_POLL_SECONDS)
