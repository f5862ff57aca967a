"""A cache of states on disk: what a model remembers after some tokens, found again by the tokens themselves.

A prompt that begins like an earlier one, or a text that was changed near its end, is read from the last state that is
stored for its beginning. Nothing here depends on a model: a state is its tensors by name.

>>> import tempfile, torch
>>> cache = PrefixCache(tempfile.mkdtemp(), owner="weights, precision and whatever else the numbers depend on")
>>> cache.store([5, 6, 7], {"memory": torch.ones(2, 3)})
>>> found = cache.find([5, 6, 7, 8, 9])
>>> found.length, found.load()["memory"].sum()
(3, tensor(6.))
>>> cache.find([5, 6]) is None
True
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bdh.errors import StateError
from bdh.files import replacing
from bdh.shapes import Tensor

_SUFFIX = ".prefix.safetensors"
_HEADER = "prefix"
"""The one entry of the header: safetensors writes several in any order, and equal states must be equal bytes."""
_SCALE = ".scale"
_WIDE = 4
"""Axes from which a tensor counts as a memory, which ``pack`` rounds."""
_DAY = 24 * 3600
Tokens = Sequence[int] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prefix:
    """A stored prefix: its file, the number of its tokens, bytes on disk, and what was stored about it."""

    path: Path
    length: int
    size: int
    about: Mapping[str, str]

    def load(self) -> dict[str, Tensor]:
        """Return the tensors; raises StateError where the file is gone or damaged."""
        try:
            with safe_open(str(self.path), framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
                total = _header(file)["sha256"]
        except (OSError, SafetensorError, ValueError) as error:
            raise StateError(f"{self.path} cannot be loaded ({error}); read the text again") from error
        if total != _sum(tensors):
            raise StateError(f"{self.path} is damaged; read the text again")
        with suppress(OSError):  # a folder that takes no files
            os.utime(self.path)
        return tensors


class PrefixCache:
    """States by the tokens that were read, in a folder that several processes may share.

    ``owner`` is a text of all that the states depend on but the tokens: states of other owners are never found. What
    was not used for ``most_days`` is removed, and what was not used for the longest time where there are more than
    ``most_bytes``; the states just stored stay.
    """

    def __init__(
        self, folder: str | Path, *, owner: str, most_bytes: int = 1_000_000_000, most_days: float = 30
    ) -> None:
        self.folder = Path(folder)
        self._owner = hashlib.sha256(owner.encode()).hexdigest()[:16]
        self._most_bytes, self._most_days = most_bytes, most_days

    def find(self, tokens: Tokens) -> Prefix | None:
        """Return the longest stored prefix of ``tokens``, or None."""
        return next(self.matches(tokens), None)

    def matches(self, tokens: Tokens) -> Iterator[Prefix]:
        """Yield the stored prefixes of ``tokens``, longest first."""
        stored = {path.name: path for path in self.folder.glob(f"{self._owner}-*{_SUFFIX}")}
        lengths = sorted({int(name.split("-")[1]) for name in stored})
        names = [self._name(*pair) for pair in prefix_hashes(tokens, [size for size in lengths if size <= len(tokens)])]
        found = (_describe(stored[name]) for name in reversed(names) if name in stored)
        yield from (prefix for prefix in found if prefix is not None)

    def store(self, tokens: Tokens, tensors: Mapping[str, Tensor], *, about: Mapping[str, str] | None = None) -> None:
        """Store the state after all of ``tokens``; raises StateError where the folder refuses it."""
        ((length, digest),) = prefix_hashes(tokens, [len(tokens)])
        path = self.folder / self._name(length, digest)
        content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header = json.dumps({"about": dict(about or {}), "sha256": _sum(content)}, sort_keys=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as partial:
                save_file(content, partial, {_HEADER: header})
            self._remove_old(but=path)
        except (OSError, SafetensorError) as error:
            raise StateError(f"{path} cannot be written ({error}); give a writable folder with free space") from error

    def entries(self) -> list[Prefix]:
        """Return what is stored, of every owner, that used longest ago first."""
        dated = sorted((_used(path), path) for path in self.folder.glob(f"*{_SUFFIX}"))
        return [prefix for _, path in dated if (prefix := _describe(path)) is not None]

    def clear(self) -> int:
        """Remove everything, of every owner; return the number of states."""
        paths = list(self.folder.glob(f"*{_SUFFIX}"))
        for path in [*paths, *self.folder.glob(f"*{_SUFFIX}.*.partial")]:
            path.unlink(missing_ok=True)
        return len(paths)

    def _name(self, length: int, digest: str) -> str:
        return f"{self._owner}-{length}-{digest}{_SUFFIX}"

    def _remove_old(self, *, but: Path) -> None:
        sizes = {path: _size(path) for path in sorted(self.folder.glob(f"*{_SUFFIX}"), key=_used)}
        total, oldest = sum(sizes.values()), time.time() - self._most_days * _DAY
        for path, size in sizes.items():
            if path != but and (total > self._most_bytes or _used(path) < oldest):
                path.unlink(missing_ok=True)
                total -= size


def prefix_hashes(tokens: Tokens, lengths: Iterable[int]) -> list[tuple[int, str]]:
    """Return each of the ascending ``lengths`` with a hash of so many tokens from the first."""
    data, total, done, found = np.asarray(tokens, dtype=np.int64), hashlib.sha256(), 0, []
    for length in lengths:
        total.update(data[done:length].tobytes())
        found.append((length, total.hexdigest()[:32]))
        done = length
    return found


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state in a quarter of its size: memories in 8 bits with one scale a row, other tensors as they are.

    A text that goes on from ``unpack(pack(state))`` is the same whether it was read on or found in a cache; one that
    goes on from ``state`` differs by rounding.
    """
    packed = {}
    for name, tensor in tensors.items():
        if tensor.dim() < _WIDE or not tensor.is_floating_point():
            packed[name] = tensor
            continue
        scale = tensor.float().abs().amax(dim=-1, keepdim=True).div_(127)
        packed[name] = (tensor / scale.clamp(min=1e-30)).round_().to(torch.int8)
        packed[name + _SCALE] = scale
    return packed


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state, in float32, of which ``pack`` returned this."""
    scales = {name.removesuffix(_SCALE): tensor for name, tensor in packed.items() if name.endswith(_SCALE)}
    return {
        name: tensor * scales[name] if name in scales else tensor
        for name, tensor in packed.items()
        if not name.endswith(_SCALE)
    }


def _describe(path: Path) -> Prefix | None:
    """Return a stored prefix, None where another process has just removed it or it is damaged."""
    with suppress(OSError, SafetensorError, ValueError), safe_open(str(path), framework="pt") as file:
        return Prefix(path, int(path.name.split("-")[1]), path.stat().st_size, _header(file)["about"])
    return None


def _header(file: Any) -> dict[str, Any]:
    """Return the header of an open file; raises ValueError for one of another kind."""
    header = json.loads((file.metadata() or {}).get(_HEADER, ""))
    if not isinstance(header, dict) or not {"about", "sha256"} <= header.keys():
        raise ValueError("its header is not that of a stored prefix")
    return header


def _sum(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {tensors[name].dtype} {list(tensors[name].shape)}".encode())
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _used(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
