"""Make the model and the tokenizer of a training run from its flags."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bdh.config import BDHConfig
from bdh.errors import CheckpointError, ConfigError
from bdh.model import BDH
from bdh.neuro.flags import neuro_config, refuse_neuro_flags
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer, Tokenizer, load_tokenizer

_SIZES = ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier")


def make_tokenizer(arguments: argparse.Namespace, texts: Sequence[str]) -> Tokenizer:
    """Return the tokenizer of the flags, or that of the run if it is resumed; raises CheckpointError."""
    if arguments.resume:
        last = Path(arguments.out) / "last"
        if not (last / "training.safetensors").is_file():
            raise CheckpointError(f"{arguments.out} has no run to resume; start it without --resume")
        return load_tokenizer(last / "tokenizer.json")
    if arguments.tokenizer == "bytes":
        return ByteTokenizer()
    if arguments.tokenizer == "bpe":
        return BPETokenizer.train(texts, vocab_size=arguments.vocab_size)
    if arguments.tokenizer == "characters":
        return CharTokenizer.train(texts)
    return load_tokenizer(arguments.tokenizer)


def make_model(arguments: argparse.Namespace, tokenizer: Tokenizer) -> LanguageModel:
    """Return a new model of either variant."""
    if arguments.variant == "neuro":
        return BDHNeuro(neuro_config(arguments, tokenizer.vocab_size))
    shared = {name: value for name, value in vars(arguments).items() if name not in ("n", "d")}
    refuse_neuro_flags(argparse.Namespace(**shared))
    return BDH(_model_config(arguments, tokenizer))


def _model_config(arguments: argparse.Namespace, tokenizer: Tokenizer) -> BDHConfig:
    changes: dict[str, Any] = {
        name: getattr(arguments, name) for name in _SIZES if getattr(arguments, name) is not None
    }
    changes |= _paper_sizes(arguments, width=changes.get("n_embd"))
    changes |= {"vocab_size": tokenizer.vocab_size, "dropout": arguments.dropout, "learn_decay": arguments.learn_decay}
    if arguments.decay:
        changes["decay"] = _numbers(arguments.decay)
    return BDHConfig.preset(arguments.preset, **changes)


def _paper_sizes(arguments: argparse.Namespace, *, width: int | None) -> dict[str, int]:
    """Return the sizes for ``--n`` (neurons over all heads) and ``--d`` (width)."""
    given = vars(arguments)
    sizes = {"n_embd": int(given["d"])} if "d" in given else {}
    if "n" not in given:
        return sizes
    width = sizes.get("n_embd", width) or BDHConfig.preset(arguments.preset).n_embd
    if width < 1 or given["n"] % width:
        raise ConfigError(f"n is {given['n']}; it must be a multiple of the width, {width}")
    return sizes | {"mlp_internal_dim_multiplier": given["n"] // width}


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"decay is {text!r}; expected comma-separated numbers, one per head") from error
