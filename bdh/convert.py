"""Bring in the weights of another implementation of the published model."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bdh.checkpoint import build
from bdh.config import BDHConfig
from bdh.errors import CheckpointError
from bdh.model import BDH
from bdh.ops.rotary import make_frequencies

_WRAPPERS = ("model", "state_dict", "model_state_dict")
_PREFIXES = ("_orig_mod.", "module.", "model.")


def convert(file: Path, *, n_layer: int, dropout: float = 0.1) -> BDH:
    """Return the model whose weights ``file`` holds; sizes follow from the shapes, all but the number of layers.

    Of a pickled file only tensors and plain containers are read (``weights_only``), never code. Raises CheckpointError
    when the file is damaged or holds something else.
    """
    weights = {_plain(name): tensor for name, tensor in _read(file).items()}
    missing = [name for name in ("encoder", "encoder_v", "decoder", "embed.weight", "lm_head") if name not in weights]
    if missing:
        raise CheckpointError(f"{file} lacks {', '.join(missing)}; found {sorted(weights)[:8]}, expected BDH weights")
    heads, width, neurons = weights["encoder"].shape
    multiplier, rest = divmod(heads * neurons, width)
    if rest:
        raise CheckpointError(f"{file} has {heads * neurons} neurons, which is no multiple of the width {width}")
    vocabulary = weights["embed.weight"].shape[0]
    config = BDHConfig(n_layer, width, heads, multiplier, vocabulary, dropout)
    weights.setdefault("attn.freqs", make_frequencies(neurons, config.rope_theta).view(1, 1, 1, -1))
    return build(config, weights).eval()


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise CheckpointError(f"{file} is no file; give the weights file of a trained model")
    content = _read_safetensors(file) if file.suffix == ".safetensors" else _read_pickled(file)
    for wrapper in _WRAPPERS:
        inner = content.get(wrapper)
        content = inner if isinstance(inner, Mapping) else content
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{file} holds no named tensors; expected a state dict")
    return tensors


def _read_safetensors(file: Path) -> Mapping[str, object]:
    try:
        return load_file(str(file))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file} is damaged ({error}); expected a safetensors file") from error


def _read_pickled(file: Path) -> Mapping[str, object]:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{file} is damaged or holds more than weights ({reason}); it is not loaded") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{file} holds a {type(content).__name__}; expected a state dict")
    return content


def _plain(name: str) -> str:
    """Strip what wrappers put before a parameter's name."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
