"""What a person sees while a command runs: lines and progress bars."""

from __future__ import annotations

import sys
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


def warn(line: str) -> None:
    """Print a line on standard error, above a bar that may be running there."""
    tqdm.write(line, file=sys.stderr)


def say(line: str) -> None:
    """Print a line for the person who waits."""
    print(line, flush=True)
