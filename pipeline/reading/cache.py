"""Readings kept between runs: one safetensors file each, named by everything the reading depends on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.errors import CacheError

FORMAT_VERSION = "1"
ENVIRONMENT = "BDH_CACHE_DIR"
_SUFFIX = ".reading.safetensors"
_UNFINISHED = ".unfinished.safetensors"


def default_folder() -> Path:
    """Return where readings are kept: ``BDH_CACHE_DIR`` when set, else the user's cache folder."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else Path(platformdirs.user_cache_dir("bdh-narrative"))


def make_key(parts: Mapping[str, object]) -> str:
    """Return the name of a reading: a hash over all that it depends on."""
    text = json.dumps({"format": FORMAT_VERSION, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True)
class Entry:
    """A kept reading: its file, size in bytes, whether it is finished, and what it says of itself."""

    path: Path
    size: int
    finished: bool
    about: dict[str, str]


class ReadingCache:
    """A folder of readings. Every file appears whole under its name or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, key: str) -> dict[str, Tensor] | None:
        """Return a finished reading, or None; a damaged one is removed and read again."""
        return self._load(self.folder / (key + _SUFFIX))

    def load_unfinished(self, key: str) -> dict[str, Tensor] | None:
        """Return the last saved place of an interrupted reading, or None."""
        return self._load(self.folder / (key + _UNFINISHED))

    def store(self, key: str, tensors: Mapping[str, Tensor], *, about: Mapping[str, str]) -> None:
        """Keep a finished reading and forget its unfinished one."""
        self._write(self.folder / (key + _SUFFIX), tensors, about)
        (self.folder / (key + _UNFINISHED)).unlink(missing_ok=True)

    def store_unfinished(self, key: str, tensors: Mapping[str, Tensor], *, about: Mapping[str, str]) -> None:
        """Keep the place of a reading that goes on."""
        self._write(self.folder / (key + _UNFINISHED), tensors, about)

    def entries(self) -> tuple[Entry, ...]:
        """Return what is kept, oldest first."""
        paths = [path for path in self.folder.glob("*.safetensors") if path.name.endswith((_SUFFIX, _UNFINISHED))]
        paths.sort(key=lambda path: (path.stat().st_mtime, path.name))
        return tuple(Entry(p, p.stat().st_size, p.name.endswith(_SUFFIX), _about(p)) for p in paths)

    def clear(self) -> int:
        """Remove everything kept, half-written files too; return how many readings there were."""
        count = len(self.entries())
        for pattern in (f"*{_SUFFIX}*", f"*{_UNFINISHED}*"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)
        return count

    def _load(self, path: Path) -> dict[str, Tensor] | None:
        if not path.is_file():
            return None
        try:
            return load_file(str(path))
        except (OSError, SafetensorError):
            path.unlink(missing_ok=True)
            return None

    def _write(self, path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, str(partial), dict(about))
            os.replace(partial, path)
        except (OSError, SafetensorError) as error:
            partial.unlink(missing_ok=True)
            raise CacheError(
                f"the reading cannot be kept in {self.folder} ({error}); free space there, or name another folder "
                f"with --cache_dir or {ENVIRONMENT}"
            ) from error


def _about(path: Path) -> dict[str, str]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError):
        return {"novel": "(damaged)"}
