"""Run an entry of the command line in this process, and return what it prints and leaves behind."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """The exit status of a run, and the lines of its two streams."""

    status: int
    out: list[str]
    err: list[str]

    @property
    def error(self) -> str:
        """The one line of the error."""
        (line,) = [line for line in self.err if line.startswith("error:")]
        return line


def run(entry: Callable[[Sequence[str]], int], *words: object) -> Said:
    """Run an entry with these words and return its status and lines."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = entry([str(word) for word in words])
    return Said(status, out.getvalue().splitlines(), err.getvalue().replace("\r", "\n").splitlines())


def refused(entry: Callable[[Sequence[str]], int], *words: object) -> str:
    """Run an entry that must end with status 2 and one clear line; return the line."""
    said = run(entry, *words)
    assert said.status == 2
    assert not any("Traceback" in line for line in [*said.out, *said.err])
    return said.error


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
