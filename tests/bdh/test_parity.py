"""The published model: the official implementation's weights give the official logits, in every mode."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bdh.backends import MODES, Mode
from bdh.checkpoint import build
from bdh.config import BDHConfig
from bdh.model import BDH

FIXTURE = Path(__file__).parents[1] / "fixtures" / "official_tiny.safetensors"
CONFIG = BDHConfig(n_layer=3, n_embd=32, n_head=4, mlp_internal_dim_multiplier=16, vocab_size=256, dropout=0.1)


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    return load_file(str(FIXTURE))


@pytest.fixture(scope="module")
def model(official: dict[str, torch.Tensor]) -> BDH:
    weights = {name.removeprefix("weights."): value for name, value in official.items() if name.startswith("weights.")}
    return build(CONFIG, weights).eval()


def test_official_state_dict_loads_unchanged(official: dict[str, torch.Tensor]) -> None:
    weights = {name.removeprefix("weights."): value for name, value in official.items() if name.startswith("weights.")}
    result = BDH(CONFIG).load_state_dict(weights, strict=True)
    assert not result.missing_keys and not result.unexpected_keys


def test_frequencies_equal_the_official_buffer(official: dict[str, torch.Tensor]) -> None:
    assert torch.equal(BDH(CONFIG).attn.freqs, official["weights.attn.freqs"])


@pytest.mark.parametrize("mode", MODES)
def test_short_logits_and_loss_equal_the_official_ones(
    model: BDH, official: dict[str, torch.Tensor], mode: Mode
) -> None:
    with torch.inference_mode():
        output = model(official["short.tokens"].long(), official["short.targets"].long(), mode=mode)
    assert (output.logits - official["short.logits"]).abs().max() < 1e-4
    assert output.loss is not None and abs(output.loss.item() - official["short.loss"].item()) < 1e-5


@pytest.mark.parametrize("mode", MODES)
def test_long_logits_equal_the_official_ones(model: BDH, official: dict[str, torch.Tensor], mode: Mode) -> None:
    with torch.inference_mode():
        logits = model(official["long.tokens"].long(), mode=mode).logits
    assert (logits[:, ::25] - official["long.logits"]).abs().max() < 1e-4
