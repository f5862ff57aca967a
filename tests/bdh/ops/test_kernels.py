"""Where Triton kernels cannot run, one notice says why and what computes instead."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from bdh.config import BDHConfig
from bdh.decoding import make_stepper
from bdh.model import BDH
from bdh.ops import fused_layer, kernels, rotary

MPS, CUDA = torch.device("mps"), torch.device("cuda")


@pytest.fixture(autouse=True)
def _fresh_notices() -> Iterator[None]:
    """Forget what was found and said."""
    cached = (kernels._load, kernels._obstacle, kernels._age, kernels._notify)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def _notices(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "bdh.ops.kernels"]


def test_cpu_goes_without_kernels_and_without_a_notice(caplog: pytest.LogCaptureFixture) -> None:
    assert fused_layer.triton_kernels(torch.device("cpu")) is None
    assert _notices(caplog) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_apple_gpu_uses_plain_layers_with_one_notice(caplog: pytest.LogCaptureFixture, dtype: torch.dtype) -> None:
    assert not any(fused_layer.fits(dtype, MPS, 512, 64, 256) for _ in range(3))
    assert _notices(caplog) == [
        "there are no Triton kernels for mps; the plain layers compute: the same results, more slowly"
    ]


def test_gpu_without_triton_says_what_computes_instead(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not fused_layer.fits(torch.bfloat16, CUDA, 512, 64, 256)
    assert kernels.find_kernels("decode_triton", CUDA, instead="the recurrent mode") is None
    assert ["Triton is not installed" in notice for notice in _notices(caplog)] == [True, True]


def test_gpu_that_is_too_old_is_named(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert not fused_layer.fits(torch.float16, CUDA, 512, 64, 256)
    assert "compute capability 8.0, this has 7" in _notices(caplog)[0]


class _WithoutFloat64(TorchDispatchMode):
    """Refuse what MPS refuses: a float64 tensor on the device, which here is a fake one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "meta" and tensor.dtype == torch.float64:
                raise TypeError(f"{func} makes a float64 tensor")
        return result


@pytest.mark.wrong_shapes
@pytest.mark.parametrize("mode", ["parallel", "chunkwise", "recurrent"])
@pytest.mark.parametrize("gradients", [True, False])
def test_device_without_float64_never_sees_one(mode: Any, gradients: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotary, "_WITHOUT_FLOAT64", {"meta"})
    monkeypatch.setattr("bdh.backends._work_dtype", lambda model: torch.float32)  # meta has no autocast to ask about
    config = BDHConfig(2, 16, 2, 4, vocab_size=48, decay=(0.9, 0.99), learn_decay=True, chunk_size=5)
    with FakeTensorMode(allow_non_fake_inputs=True), _WithoutFloat64(), torch.set_grad_enabled(gradients):
        with torch.device("meta"):
            model = BDH(config)
        tokens = torch.zeros(2, 12, dtype=torch.int64, device="meta")
        output = model(tokens, tokens, mode=mode)
        again = model(tokens[:, :1], state=output.state, mode="recurrent")
        assert again.logits.device.type == "meta" and make_stepper(model, again.state) is None
        if gradients:
            output.loss.backward()


def test_phases_made_on_the_cpu_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    frequencies = rotary.make_frequencies(8, 2.0**16)
    expected = rotary.make_rotation(frequencies, start=10**7, length=5)
    monkeypatch.setattr(rotary, "_WITHOUT_FLOAT64", {"cpu"})
    found = rotary.make_rotation(frequencies, start=10**7, length=5)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
