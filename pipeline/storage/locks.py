"""One at a time: locks that the system lets go of when their holder is gone, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


def lock_of(path: Path) -> Path:
    """Return where the lock of a file lies: hidden, beside it."""
    return path.with_name(f".{path.name}.lock")


@contextmanager
def hold(lock: Path, *, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold ``lock`` against everybody else, in this process or another; who comes later hears ``on_wait``, and waits.

    Raises:
        OSError: the folder refuses the file of the lock, which lies there meanwhile.
    """
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        on_wait()
        held.acquire(timeout=-1)
    try:
        yield
    finally:
        with suppress(OSError):  # who waits takes a file that was removed for none, and makes the next one
            lock.unlink(missing_ok=True)
        held.release()
