"""What a person sees while a command runs: lines and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm


class Bars:
    """One progress bar at a time, named by what is read."""

    def __init__(self, unit: str) -> None:
        self._unit, self._name = unit, ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def show(self, name: str, read: int, total: int) -> None:
        """Move the bar of ``name`` by ``read`` of ``total``."""
        if self._bar is None or self._name != name:
            self._close()
            self._bar, self._name = tqdm(total=total, desc=name, unit=self._unit, unit_scale=True), name
        self._bar.update(read)
        if self._bar.n >= total:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


class Library:
    """One bar over the text of many novels, in bytes of their files.

    It moves while a novel is read where that is known here, and by the rest of it once the novel is done; of a novel
    that a killed worker had begun nothing is counted until another one has done it.
    """

    def __init__(self, sizes: Mapping[Path, int]) -> None:
        self._sizes, self._part = sizes, 0
        self._by_name = {path.stem: size for path, size in sizes.items()}
        self._done = self._failed = 0

    def __enter__(self) -> Library:
        self._bar = tqdm(total=sum(self._sizes.values()), unit="B", unit_scale=True)
        self._name()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def read(self, name: str, read: int, total: int) -> None:
        """Move by the share ``read`` of ``total`` of the novel called ``name`` (the stem of its file)."""
        size = self._by_name.get(name, 0)
        moved = min(size * read // max(total, 1), size - self._part)
        self._part += moved
        self._bar.update(moved)

    def finish(self, path: Path, *, failed: bool) -> None:
        """Count a novel as done."""
        self._done, self._failed = self._done + 1, self._failed + failed
        self._bar.update(self._sizes[path] - self._part)
        self._part = 0
        self._name()

    def _name(self) -> None:
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.set_description(f"{self._done} of {len(self._sizes)} novels{failed}")


def warn(line: str) -> None:
    """Print a line on standard error, above a bar that may be running there."""
    tqdm.write(line, file=sys.stderr)


def say(line: str) -> None:
    """Print a line for the person who waits."""
    print(line, flush=True)
