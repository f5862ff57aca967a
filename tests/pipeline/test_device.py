"""Device and precision by name."""

from __future__ import annotations

import pytest
import torch

from pipeline.device import choose_device, choose_dtype
from pipeline.errors import SettingError


def test_apple_gpu_is_chosen_by_name_where_torch_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingError, match="no Apple GPU; use --device cpu"):
        choose_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps") == torch.device("mps")
    assert choose_dtype("auto", torch.device("mps")) == "fp32"


@pytest.mark.parametrize("name", ["", "mps:1", "cuda:x", "meta", "gpu"])
def test_unknown_device_is_an_error(name: str) -> None:
    with pytest.raises(SettingError, match="expected auto, cpu, cuda, cuda:0 or mps"):
        choose_device(name)
