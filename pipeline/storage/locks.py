"""File locks that the operating system releases when the owning process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


def lock_of(path: Path) -> Path:
    """Return the path of the lock of a file: a hidden file in the same folder."""
    return path.with_name(f".{path.name}.lock")


@contextmanager
def locked(lock: Path, *, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock file ``lock`` for the block; no other thread or process can hold it meanwhile.

    Where another one holds it already, call ``on_wait`` once and wait.

    Raises:
        OSError: the lock file cannot be made in its folder.
    """
    file_lock = FileLock(lock)
    try:
        file_lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        file_lock.acquire(timeout=-1)
    try:
        yield
    finally:
        with suppress(OSError):  # a waiting process notices that the file was removed, and makes a new one
            lock.unlink(missing_ok=True)
        file_lock.release()
