"""Weights in eight bits: each row of a matrix as whole numbers of one byte and a scale, in safetensors files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pipeline.errors import ModelError
from pipeline.storage.files import replacing

Arrays = dict[str, npt.NDArray[np.float32]]

LARGEST_SHARD = 45_000_000
"""Bytes of one file."""
_WHOLE, _SCALE = ".q", ".s"
_SMALLEST_MATRIX = 4096
"""Smaller arrays stay as they are: they are a hundredth of a model and the most sensitive part of it."""


def write_weights(folder: Path, weights: Mapping[str, npt.NDArray[np.float32]]) -> list[Path]:
    """Write weights as ``model-1.safetensors`` and so on, matrices in eight bits; return the files."""
    shards: list[dict[str, npt.NDArray[np.generic]]] = [{}]
    size = 0
    for name, array in sorted(weights.items()):
        stored = _pack(name, array)
        bytes_of = sum(one.nbytes for one in stored.values())
        if shards[-1] and size + bytes_of > LARGEST_SHARD:
            shards.append({})
            size = 0
        shards[-1].update(stored)
        size += bytes_of
    for old in folder.glob("model-*.safetensors"):
        old.unlink()
    paths = [folder / f"model-{number}.safetensors" for number in range(1, len(shards) + 1)]
    for path, shard in zip(paths, shards, strict=True):
        with replacing(path) as scratch:
            save_file(shard, scratch)
    return paths


def read_weights(folder: Path) -> Arrays:
    """Return the weights of all safetensors files of a folder, single precision; raises ModelError."""
    files = weight_files(folder)
    found: dict[str, npt.NDArray[np.generic]] = {}
    try:
        for file in files:
            found.update(load_file(file))
        return {name.removesuffix(_WHOLE): _unpack(found, name) for name in found if not name.endswith(_SCALE)}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
        raise ModelError(f"the weights in {folder} cannot be read ({error}); restore the folder") from error


def weight_files(folder: Path) -> Sequence[Path]:
    """Return the safetensors files of a folder, by name; raises ModelError when there is none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no *.safetensors; expected the weights of a model; restore the folder")
    return files


def _pack(name: str, array: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.generic]]:
    if array.ndim < 2 or array.size < _SMALLEST_MATRIX:
        return {name: np.array(array, dtype=np.float32, order="C")}
    rows = array.reshape(-1, array.shape[-1]).astype(np.float32, order="C")
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-8) / 127
    whole = np.round(rows / scale).astype(np.int8).reshape(array.shape)
    return {name + _WHOLE: whole, name + _SCALE: scale.astype(np.float32)}


def _unpack(found: Mapping[str, npt.NDArray[np.generic]], name: str) -> npt.NDArray[np.float32]:
    array = found[name]
    if not name.endswith(_WHOLE):
        return np.asarray(array, dtype=np.float32) if array.dtype.kind == "f" else np.asarray(array)
    scale = np.asarray(found[name.removesuffix(_WHOLE) + _SCALE], dtype=np.float32)
    rows = array.reshape(-1, array.shape[-1]).astype(np.float32)
    if scale.shape != (len(rows), 1):
        raise ValueError(f"{name} has {len(rows)} rows and scales of shape {scale.shape}")
    return (rows * scale).reshape(array.shape)
