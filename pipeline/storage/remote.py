"""Readings that several machines share: the same files in an object store or any other file system of fsspec.

A local folder has copies, where ``ReadingCache`` checks hashes, damage and scratch files; this module uploads the
stored files and downloads missing ones. A file is uploaded under a scratch name and moved when complete. Names are
hashes over everything that a reading depends on, so two machines upload the same bytes under one name, in any order.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
import platformdirs

from pipeline.errors import CacheError
from pipeline.storage.cache import (
    _FORMER,
    _SUFFIX,
    _TEXT,
    _UNFINISHED,
    ENVIRONMENT,
    Array,
    Arrays,
    CachedReading,
    ReadingCache,
    _header,
    default_folder,
)
from pipeline.storage.files import replacing

_LOCAL = ("file", "local")


def open_cache(place: str | Path | None) -> ReadingCache:
    """Return the cache at ``place``: a folder, or an address that fsspec supports, such as ``s3://bucket/books``.

    Without a place it is ``BDH_CACHE_DIR``, which may be either, and otherwise the user's cache folder. ``file://``
    addresses are folders. Raises CacheError for an unknown protocol, or one whose library is not installed.
    """
    address = str(place) if place else os.environ.get(ENVIRONMENT, "")
    if not is_address(address):
        return ReadingCache(Path(address) if address else default_folder())
    if address.partition("://")[0] in _LOCAL:
        return ReadingCache(Path(str(fsspec.core.url_to_fs(address)[1])))
    return RemoteCache(address, _local_folder(address))


def is_address(place: str) -> bool:
    """Return True if a place is an address such as ``s3://bucket/books``, False if it is a folder."""
    return "://" in place


def _local_folder(address: str) -> Path:
    """Return the folder of this machine's copies of the files at an address."""
    remote = is_address(os.environ.get(ENVIRONMENT, ""))
    home = Path(platformdirs.user_cache_dir("bdh-narrative")) if remote else default_folder()
    return home / "near" / hashlib.sha256(address.encode()).hexdigest()[:16]


class RemoteCache(ReadingCache):
    """Readings at an address, with copies in the local ``folder``. A file is there complete or not at all."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(folder)
        self._address = address
        with self._explained():
            self._files, self._root = fsspec.core.url_to_fs(address)
        self._made = False

    @property
    def place(self) -> str:
        """The address of the readings, as it is shown to the user."""
        return self._address

    def prepare(self) -> None:
        """Check that the address and the local folder take files, before hours of reading; raises CacheError."""
        super().prepare()
        with self._explained():
            self._make()
            probe = f"{self._root}/{uuid.uuid4().hex}.probe"
            self._files.pipe_file(probe, b"\0")
            self._files.rm_file(probe)

    def store(self, key: str, arrays: Mapping[str, Array], *, about: Mapping[str, str]) -> None:
        """Store a finished reading and remove its unfinished one."""
        super().store(key, arrays, about=about)
        with self._explained():
            self._remove(f"{self._root}/{key}{_UNFINISHED}")

    def entries(self) -> tuple[CachedReading, ...]:
        """Return the readings at the address, by name."""
        with self._explained():
            sizes = {str(item["name"]): item["size"] for item in self._listed()}
            return tuple(
                CachedReading(Path(name), size, name.endswith(_SUFFIX), self._about(name))
                for name, size in sorted(sizes.items())
                if name.endswith((_SUFFIX, _UNFINISHED))
            )

    def clear(self) -> int:
        """Remove everything stored, with the local copies; return the number of readings."""
        count = len(self.entries())
        with self._explained():
            for item in self._listed():
                if any(kind in item["name"] for kind in (_SUFFIX, _UNFINISHED, _TEXT, _FORMER)):
                    self._remove(item["name"])
        super().clear()
        return count

    def _load(self, path: Path) -> Arrays | None:
        """Return a file from its local copy or from the address; an unfinished reading always from the address.

        Another machine may have continued an unfinished reading; no other file ever changes.
        """
        arrays = None
        if path.is_file() and not path.name.endswith(_UNFINISHED):
            arrays = super()._load(path)
        if arrays is None:
            self._fetch(path)
            arrays = super()._load(path)
        return arrays

    def _write(self, path: Path, arrays: Mapping[str, Array], about: Mapping[str, str]) -> None:
        super()._write(path, arrays, about)
        self._send(path)

    def _send(self, path: Path) -> None:
        target = f"{self._root}/{path.name}"
        scratch = f"{target}.{uuid.uuid4().hex}.partial"
        with self._explained():
            self._make()
            try:
                self._files.put_file(str(path), scratch)
                self._files.mv(scratch, target)
            except BaseException:
                self._remove(scratch)
                raise

    def _fetch(self, path: Path) -> None:
        """Copy a file to the local folder, if the address has it."""
        with self._explained(), suppress(FileNotFoundError), replacing(path) as scratch:
            self._files.get_file(f"{self._root}/{path.name}", str(scratch))

    def _make(self) -> None:
        if not self._made:
            self._files.makedirs(self._root, exist_ok=True)
            self._made = True

    def _listed(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self._files.ls(self._root, detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return [item for item in found if item["type"] == "file"]

    def _remove(self, name: str) -> None:
        try:
            self._files.rm_file(name)
        except FileNotFoundError:
            return

    def _about(self, name: str) -> dict[str, str]:
        """Return the description in the header of a safetensors file, from its first bytes."""
        try:
            (length,) = struct.unpack("<Q", self._files.cat_file(name, 0, 8))
            header = json.loads(self._files.cat_file(name, 8, 8 + length))
            about = _header(header.get("__metadata__")).get("about")
        except (struct.error, ValueError, AttributeError):
            about = None
        return about if isinstance(about, dict) else {"novel": "(damaged)"}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise CacheError for any failure: every kind of store has its own exceptions."""
        try:
            yield
        except CacheError:
            raise
        except Exception as error:
            raise CacheError(
                f"readings cannot be stored at {self._address} ({type(error).__name__}: {error}); check the address, "
                f"the rights on it and that the library of its protocol is installed (s3fs for s3://), or name another "
                f"place with --cache_dir or {ENVIRONMENT}"
            ) from error
