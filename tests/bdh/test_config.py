"""Sizes and settings are checked on creation."""

from __future__ import annotations

from typing import Any

import pytest

from bdh.config import BDHConfig
from bdh.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"n_layer": 0}, "n_layer is 0"),
        ({"n_embd": 2.5}, "n_embd is 2.5"),
        ({"vocab_size": True}, "vocab_size is True"),
        ({"chunk_size": -1}, "chunk_size is -1"),
        ({"n_head": 3}, "neurons over 3 heads"),
        ({"n_embd": 6, "n_head": 2, "mlp_internal_dim_multiplier": 1}, "even integer"),
        ({"n_embd": 2**31}, "parameters"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": "0.1"}, "dropout is '0.1'"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"rope_theta": 0}, "rope_theta is 0"),
        ({"rope_theta": float("inf")}, "rope_theta is inf"),
        ({"decay": (0.9,)}, "4 factors"),
        ({"decay": (0.0, 1.0, 1.0, 1.0)}, "(0, 1]"),
        ({"decay": (1.1, 1.0, 1.0, 1.0)}, "(0, 1]"),
        ({"decay": ("x", 1.0, 1.0, 1.0)}, "'x'"),
        ({"decay": "0.99"}, "'0.99'"),
        ({"decay": 0.99}, "0.99"),
        ({"learn_decay": True}, "decay is None"),
        ({"learn_decay": "yes"}, "learn_decay is 'yes'"),
        ({"decay": (0.9, 0.9, 0.9, 1.0), "learn_decay": True}, "below 1"),
    ],
)
def test_config_refuses_invalid_values(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BDHConfig(**changes)
    assert word in str(caught.value) and "\n" not in str(caught.value)


def test_config_defaults_are_the_published_model() -> None:
    config = BDHConfig()
    assert (config.n_neurons_total, config.n_neurons, config.decay) == (32_768, 8_192, None)
    assert config.n_parameters == 3 * 32_768 * 256 + 2 * 256 * 256


@pytest.mark.parametrize(
    ("name", "millions"), [("tiny", (9, 11)), ("small", (24, 26)), ("medium", (95, 106)), ("large", (950, 1050))]
)
def test_preset_has_the_size_of_its_name(name: str, millions: tuple[int, int]) -> None:
    assert millions[0] < BDHConfig.preset(name).n_parameters / 1e6 < millions[1]


def test_preset_takes_changes() -> None:
    assert BDHConfig.preset("tiny", vocab_size=12_288, n_layer=2).n_layer == 2


def test_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="tiny, small, medium, large"):
        BDHConfig.preset("huge")


def test_config_is_restored_from_its_mapping() -> None:
    config = BDHConfig(decay=(0.9, 0.99, 0.999, 0.9999), learn_decay=True, chunk_size=64)
    mapping = config.to_dict()
    assert BDHConfig.from_dict(mapping) == config
    assert BDHConfig.from_dict({**mapping, "decay": list(mapping["decay"])}) == config


def test_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="n_heads"):
        BDHConfig.from_dict({"n_heads": 4})
