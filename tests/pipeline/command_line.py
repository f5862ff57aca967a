"""Run an entry of the command line in this process, and return what it prints and leaves behind."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
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
    """Return every file below a folder; of the stored answers the rows, whose file also holds the times of writing."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): rows_of(path) if path.name == "cache.db" else path.read_bytes() for path in files
    }


def rows_of(answers: Path) -> bytes:
    """Return the keys and values of a file of answers."""
    with closing(sqlite3.connect(answers)) as connection:
        rows = connection.execute("SELECT key, value FROM Cache ORDER BY key").fetchall()
    return json.dumps(rows, indent=1).encode()
