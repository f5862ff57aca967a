"""Atomic writes, with an OutputError of one line where the system refuses.

A file is written under a temporary name in its folder and moved to its path when complete: an interrupted run leaves
the former file as it was. Text is UTF-8 with ``\\n`` at line ends on every system, so equal records give equal bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import OutputError
from pipeline.storage.locks import lock_of, locked

PARTIAL = ".partial"
"""Ending of scratch files; a killed process may leave some."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
# Path separators of any system, and the characters that Windows refuses in a name.
_UNSAFE = re.compile(r'[/\\:*?"<>|]')
# In bytes: with the longest suffix and the parts of a scratch name it must fit the usual 255.
_LONGEST_NAME = 180
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}


def safe_name(name: str) -> str:
    """Return ``name`` as the first part of a file name, the same on every system.

    Path separators, control and formatting characters and those that Windows refuses become ``_``.
    """
    visible = (
        "_" if unicodedata.category(letter).startswith("C") else letter for letter in unicodedata.normalize("NFC", name)
    )
    cleaned = _UNSAFE.sub("_", "".join(visible))
    short = cleaned.encode("utf-8")[:_LONGEST_NAME].decode("utf-8", errors="ignore").strip(" .")
    if not short or short.split(".")[0].lower() in _RESERVED:
        return f"novel_{short}".rstrip("_")
    return short


def prepare_folder(folder: Path) -> Path:
    """Make ``folder`` where it is missing and check that files can be written there.

    Call it before hours of work, so that a folder that refuses files is reported at once.

    Raises:
        OutputError: the folder cannot be made, is a file, or refuses files.
    """
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    return folder


@contextmanager
def locked_output(path: Path) -> Iterator[None]:
    """Hold the lock of the output file ``path`` for the block; wait where another thread or process holds it.

    Raises:
        OutputError: the lock file cannot be made in the folder of ``path``.
    """
    with ExitStack() as stack:
        with _explained(path):
            stack.enter_context(locked(lock_of(path)))
        yield


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a scratch path in the folder of ``path``; its file replaces ``path`` when the block succeeds.

    The folder is made where it is missing. When the block fails, ``path`` is untouched and the scratch file is removed.
    The scratch name is unique, so threads and processes may write the same ``path`` at once: the last one wins.

    Raises:
        OSError: the folder cannot be made, or ``path`` cannot be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PARTIAL}")
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, *, unencodable: str = "strict") -> Iterator[TextIO]:
    """Open ``path`` for text that appears there only once it is complete.

    ``unencodable`` is the codec's rule for lone surrogates, which represent bytes that were not UTF-8.

    Raises:
        OutputError: the system refused; the former file at ``path`` is untouched.
    """
    with (
        _explained(path),
        replacing(path) as scratch,
        scratch.open("x", encoding="utf-8", newline="\n", errors=unencodable) as handle,
    ):
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def write_text(path: Path, text: str) -> Path:
    """Write ``text``; a lone surrogate becomes a question mark."""
    with writing(path, unencodable="replace") as handle:
        handle.write(text)
    return path


def write_bytes(path: Path, data: bytes) -> Path:
    """Write ``data``; raises OutputError where the system refuses."""
    with _explained(path), replacing(path) as scratch:
        scratch.write_bytes(data)
    return path


def write_json(path: Path, value: object) -> Path:
    """Write ``value`` as indented JSON, piece by piece; a mapping stays a mapping and keeps its order."""
    # In JSON, \udc80 is how a lone surrogate is spelt: the codec's rule gives exactly that.
    with writing(path, unencodable="backslashreplace") as handle, _finite(path):
        handle.writelines(json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=1).iterencode(value))
        handle.write("\n")
    return path


def write_json_lines_as_list(path: Path, values: Iterable[object]) -> Path:
    """Write ``values`` as one JSON list, an element a line, holding one element in memory at a time."""
    with writing(path, unencodable="backslashreplace") as handle:
        handle.write("[")
        for number, value in enumerate(values):
            handle.write(",\n" if number else "\n")
            with _finite(path):
                handle.write(json.dumps(value, ensure_ascii=False, allow_nan=False))
        handle.write("\n]\n")
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the bytes of ``path`` in hexadecimal."""
    with _explained(path), path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def _finite(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise OutputError(
            f"cannot write {path.name}: {error}; every number of an artefact must be finite, so look for a broken "
            "reading (pipeline cache clear) or broken weights"
        ) from error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(_explanation(error, path)) from error


def _explanation(error: OSError, path: Path) -> str:
    if error.errno in _FULL:
        return f"the disk is full: {path} could not be written; free some space, or choose another --out_dir"
    if error.errno in _FORBIDDEN:
        return f"{path} may not be written (permission denied); choose an --out_dir that you may write to"
    if error.errno in _NOT_A_FOLDER:
        return f"{path}: a file is in the place of a folder, or a folder in that of a file; choose another --out_dir"
    return f"{path} cannot be written ({error.strerror or error}); choose another --out_dir"
