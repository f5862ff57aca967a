"""Readings kept where several machines reach them: the same entries in an object store or any other file system.

A near folder on this machine holds copies, so that all the care of ``ReadingCache`` (sums, damage, half-written files)
is taken there; this file sends what was kept and fetches what is wanted. An entry is sent under a name of its own and
moved to its place once it is whole. Names are sums over all that a reading depends on, so two machines that send the
same entry send the same bytes, and it does not matter whose stays.
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
    Entry,
    ReadingCache,
    _header,
    default_folder,
)
from pipeline.storage.files import replacing

_LOCAL = ("file", "local")


def open_cache(place: str | Path | None) -> ReadingCache:
    """Return the readings kept at ``place``: a folder, or an address that fsspec knows, such as ``s3://bucket/books``.

    Without a place it is ``BDH_CACHE_DIR``, which may be either, and else the user's cache folder. ``file://`` is the
    folder that it names. Raises CacheError for an address of no known kind, or one whose library is not installed.
    """
    named = str(place) if place else os.environ.get(ENVIRONMENT, "")
    if not is_address(named):
        return ReadingCache(Path(named) if named else default_folder())
    if named.partition("://")[0] in _LOCAL:
        return ReadingCache(Path(str(fsspec.core.url_to_fs(named)[1])))
    return RemoteCache(named, _near_folder(named))


def is_address(place: str) -> bool:
    """Say whether a place is an address such as ``s3://bucket/books`` and no folder."""
    return "://" in place


def _near_folder(address: str) -> Path:
    """Return where this machine keeps its copies of what lies at an address."""
    apart = is_address(os.environ.get(ENVIRONMENT, ""))
    home = Path(platformdirs.user_cache_dir("bdh-narrative")) if apart else default_folder()
    return home / "near" / hashlib.sha256(address.encode()).hexdigest()[:16]


class RemoteCache(ReadingCache):
    """Readings at an address, with copies in ``folder`` on this machine. An entry stands there whole or not at all."""

    def __init__(self, address: str, near: Path) -> None:
        super().__init__(near)
        self._address = address
        with self._explained():
            self._files, self._root = fsspec.core.url_to_fs(address)
        self._made = False

    @property
    def place(self) -> str:
        """Where the readings are kept, for a person to read."""
        return self._address

    def prepare(self) -> None:
        """Prove that both places take files, before hours of reading; raises CacheError."""
        super().prepare()
        with self._explained():
            self._make()
            probe = f"{self._root}/{uuid.uuid4().hex}.probe"
            self._files.pipe_file(probe, b"\0")
            self._files.rm_file(probe)

    def store(self, key: str, arrays: Mapping[str, Array], *, about: Mapping[str, str]) -> None:
        """Keep a finished reading and forget its unfinished one."""
        super().store(key, arrays, about=about)
        with self._explained():
            self._remove(f"{self._root}/{key}{_UNFINISHED}")

    def entries(self) -> tuple[Entry, ...]:
        """Return what is kept at the address, by name."""
        with self._explained():
            found = [item for item in self._listed() if item["name"].endswith((_SUFFIX, _UNFINISHED))]
            return tuple(
                Entry(Path(item["name"]), item["size"], item["name"].endswith(_SUFFIX), self._about(item["name"]))
                for item in sorted(found, key=lambda item: str(item["name"]))
            )

    def clear(self) -> int:
        """Remove everything kept, the copies on this machine too; return how many readings there were."""
        count = len(self.entries())
        with self._explained():
            for item in self._listed():
                if any(kind in item["name"] for kind in (_SUFFIX, _UNFINISHED, _TEXT, _FORMER)):
                    self._remove(item["name"])
        super().clear()
        return count

    def _load(self, path: Path) -> Arrays | None:
        """Return an entry from the copy on this machine, else from the address; a place in a novel always from there.

        A place may have been moved on by another machine; all else never changes under its name.
        """
        kept = None
        if path.is_file() and not path.name.endswith(_UNFINISHED):
            kept = super()._load(path)
        if kept is None:
            self._fetch(path)
            kept = super()._load(path)
        return kept

    def _write(self, path: Path, arrays: Mapping[str, Array], about: Mapping[str, str]) -> None:
        super()._write(path, arrays, about)
        self._send(path)

    def _send(self, path: Path) -> None:
        whole = f"{self._root}/{path.name}"
        partial = f"{whole}.{uuid.uuid4().hex}.partial"
        with self._explained():
            self._make()
            try:
                self._files.put_file(str(path), partial)
                self._files.mv(partial, whole)
            except BaseException:
                self._remove(partial)
                raise

    def _fetch(self, path: Path) -> None:
        """Copy an entry to this machine, where the address has it."""
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
        """Return what an entry says of itself, from the first bytes of a safetensors file."""
        try:
            (length,) = struct.unpack("<Q", self._files.cat_file(name, 0, 8))
            header = json.loads(self._files.cat_file(name, 8, 8 + length))
            about = _header(header.get("__metadata__")).get("about")
        except (struct.error, ValueError, AttributeError):
            about = None
        return about if isinstance(about, dict) else {"novel": "(damaged)"}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say of any failure what to do: every store has errors of its own kind."""
        try:
            yield
        except CacheError:
            raise
        except Exception as error:
            raise CacheError(
                f"readings cannot be kept at {self._address} ({type(error).__name__}: {error}); check the address, the "
                f"rights on it and that the library of its kind is installed (s3fs for s3://), or name another place "
                f"with --cache_dir or {ENVIRONMENT}"
            ) from error
