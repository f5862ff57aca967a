"""Weights in eight bits come back within half a step of their row, and damaged files are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pipeline.errors import ModelError
from pipeline.storage import eight_bits
from pipeline.storage.eight_bits import read_weights, weight_files, write_weights

Array = np.ndarray[Any, np.dtype[Any]]


def matrix(rows: int = 64, columns: int = 64, *, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def test_matrices_are_stored_as_bytes_with_a_scale_for_each_row(tmp_path: Path) -> None:
    weights = {"large": matrix(), "small": matrix(2, 3), "vector": np.ones(5000, dtype=np.float32)}
    (path,) = write_weights(tmp_path, weights)
    stored = load_file(path)
    assert path.name == "model-1.safetensors"
    assert {name: (array.dtype, array.shape) for name, array in stored.items()} == {
        "large.q": (np.int8, (64, 64)),
        "large.s": (np.float32, (64, 1)),
        "small": (np.float32, (2, 3)),
        "vector": (np.float32, (5000,)),
    }
    found = read_weights(tmp_path)
    assert found.keys() == weights.keys()
    assert np.array_equal(found["small"], weights["small"]) and np.array_equal(found["vector"], weights["vector"])
    assert all(array.dtype == np.float32 for array in found.values())


@given(
    seed=st.integers(0, 1000),
    shape=st.sampled_from([(64, 64), (1, 4096), (4096, 1), (4, 16, 64)]),
    size=st.floats(1e-4, 1e6),
)
def test_matrix_comes_back_within_half_a_step_of_its_row(
    tmp_path_factory: pytest.TempPathFactory, seed: int, shape: tuple[int, ...], size: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    weights = (np.random.default_rng(seed).normal(size=shape) * size).astype(np.float32)
    write_weights(folder, {"w": weights})
    found = read_weights(folder)["w"]
    step = np.abs(weights).max(axis=-1, keepdims=True) / 127
    assert found.shape == shape
    assert bool((np.abs(found - weights) <= step * 0.5001).all())


def test_rows_of_zeros_stay_zero_and_the_largest_of_a_row_exact(tmp_path: Path) -> None:
    weights = matrix()
    weights[3], weights[5, 7] = 0.0, 127.0
    write_weights(tmp_path, {"w": weights})
    found = read_weights(tmp_path)["w"]
    assert not found[3].any() and found[5, 7] == 127.0


def test_stored_weights_are_stored_again_as_they_were(tmp_path: Path) -> None:
    write_weights(tmp_path, {"w": matrix()})
    once = read_weights(tmp_path)
    write_weights(tmp_path, once)
    assert np.allclose(read_weights(tmp_path)["w"], once["w"], rtol=1e-6, atol=0)


def test_weights_that_are_not_in_order_of_memory_come_back(tmp_path: Path) -> None:
    weights = {"w": matrix().T, "v": matrix(3, 2).T}
    write_weights(tmp_path, weights)
    found = read_weights(tmp_path)
    assert np.array_equal(found["v"], weights["v"])
    assert np.allclose(found["w"], weights["w"], atol=0.05)


def test_large_weights_are_stored_in_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: matrix(seed=number) for number, name in enumerate("abc")}
    one = 64 * 64 + 64 * 4
    monkeypatch.setattr(eight_bits, "LARGEST_SHARD", 2 * one)
    paths = write_weights(tmp_path, weights)
    assert [path.name for path in paths] == ["model-1.safetensors", "model-2.safetensors"]
    assert [sorted(load_file(path)) for path in paths] == [["a.q", "a.s", "b.q", "b.s"], ["c.q", "c.s"]]
    assert read_weights(tmp_path).keys() == weights.keys()
    monkeypatch.setattr(eight_bits, "LARGEST_SHARD", 1)
    assert len(write_weights(tmp_path, weights)) == 3, "a file has at least one weight"
    monkeypatch.undo()
    assert write_weights(tmp_path, weights) == list(weight_files(tmp_path)), "files of earlier weights are removed"


def test_numbers_that_are_not_floating_come_back_as_they_are(tmp_path: Path) -> None:
    save_file({"positions": np.arange(4), "half": np.ones(2, dtype=np.float16)}, tmp_path / "model.safetensors")
    found = read_weights(tmp_path)
    assert found["positions"].tolist() == [0, 1, 2, 3] and found["positions"].dtype == np.int64
    assert found["half"].dtype == np.float32


def test_weights_that_are_not_finite_are_not_hidden(tmp_path: Path) -> None:
    weights = matrix()
    weights[2, 2], weights[4, 4] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        write_weights(tmp_path, {"w": weights})
        found = read_weights(tmp_path)["w"]
    assert not np.isfinite(found[2]).all() and not np.isfinite(found[4]).all()
    assert np.isfinite(found[3]).all()


def test_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no \*\.safetensors; expected the weights of a model; restore"):
        read_weights(tmp_path)


@pytest.mark.parametrize("size", [0, 4, 40, -1])
def test_file_that_is_cut_off_is_named(tmp_path: Path, size: int) -> None:
    (path,) = write_weights(tmp_path, {"w": matrix()})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ModelError, match=r"cannot be read .*restore the folder") as caught:
        read_weights(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "stored",
    [
        {"w.q": np.ones((2, 3), dtype=np.int8)},
        {"w.q": np.ones((2, 3), dtype=np.int8), "w.s": np.ones((1, 1), dtype=np.float32)},
        {"w.q": np.ones((2, 3), dtype=np.int8), "w.s": np.ones((3, 1), dtype=np.float32)},
        {"w.q": np.ones((2, 3), dtype=np.int8), "w.s": np.ones(2, dtype=np.float32)},
        {"w.q": np.array(1, dtype=np.int8), "w.s": np.ones((1, 1), dtype=np.float32)},
    ],
)
def test_scales_that_do_not_fit_are_an_error(tmp_path: Path, stored: dict[str, Array]) -> None:
    save_file(stored, tmp_path / "model-1.safetensors")
    with pytest.raises(ModelError, match=r"cannot be read .*restore the folder"):
        read_weights(tmp_path)
