"""The cache of readings: one safetensors file each, named by a hash over everything that the reading depends on.

One entry of the header describes the reading and has a hash of its arrays, so damage is detected; a single entry,
because safetensors writes several in any order, and equal readings must be equal bytes. When several processes need
the same reading, one makes it and the others wait (docs/decisions/0015-crashes-and-bad-input.md).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.errors import CacheError
from pipeline.storage.files import PARTIAL, replacing
from pipeline.storage.locks import locked

FORMAT_VERSION = "2"
ENVIRONMENT = "BDH_CACHE_DIR"
_SUFFIX = ".reading.safetensors"
_UNFINISHED = ".unfinished.safetensors"
_TEXT = ".text.safetensors"
_HEADER = "reading"
_LOCK = ".lock"
_FORMER = ".claims.json"
"""Answers of earlier versions, which ``clear`` removes."""
_WAITS = "another process is reading this; waiting for its reading"

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

_log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Return the folder of the cache: ``BDH_CACHE_DIR`` when set, else the user's cache folder."""
    folder = os.environ.get(ENVIRONMENT)
    return Path(folder) if folder else Path(platformdirs.user_cache_dir("bdh-narrative"))


def make_key(parts: Mapping[str, object]) -> str:
    """Return the key of a cached result: a hash over ``parts``, everything that the result depends on."""
    text = json.dumps({"format": FORMAT_VERSION, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class CachedReading:
    """A reading in the cache: its file, size in bytes, whether it is finished, and the description in its header."""

    path: Path
    size: int
    finished: bool
    about: dict[str, str]


class ReadingCache:
    """A folder of readings. Every file appears under its name complete or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder or address of the readings, as it is shown to the user."""
        return str(self.folder)

    def prepare(self) -> None:
        """Make the folder and check that it takes files, before hours of reading; raises CacheError."""
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"\0")

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold the lock of a reading for the block; a process that needs it meanwhile logs a warning and waits.

        The system releases the lock of a killed process. The scratch files that it left are removed.
        """
        with ExitStack() as stack:
            with _explained(self.folder):
                stack.enter_context(locked(self.folder / (key + _LOCK), on_wait=lambda: _log.warning(_WAITS)))
                for left in self.folder.glob(f"*{key}.*{PARTIAL}"):
                    left.unlink(missing_ok=True)
            yield

    def load(self, key: str) -> Arrays | None:
        """Return a finished reading, or None; a damaged file is removed, so that the novel is read again."""
        return self._load(self.folder / (key + _SUFFIX))

    def load_unfinished(self, key: str) -> Arrays | None:
        """Return the last saved state of an interrupted reading, or None."""
        return self._load(self.folder / (key + _UNFINISHED))

    def store(self, key: str, arrays: Mapping[str, Array], *, about: Mapping[str, str]) -> None:
        """Store a finished reading and remove its unfinished one."""
        self._write(self.folder / (key + _SUFFIX), arrays, about)
        with _explained(self.folder):
            (self.folder / (key + _UNFINISHED)).unlink(missing_ok=True)

    def store_unfinished(self, key: str, arrays: Mapping[str, Array], *, about: Mapping[str, str]) -> None:
        """Store the state of a reading that is in progress."""
        self._write(self.folder / (key + _UNFINISHED), arrays, about)

    def load_spans(self, key: str) -> dict[str, list[list[int]]] | None:
        """Return the tables of integers stored by ``store_spans``, such as the offsets of sentences, or None."""
        tables = self.load_arrays(key)
        return None if tables is None else {name: table.tolist() for name, table in tables.items()}

    def store_spans(self, key: str, tables: Mapping[str, Sequence[Sequence[int]]], *, about: Mapping[str, str]) -> None:
        """Store tables of integers that are cheaper to load than to compute; they do not count as readings."""
        self.store_arrays(key, {name: _table(rows) for name, rows in tables.items()}, about=about)

    def load_arrays(self, key: str) -> Arrays | None:
        """Return the arrays stored by ``store_arrays``, or None."""
        return self._load(self.folder / (key + _TEXT))

    def store_arrays(self, key: str, arrays: Mapping[str, Array], *, about: Mapping[str, str]) -> None:
        """Store arrays about a text that are cheaper to load than to compute; they do not count as readings."""
        self._write(self.folder / (key + _TEXT), arrays, about)

    def entries(self) -> tuple[CachedReading, ...]:
        """Return the stored readings, oldest first."""
        with _explained(self.folder):
            paths = [path for path in self.folder.glob("*.safetensors") if path.name.endswith((_SUFFIX, _UNFINISHED))]
            paths.sort(key=lambda path: (path.stat().st_mtime, path.name))
            return tuple(CachedReading(p, p.stat().st_size, p.name.endswith(_SUFFIX), _about(p)) for p in paths)

    def clear(self) -> int:
        """Remove everything stored and all scratch files; return the number of readings."""
        count = len(self.entries())
        with _explained(self.folder):
            for pattern in (f"*{_SUFFIX}*", f"*{_UNFINISHED}*", f"*{_TEXT}*", f"*{_FORMER}*", f"*{_LOCK}", ".tmp*"):
                for path in self.folder.glob(pattern):
                    path.unlink(missing_ok=True)
        return count

    def _load(self, path: Path) -> Arrays | None:
        with _explained(self.folder):
            if not path.is_file():
                return None
            arrays = _read(path)
            if arrays is None:
                _log.warning("the stored reading %s is damaged and is read again", path.name)
                path.unlink(missing_ok=True)
            return arrays

    def _write(self, path: Path, arrays: Mapping[str, Array], about: Mapping[str, str]) -> None:
        contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        header = json.dumps({"about": dict(about), "sha256": _hash(contiguous)}, sort_keys=True)
        with _explained(self.folder), replacing(path) as scratch:
            save_file(contiguous, str(scratch), {_HEADER: header})


def _table(rows: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Return rows of equal length as one array, without a list of all their numbers."""
    flat = np.fromiter(chain.from_iterable(rows), np.int64)
    return flat.reshape(len(rows), -1) if rows else flat


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise CacheError(
            f"readings cannot be stored in {folder} ({getattr(error, 'strerror', None) or error}); free space there, "
            f"or name another folder with --cache_dir or {ENVIRONMENT}"
        ) from error


def _read(path: Path) -> Arrays | None:
    """Return the arrays of a file, or None where it is damaged."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = _header(file.metadata())
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError:
        return None
    return arrays if header.get("sha256") == _hash(arrays) else None


def _about(path: Path) -> dict[str, str]:
    """Return the description in the header of a file; its arrays are not checked."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            about = _header(file.metadata()).get("about")
    except SafetensorError:
        about = None
    return about if isinstance(about, dict) else {"novel": "(damaged)"}


def _header(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    try:
        header = json.loads((metadata or {}).get(_HEADER, ""))
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _hash(arrays: Mapping[str, Array]) -> str:
    """Return a hash over the names, dtypes, shapes and bytes of arrays that are contiguous."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        # "torch." because the first files of this format were written from tensors
        digest.update(f"{name} torch.{array.dtype.name} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
