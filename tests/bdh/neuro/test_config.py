"""The neuro configuration and its flags."""

import argparse
from typing import Any

import pytest

from bdh.errors import ConfigError
from bdh.neuro.config import EXTENSIONS, SWITCHES, NeuroConfig
from bdh.neuro.flags import add_neuro_flags, neuro_config, refuse_neuro_flags


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n_layer", type=int)
    parser.add_argument("--n_embd", type=int)
    add_neuro_flags(parser)
    return parser.parse_args(words)


def test_published_values_are_the_published_ones() -> None:
    config = NeuroConfig.published(65)
    assert (config.n, config.d, config.n_layer, config.vocab_size) == (128, 32, 1, 65)
    assert config.u_kernels == (0.99, 0.97, 0.94) and config.u_weights == (0.5, 0.3, 0.2)
    assert (config.x_decay, config.local_forget_eta, config.homeostasis_tau) == (0.97, 0.02, 0.15 * 128)
    assert (config.k_wta, config.branches, config.branch_nl) == (16, 2, "softplus")
    assert (config.mod_gamma_max, config.mod_rate, config.spike_rate) == (0.8, 0.01, 0.01)
    assert config.ln_before_dy and config.use_relu_lowrank and not config.rope


def test_plain_has_every_extension_off() -> None:
    assert NeuroConfig.plain(65) == NeuroConfig.published(65).only([]) == NeuroConfig(65)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_extension_switches_off_and_on_alone(name: str) -> None:
    published, plain = NeuroConfig.published(), NeuroConfig.plain()
    assert published.without(name) != published
    assert published.only([name]) != plain
    assert published.only([name]).without(name) == plain
    assert published.without(*(other for other in EXTENSIONS if other != name)) == published.only([name])


def test_layer_norm_before_d_y_can_be_switched_off() -> None:
    assert "ln_before_dy" in SWITCHES and "ln_before_dy" not in EXTENSIONS
    assert not NeuroConfig.plain().without("ln_before_dy").ln_before_dy


def test_unknown_extension_is_named() -> None:
    with pytest.raises(ConfigError, match="'sleep' is unknown; choose from x_decay"):
        NeuroConfig.plain().without("sleep")
    with pytest.raises(ConfigError, match="'sleep'"):
        NeuroConfig.plain().only(["sleep"])


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 0},
        {"d": 2.0},
        {"n_layer": True},
        {"u_kernels": ()},
        {"u_kernels": (0.9, 0.8)},
        {"u_kernels": (1.5,)},
        {"u_kernels": (0.0,)},
        {"u_kernels": 0.9},
        {"u_weights": (-1.0,)},
        {"u_weights": (0.0,)},
        {"branches": 3},
        {"branch_nl": "tanh"},
        {"k_wta": 0},
        {"k_wta": 129},
        {"x_decay": 1.1},
        {"x_decay": float("nan")},
        {"local_forget_eta": -0.1},
        {"homeostasis_tau": 0.0},
        {"homeostasis_tau": float("inf")},
        {"mod_gamma_max": 1.0},
        {"mod_rate": 0.0},
        {"spike_rate": 2.0},
        {"rope": True, "n": 7},
        {"rope": 1},
        {"rope": True, "rope_theta": 0.0},
    ],
)
def test_invalid_value_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        NeuroConfig(**changes)
    assert "\n" not in str(caught.value)
    assert next(iter(changes)) in str(caught.value)


@pytest.mark.parametrize("config", [NeuroConfig.plain(9, 10, 4), NeuroConfig.published(9, 16, 8, n_layer=2, rope=True)])
def test_config_is_restored_from_its_mapping(config: NeuroConfig) -> None:
    mapping = {name: list(value) if isinstance(value, tuple) else value for name, value in config.to_dict().items()}
    assert NeuroConfig.from_dict(mapping) == config


def test_unknown_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="sleep"):
        NeuroConfig.from_dict({"sleep": 1})


def test_flags_give_the_published_setting_by_default() -> None:
    assert neuro_config(parse("--variant", "neuro"), 65) == NeuroConfig.published(65)


def test_flags_choose_extensions_and_sizes() -> None:
    words = ("--n", "64", "--d", "16", "--n_layer", "2", "--extensions", "x_decay,kwta", "--without", "ln_before_dy")
    expected = NeuroConfig.published(65, 64, 16, n_layer=2).only(["x_decay", "kwta"]).without("ln_before_dy")
    assert neuro_config(parse(*words), 65) == expected
    assert neuro_config(parse("--extensions", "none"), 65) == NeuroConfig.plain(65)


def test_flag_with_a_value_switches_its_extension_on() -> None:
    words = ("--extensions", "none", "--spike_rate", "0.2", "--u_kernels", "0.9,0.5", "--u_weights", "1,2", "--rope")
    expected = NeuroConfig.plain(65, spike_rate=0.2, u_kernels=(0.9, 0.5), u_weights=(1.0, 2.0), rope=True)
    assert neuro_config(parse(*words), 65) == expected


def test_sizes_of_the_published_model_are_refused_for_a_neuro_model() -> None:
    with pytest.raises(ConfigError, match="n_embd"):
        neuro_config(parse("--n_embd", "64"), 65)


def test_neuro_flags_are_refused_for_the_published_model() -> None:
    refuse_neuro_flags(parse())
    with pytest.raises(ConfigError, match="--k_wta belong to --variant neuro"):
        refuse_neuro_flags(parse("--k_wta", "4"))
