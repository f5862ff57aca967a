"""Files written whole or not at all, and folders that one training writes to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bdh.errors import ConfigError

_LOCK = ".training.lock"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text beside ``path``, then put it in its place; what stood there stays until all of it is written."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


@contextmanager
def hold(folder: Path, writes: bool = True) -> Iterator[None]:
    """Make ``folder`` and keep it for one training, whose processes but one do not write and hold nothing.

    The system lets go of what a killed process held; a folder that stays empty is removed again. Raises ConfigError
    while another training has the folder.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if not writes:
        yield
        return
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"another training writes to {folder} at this moment; wait for it, or name another folder with --out"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / _LOCK).unlink(missing_ok=True)
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()
