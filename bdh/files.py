"""Files that are written completely or not at all, and a lock on the folder of a training run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bdh.errors import ConfigError

_LOCK = ".training.lock"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; flush what was written there to disk, then move it to ``path``.

    When the block raises, the temporary file is removed and ``path`` stays as it was. The name has the process id, so
    that processes that write the same file do not disturb each other.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``path``, completely or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def locked(folder: Path, writes: bool = True) -> Iterator[None]:
    """Create ``folder`` and lock it for one training run; processes that do not write (``writes`` False) take no lock.

    The operating system releases the lock of a killed process; a folder that stays empty is removed again. Raises
    ConfigError while another training run has the lock.
    """
    created = not folder.exists()
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
        if created:
            with suppress(OSError):
                folder.rmdir()
