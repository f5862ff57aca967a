"""Convert the weights of another implementation of the published model."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from bdh.checkpoint import build, read_tensors
from bdh.config import BDHConfig
from bdh.errors import CheckpointError
from bdh.model import BDH
from bdh.ops.rotary import make_frequencies

_WRAPPERS = ("model", "state_dict", "model_state_dict")
_PREFIXES = ("_orig_mod.", "module.", "model.")


def convert(file: Path, *, n_layer: int, dropout: float = 0.1) -> BDH:
    """Return the model with the weights in ``file``; all sizes but the number of layers follow from the shapes.

    Only tensors and plain containers of a pickled file are read (``weights_only``), never code. Raises CheckpointError
    when the file is damaged or is something else.
    """
    weights = {_plain(name): tensor for name, tensor in _read(file).items()}
    missing = [name for name in ("encoder", "encoder_v", "decoder", "embed.weight", "lm_head") if name not in weights]
    if missing:
        raise CheckpointError(f"{file} has no {', '.join(missing)}; found {sorted(weights)[:8]}, expected BDH weights")
    if weights["encoder"].dim() != 3 or weights["embed.weight"].dim() != 2 or 0 in weights["encoder"].shape:
        shapes = {name: tuple(weights[name].shape) for name in ("encoder", "embed.weight")}
        raise CheckpointError(f"{file} has {shapes}; expected encoder (H, D, N) and embed.weight (V, D)")
    heads, width, neurons = weights["encoder"].shape
    multiplier, rest = divmod(heads * neurons, width)
    if rest:
        raise CheckpointError(f"{file} has {heads * neurons} neurons, which is not a multiple of the width {width}")
    vocabulary = weights["embed.weight"].shape[0]
    config = BDHConfig(n_layer, width, heads, multiplier, vocabulary, dropout)
    weights.setdefault("attn.freqs", make_frequencies(neurons, config.rope_theta).view(1, 1, 1, -1))
    return build(config, weights).eval()


def _read(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise CheckpointError(f"{file} is not a file; give the weights file of a trained model")
    content: Mapping[str, object] = read_tensors(file) if file.suffix == ".safetensors" else _read_pickled(file)
    for wrapper in _WRAPPERS:
        inner = content.get(wrapper)
        content = inner if isinstance(inner, Mapping) else content
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{file} has no named tensors; expected a state dict")
    return tensors


def _read_pickled(file: Path) -> Mapping[str, object]:
    try:
        content = _load_weights(file)
    except Exception as error:  # the unpickler raises any exception on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{file} is damaged or contains more than weights ({reason}); it is not loaded"
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{file} contains a {type(content).__name__}; expected a state dict")
    return content


def _load_weights(file: Path) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # about pickle protocols; a file that cannot be read is an error anyway
        return torch.load(file, map_location="cpu", weights_only=True)


def _plain(name: str) -> str:
    """Strip the prefixes of wrappers from a parameter's name, in any order."""
    while prefix := next((prefix for prefix in _PREFIXES if name.startswith(prefix)), ""):
        name = name.removeprefix(prefix)
    return name
