"""Weights of other implementations are converted exactly, whatever wraps them, and never run code."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from bdh.convert import _load_weights, _Skipped, convert
from bdh.errors import BDHError, CheckpointError, ConfigError

FIXTURE = Path(__file__).parents[1] / "fixtures" / "official_tiny.safetensors"


@pytest.fixture(scope="module")
def official() -> dict[str, Tensor]:
    return load_file(str(FIXTURE))


@pytest.fixture(scope="module")
def weights(official: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("weights."): value for name, value in official.items() if name.startswith("weights.")}


@dataclass
class _Settings:
    width: int = 32


def _prefixed(prefix: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda weights: {prefix + name: tensor for name, tensor in weights.items()}


def _with_layers(weights: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    others = {name: tensor for name, tensor in weights.items() if name != "attn.freqs"}
    return {**{f"attns.{layer}.freqs": weights["attn.freqs"].clone() for layer in range(count)}, **others}


WRAPPINGS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "plain": dict,
    "ordered": OrderedDict,
    "parameters": lambda weights: {name: torch.nn.Parameter(tensor) for name, tensor in weights.items()},
    "compiled": _prefixed("_orig_mod."),
    "distributed": _prefixed("module."),
    "compiled inside distributed": _prefixed("module._orig_mod."),
    "distributed inside compiled": _prefixed("_orig_mod.module."),
    "inside a larger module": _prefixed("model."),
    "under model": lambda weights: {"model": weights, "step": 12},
    "under state_dict": lambda weights: {"epoch": 3, "state_dict": _prefixed("module.")(weights)},
    "inside a net": _prefixed("net."),
    "inside anything": _prefixed("module.backbone._orig_mod.net."),
    "with an optimizer and NumPy numbers": lambda weights: {
        "model": _prefixed("_orig_mod.")(weights),
        "optimizer": {
            "state": {0: {"step": torch.tensor(5.0), "exp_avg": torch.zeros(2)}},
            "param_groups": [{"lr": 0.1}],
        },
        "step": np.int64(5),
        "best": [np.float32(1.5), np.bool_(True), np.str_("x")],
        "random": np.arange(3),
    },
    "with frequencies for each layer": lambda weights: _with_layers(weights, 3),
    "with frequencies for each layer, prefixed": lambda weights: _prefixed("net.")(_with_layers(weights, 3)),
    "under model_state_dict": lambda weights: {"model_state_dict": weights, "optimizer": {"lr": 0.1}},
    "without frequencies": lambda weights: {name: w for name, w in weights.items() if name != "attn.freqs"},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_official_weights_give_the_official_logits(
    official: dict[str, Tensor], weights: dict[str, Tensor], tmp_path: Path, wrapping: str
) -> None:
    torch.save(WRAPPINGS[wrapping](weights), tmp_path / "official.pt")
    model = convert(tmp_path / "official.pt", n_layer=3)
    assert (model.config.n_embd, model.config.n_head, model.config.mlp_internal_dim_multiplier) == (32, 4, 16)
    assert not model.training
    with torch.inference_mode():
        logits = model(official["short.tokens"].long()).logits
    assert float((logits - official["short.logits"]).abs().max()) < 1e-4


def test_safetensors_and_old_pickles_are_converted(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(weights, str(tmp_path / "new.safetensors"))
    torch.save(weights, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    for name in ("new.safetensors", "old.bin"):
        assert torch.equal(convert(tmp_path / name, n_layer=3).encoder, weights["encoder"])


class _Trap:
    """Something that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_file_that_would_run_code_is_refused_and_does_not_run(
    weights: dict[str, Tensor], tmp_path: Path, zipped: bool
) -> None:
    sprung = tmp_path / "sprung"
    torch.save({**weights, "extra": _Trap(sprung)}, tmp_path / "t.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="contains more than weights") as caught:
        convert(tmp_path / "t.pt", n_layer=3)
    assert not sprung.exists() and "\n" not in str(caught.value)


def test_bare_pickle_that_would_run_code_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(_Trap(tmp_path / "sprung")))
    with pytest.raises(CheckpointError):
        convert(tmp_path / "bare.pt", n_layer=3)
    assert not (tmp_path / "sprung").exists()


REFUSED: dict[str, tuple[Callable[[dict[str, Tensor]], Any], str]] = {
    "a list": (lambda weights: list(weights.values()), "contains a list"),
    "one tensor": (lambda weights: weights["encoder"], "contains a Tensor"),
    "no tensors": (lambda weights: {"step": 3}, "no named tensors"),
    "numbers for names": (lambda weights: {0: weights["encoder"]}, "no named tensors"),
    "another model": (lambda weights: {"wte.weight": torch.zeros(2, 2)}, "has no encoder, encoder_v"),
    "a part": (lambda weights: {n: w for n, w in weights.items() if n != "lm_head"}, "has no lm_head"),
    "more than BDH": (
        lambda weights: {**weights, "bias": torch.zeros(3)},
        "bias (3,), which the published model does not have",
    ),
    "a gate": (
        lambda weights: {**weights, "lm_gate": torch.zeros(1)},
        "lm_gate (1,), which the published model does not",
    ),
    "two models": (lambda weights: {**weights, **_prefixed("ema.")(weights)}, "several models, ['', 'ema.']"),
    "frequencies that differ": (
        lambda weights: {**_with_layers(weights, 2), "attns.1.freqs": weights["attn.freqs"] * 2},
        "different frequencies for its layers (attns.0.freqs, attns.1.freqs)",
    ),
    "a dataclass": (
        lambda weights: {"model": weights, "config": _Settings()},
        "_Settings, which only code could build",
    ),
    "a path": (lambda weights: {"model": weights, "file": Path("a")}, "torch.save(model.state_dict(), 'weights.pt')"),
    "a flat encoder": (lambda weights: {**weights, "encoder": torch.zeros(128, 32)}, "expected encoder (H, D, N)"),
    "an empty encoder": (lambda weights: {**weights, "encoder": torch.zeros(4, 0, 128)}, "expected encoder (H, D, N)"),
    "a flat embedding": (lambda weights: {**weights, "embed.weight": torch.zeros(9)}, "embed.weight (V, D)"),
    "odd neurons": (lambda weights: {**weights, "encoder": torch.zeros(4, 32, 31)}, "not a multiple"),
    "shapes that disagree": (lambda weights: {**weights, "decoder": torch.zeros(3, 3)}, "decoder: found (3, 3)"),
    "a damaged weight": (lambda weights: {**weights, "lm_head": weights["lm_head"] / 0}, "lm_head contains numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_file_with_other_content_is_refused(weights: dict[str, Tensor], tmp_path: Path, name: str) -> None:
    content, word = REFUSED[name]
    torch.save(content(weights), tmp_path / "foreign.pt")
    with pytest.raises(CheckpointError) as caught:
        convert(tmp_path / "foreign.pt", n_layer=3)
    assert word in str(caught.value) and "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


@pytest.mark.parametrize("n_layer", [None, 2])
def test_layers_of_the_file_are_folded_with_a_notice(
    weights: dict[str, Tensor], tmp_path: Path, caplog: pytest.LogCaptureFixture, n_layer: int | None
) -> None:
    torch.save({"model": _with_layers(weights, 4)}, tmp_path / "foreign.pt")
    assert convert(tmp_path / "foreign.pt", n_layer=n_layer).config.n_layer == (n_layer or 4)
    notices = [record.getMessage() for record in caplog.records]
    assert "same frequencies for 4 layers" in notices[0]
    assert ["has 4 layers; converted with 2" in notice for notice in notices[1:]] == [True] * (n_layer == 2)


@pytest.mark.parametrize("settings", [{"config": {"n_layer": 5}}, {"model_args": {"num_layers": 5}}, {}])
def test_number_of_layers_is_that_of_the_file_or_assumed_with_a_notice(
    weights: dict[str, Tensor], tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: dict[str, Any]
) -> None:
    torch.save({"model": weights, **settings}, tmp_path / "foreign.pt")
    assert convert(tmp_path / "foreign.pt").config.n_layer == (5 if settings else 6)
    assert ["6 assumed" in record.getMessage() for record in caplog.records] == ([] if settings else [True])


def test_numpy_never_runs_on_foreign_bytes(weights: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"model": weights, "step": np.int64(5), "rows": np.ones(3)}, tmp_path / "foreign.pt")
    content = _load_weights(tmp_path / "foreign.pt")
    assert isinstance(content, dict)
    assert {type(content["step"]), type(content["rows"])} == {_Skipped}


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"Call me Ishmael.", b"\x80\x02", b"PK\x03\x04", bytes(64), b"}", b"c" * 99])
def test_file_of_another_format_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"foreign{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        convert(path, n_layer=3)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.pt", "."])
def test_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="is not a file"):
        convert(tmp_path / name, n_layer=3)


@pytest.mark.parametrize("n_layer", [0, -1])
def test_number_of_layers_must_be_positive(weights: dict[str, Tensor], tmp_path: Path, n_layer: int) -> None:
    save_file(weights, str(tmp_path / "official.safetensors"))
    with pytest.raises(ConfigError, match="n_layer"):
        convert(tmp_path / "official.safetensors", n_layer=n_layer)


@given(zipped=st.booleans(), data=st.data())
@settings(max_examples=150)
def test_any_damage_is_refused_or_harmless(tmp_path_factory: Any, zipped: bool, data: Any) -> None:
    tiny = {"encoder": torch.ones(1, 2, 2), "encoder_v": torch.ones(1, 2, 2), "decoder": torch.ones(2, 2)}
    tiny |= {"embed.weight": torch.ones(3, 2), "lm_head": torch.ones(2, 3)}
    buffer = io.BytesIO()
    torch.save(tiny, buffer, _use_new_zipfile_serialization=zipped)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "fuzzed.pt"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        convert(path, n_layer=1)
    except BDHError as error:
        assert "\n" not in str(error)
