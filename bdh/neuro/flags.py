"""The flags of the neuro variant: its sizes, the extensions that are on, and their values."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bdh.errors import ConfigError
from bdh.neuro.config import BRANCH_NONLINEARITIES, EXTENSIONS, SWITCHES, NeuroConfig

TRAINING_DEFAULTS: dict[str, Any] = {"epochs": 3, "lr": 1e-3, "batch_size": 8, "seq_len": 256, "eval_tokens": 20_000}
"""The settings of the published command line, and less validation, which is slow token by token."""


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


_VALUES: dict[str, tuple[Callable[[str], Any], str]] = {
    "x_decay": (float, "share of x carried to the next token; 0.97"),
    "u_kernels": (_numbers, "damping per token of each timescale; 0.99,0.97,0.94"),
    "u_weights": (_numbers, "weight of each timescale in a read; 0.5,0.3,0.2"),
    "local_forget_eta": (float, "further decay of synapses whose pre-synaptic neuron is inactive; 0.02"),
    "homeostasis_tau": (float, "largest L1 norm of y; 0.15 n"),
    "k_wta": (int, "number of active neurons y at gain 1; n / 8"),
    "branches": (int, "dendrites per neuron x; 2"),
    "branch_nl": (str, f"nonlinearity of a dendrite: {' or '.join(BRANCH_NONLINEARITIES)}; softplus"),
    "mod_gamma_max": (float, "largest change of the gain by surprise; 0.8"),
    "mod_rate": (float, "rate of the running mean and deviation of surprise; 0.01"),
    "spike_rate": (float, "probability of a random spike in training; 0.01"),
}
_SIZES = {
    "n": ("--neurons", "neurons over all heads, also of the published model; 128"),
    "d": ("--width", "width, also of the published model; 32"),
}
_NAMED = {
    "extensions": f"extensions that are on: all, none (Definition 4 itself), or some of {','.join(EXTENSIONS)}; all",
    "without": f"extensions that are off nevertheless, of {','.join(SWITCHES)}",
}


def add_neuro_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--variant`` and the flags of a neuro model; flags that are not given are not in the arguments."""
    parser.add_argument(
        "--variant",
        default="bdh",
        choices=["bdh", "neuro"],
        help="the published model, or Definition 4 with biological extensions (trained on 8 rows of 256)",
    )
    group = parser.add_argument_group(
        "neuro variant", "The published value is given after the semicolon; a value switches its extension on."
    )
    for name, text in _NAMED.items():
        group.add_argument(f"--{name}", default=argparse.SUPPRESS, help=text)
    for name, (long, text) in _SIZES.items():  # torchrun would take the short flags as its own
        group.add_argument(f"--{name}", long, dest=name, type=int, default=argparse.SUPPRESS, help=text)
    for name, (kind, text) in _VALUES.items():
        group.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=text)
    group.add_argument(
        "--rope", action="store_true", default=argparse.SUPPRESS, help="rotate keys and queries by position; off"
    )


def neuro_config(arguments: argparse.Namespace, vocab_size: int) -> NeuroConfig:
    """Return the published configuration with the changes in ``arguments``.

    Raises ConfigError for a name or a value that is not valid, and for a size of the published model.
    """
    given = vars(arguments)
    foreign = [name for name in ("n_embd", "n_head", "mlp_internal_dim_multiplier", "decay") if given.get(name)]
    if foreign:
        raise ConfigError(
            f"{', '.join(foreign)} are sizes of the published model; the neuro variant has n, d and n_layer"
        )
    sizes = {name: given[name] for name in _SIZES if name in given}
    config = NeuroConfig.published(vocab_size, **sizes, n_layer=given.get("n_layer") or 1)
    named = given.get("extensions", "all")
    if named != "all":
        config = config.only([] if named == "none" else named.split(","))
    if "without" in given:
        config = config.without(*given["without"].split(","))
    return replace(config, **{name: given[name] for name in (*_VALUES, "rope") if name in given})


def refuse_neuro_flags(arguments: argparse.Namespace) -> None:
    """Raise ConfigError for a flag of the neuro variant given with the published model."""
    stray = [name for name in (*_NAMED, *_SIZES, *_VALUES, "rope") if name in vars(arguments)]
    if stray:
        raise ConfigError(
            f"{', '.join('--' + name for name in stray)} belong to --variant neuro; add it, or leave them out"
        )
