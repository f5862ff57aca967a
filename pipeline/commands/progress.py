"""What a person sees while a command runs: lines and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

_Item = TypeVar("_Item")


class Bars:
    """One progress bar at a time, named after what is read."""

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


class LibraryProgress:
    """One bar over the text of many novels, in bytes of their files.

    It moves while a novel is read where this process reads it, and by the rest once the novel is done. The part of a
    novel that a killed worker had read is not counted until another worker has finished it.
    """

    def __init__(self, sizes: Mapping[Path, int]) -> None:
        self._sizes, self._part = sizes, 0
        self._by_name = {path.stem: size for path, size in sizes.items()}
        self._done = self._failed = 0

    def __enter__(self) -> LibraryProgress:
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


class Steps:
    """One bar over the steps of a training; hidden in every process but the one that writes."""

    def __init__(self, total: int, *, done: int, shown: bool) -> None:
        self._bar: tqdm[Any] = tqdm(total=total, initial=done, unit="step", disable=not shown)
        self._done, self._shown = done, shown

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def show(self, step: int, line: str) -> None:
        """Move to ``step`` and print a line about it."""
        self._bar.update(step - self._done)
        self._done = step
        if self._shown:
            self._bar.write(line)


def with_bar(items: Iterable[_Item], *, unit: str, name: str) -> Iterable[_Item]:
    """Return the items to go through, with a bar on a terminal."""
    return tqdm(items, unit=unit, desc=name, disable=not sys.stderr.isatty())


def print_line(line: str) -> None:
    """Print a line on standard output."""
    print(line, flush=True)


def print_notice(notice: str) -> None:
    """Print a notice on standard error."""
    print_warning(f"note: {notice}")


def print_warning(line: str) -> None:
    """Print a line on standard error, above a bar that may be running there."""
    tqdm.write(line, file=sys.stderr)
