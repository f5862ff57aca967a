"""Answers of models as JSON in one SQLite file: labels of the verifier, measured claims, answers of Groq.

A key is a hash over everything that its answer depends on, so an answer never changes and any process may store it.
The file is on a local file system or on one with working locks. A missing or damaged answer is made again.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from pipeline.errors import CacheError
from pipeline.storage.cache import ENVIRONMENT, ReadingCache
from pipeline.storage.locks import locked

_FILE = "cache.db"
_LOCK = "answers.lock"
_FORMER = "*.answer.json"
"""One file an answer, as earlier versions stored them: ``clear`` removes them."""
_SETTINGS = {
    "eviction_policy": "none",
    "cull_limit": 0,
    "disk_min_file_size": 1 << 40,  # every answer is in the database: no files next to it that could be lost
    "sqlite_journal_mode": "delete",  # a write-ahead log and a mapped file fail where machines share a folder
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 0,  # a lost answer is made again, so no write waits for the disk
}
_REFUSALS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
_RAW = 1
"""The mode of a row whose value diskcache stores as it is."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class _TextDisk(diskcache.Disk):  # type: ignore[misc]
    """Values as text. Pickles and file names, which are not written here, are never loaded or followed."""

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> str:
        """Return the text of a row, or "", which is not JSON, for a row of another kind."""
        return value if mode == _RAW and isinstance(value, str) else ""


class AnswerCache:
    """JSON values by key in ``folder``, which is made with the first value and which several processes may share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / _FILE

    def load(self, key: str) -> Any | None:
        """Return the value stored under ``key``, or None where there is none or it is damaged; raises CacheError."""
        text = self._read(lambda cache: cache.get(key), "SELECT value FROM Cache WHERE key = ?", key)
        try:
            return None if text is None else json.loads(text)
        except (ValueError, TypeError):
            _log.warning("the stored answer %s is damaged and is made again", key)
            return None

    def store(self, key: str, value: Any) -> None:
        """Store a value that JSON can hold; raises CacheError where the folder refuses it."""
        text = json.dumps(value)
        with self._explained():
            self._use(lambda cache: cache.set(key, text))

    def get(self, key: str, compute: Callable[[], _Result], *, is_valid: Callable[[Any], bool]) -> _Result:
        """Return the value stored under ``key`` if it is valid, else what ``compute`` returns, which is then stored."""
        stored: Any = self.load(key)
        if is_valid(stored):
            return stored  # type: ignore[no-any-return]
        computed = compute()
        self.store(key, computed)
        return computed

    def count(self) -> int:
        """Return how many answers are stored."""
        return self._read(len, "SELECT COUNT(*) FROM Cache") or 0

    def clear(self) -> int:
        """Remove all answers; return how many there were."""
        count = self.count()
        if self.folder.is_dir():
            with self._explained(), locked(self.folder / _LOCK):
                self._remove()
                for former in self.folder.glob(_FORMER):
                    former.unlink(missing_ok=True)
        return count

    def _read(self, act: Callable[[diskcache.Cache], _Result], statement: str, *values: str) -> _Result | None:
        """Return what ``act`` gives, or ``statement`` in a folder that takes no files, which diskcache cannot open."""
        if not self._file.is_file():
            return None
        with self._explained():
            try:
                return self._use(act)
            except (OSError, sqlite3.OperationalError, diskcache.Timeout):
                with closing(sqlite3.connect(f"{self._file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                    row = connection.execute(statement, values).fetchone()
                return None if row is None else row[0]

    def _use(self, act: Callable[[diskcache.Cache], _Result]) -> _Result:
        """Return what ``act`` gives; a damaged database is removed and ``act`` starts with an empty one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / _LOCK):  # opening writes without waiting, and fails while another process writes
            try:
                return self._open_for(act)
            except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, AttributeError) as error:
                if _is_refusal(error):
                    raise
                _log.warning("the stored answers in %s are damaged and are made again (%s)", self.folder, error)
            self._remove()
            return self._open_for(act)

    def _open_for(self, act: Callable[[diskcache.Cache], _Result]) -> _Result:
        with diskcache.Cache(str(self.folder), disk=_TextDisk, **_SETTINGS) as cache:
            return act(cache)

    def _remove(self) -> None:
        for path in self.folder.glob(f"{_FILE}*"):
            path.unlink(missing_ok=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            reason = getattr(error, "strerror", None) or str(error) or "the database is locked"
            raise CacheError(
                f"answers cannot be cached in {self.folder} ({reason}); free space there, or name another folder with "
                f"--cache_dir or {ENVIRONMENT}"
            ) from error


def open_answers(readings: ReadingCache) -> AnswerCache:
    """Return the answers stored in the folder of ``readings``; where these are remote, in their local folder."""
    return AnswerCache(readings.folder / "answers")


def _is_refusal(error: Exception) -> bool:
    """Return True if the system refused to read or write a file that may be whole."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _REFUSALS


def is_table(stored: object, *, rows: int, columns: int) -> bool:
    """Return whether a cached answer is a table of numbers of this size."""
    return (
        isinstance(stored, list)
        and len(stored) == rows
        and all(isinstance(row, list) and len(row) == columns for row in stored)
        and all(isinstance(one, (int, float)) for row in stored for one in row)
    )
