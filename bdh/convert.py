"""Convert the weights of another implementation of the published model."""

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.serialization import safe_globals

from bdh.checkpoint import build, read_tensors
from bdh.config import BDHConfig
from bdh.errors import CheckpointError
from bdh.model import BDH
from bdh.ops.rotary import make_frequencies

_LOG = logging.getLogger(__name__)
_WRAPPERS = ("model", "state_dict", "model_state_dict", "module", "net")
_SETTINGS = ("config", "model_args", "args", "hparams", "hyper_parameters")
_LAYERS = ("n_layer", "n_layers", "num_layers", "num_hidden_layers")
_MATRICES = ("encoder", "encoder_v", "decoder", "embed.weight", "lm_head")
_NUMPY = (
    "dtype",
    "ndarray",
    *(f"{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
)
_LAYER_FREQUENCIES = re.compile(r"attns\.(\d+)\.freqs")
_FOREIGN_CLASS = re.compile(r"GLOBAL (\S+) was not an allowed global")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_PUBLISHED_LAYERS = 6


def convert(file: Path, *, n_layer: int | None = None, dropout: float = 0.1) -> BDH:
    """Return the model with the weights in ``file``; all sizes but the number of layers follow from the shapes.

    Without ``n_layer`` it is what the file itself says, in plain settings or by frequencies for each layer, or 6 with
    a logged notice. Only tensors and plain containers of a pickled file are read (``weights_only``), never code; NumPy
    values are skipped. Raises CheckpointError when the file is damaged or is something else.
    """
    content = _read(file)
    weights = _weights_in(content, file)
    missing = [name for name in _MATRICES if name not in weights]
    if missing:
        raise CheckpointError(f"{file} has no {', '.join(missing)}; found {sorted(weights)[:8]}, expected BDH weights")
    layers = _fold_frequencies(weights, file)
    _refuse_others(weights, file)
    if weights["encoder"].dim() != 3 or weights["embed.weight"].dim() != 2 or 0 in weights["encoder"].shape:
        shapes = {name: tuple(weights[name].shape) for name in ("encoder", "embed.weight")}
        raise CheckpointError(f"{file} has {shapes}; expected encoder (H, D, N) and embed.weight (V, D)")
    heads, width, neurons = weights["encoder"].shape
    multiplier, rest = divmod(heads * neurons, width)
    if rest:
        raise CheckpointError(f"{file} has {heads * neurons} neurons, which is not a multiple of the width {width}")
    vocabulary = weights["embed.weight"].shape[0]
    count = _choose_layers(n_layer, layers or _layers_in(content), file)
    config = BDHConfig(count, width, heads, multiplier, vocabulary, dropout)
    weights.setdefault("attn.freqs", make_frequencies(neurons, config.rope_theta).view(1, 1, 1, -1))
    return build(config, weights).eval()


def _read(file: Path) -> Mapping[str, object]:
    if not file.is_file():
        raise CheckpointError(f"{file} is not a file; give the weights file of a trained model")
    return read_tensors(file) if file.suffix == ".safetensors" else _read_pickled(file)


def _read_pickled(file: Path) -> Mapping[str, object]:
    try:
        content = _load_weights(file)
    except Exception as error:  # the unpickler raises any exception on a damaged file
        raise CheckpointError(_explain(file, error)) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{file} contains a {type(content).__name__}; expected a state dict")
    return content


class _Skipped:
    """Takes the place of a NumPy value in a pickled file: nothing of NumPy runs on foreign bytes."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def _load_weights(file: Path) -> object:
    with warnings.catch_warnings(), safe_globals([(_Skipped, f"numpy.{name}") for name in _NUMPY]):
        warnings.simplefilter(
            "ignore", UserWarning
        )  # about pickle protocols; a file that cannot be read is an error anyway
        return torch.load(file, map_location="cpu", weights_only=True)


def _explain(file: Path, error: Exception) -> str:
    """Return one line on why a pickled file is not loaded, and what to do."""
    text = _ESCAPES.sub("", str(error))
    found = _FOREIGN_CLASS.search(text)
    if found is None:
        reason = (text.splitlines() or [type(error).__name__])[0][:200]
        return f"{file} is damaged or contains more than weights ({reason}); it is not loaded"
    return (
        f"{file} contains more than weights: {found[1]}, which only code could build; it is not loaded. Save the "
        "weights alone, where that class is known: torch.save(model.state_dict(), 'weights.pt')"
    )


def _weights_in(content: Mapping[str, object], file: Path) -> dict[str, Tensor]:
    """Return the tensors by the names of the model, without what wraps them and without a common prefix."""
    for wrapper in _WRAPPERS:
        inner = content.get(wrapper)
        content = inner if isinstance(inner, Mapping) else content
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{file} has no named tensors; expected a state dict")
    prefixes = {name.removesuffix("encoder_v") for name in tensors if f".{name}".endswith(".encoder_v")}
    if len(prefixes) > 1:
        raise CheckpointError(f"{file} contains several models, {sorted(prefixes)}; save one of them alone")
    prefix = prefixes.pop() if prefixes else ""
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def _fold_frequencies(weights: dict[str, Tensor], file: Path) -> int | None:
    """Replace equal frequencies for each layer by those of all layers; return the number of layers if it had such."""
    names = [name for name in weights if _LAYER_FREQUENCIES.fullmatch(name)]
    if not names:
        return None
    found = [weights.pop(name) for name in names]
    found += [weights["attn.freqs"]] if "attn.freqs" in weights else []
    if not all(torch.equal(one, found[0]) for one in found):
        raise CheckpointError(
            f"{file} has different frequencies for its layers ({', '.join(names)}); this model has one set for all"
        )
    weights["attn.freqs"] = found[0]
    _LOG.warning("%s has the same frequencies for %d layers (%s ...); stored once", file, len(names), names[0])
    return len(names)


def _refuse_others(weights: Mapping[str, Tensor], file: Path) -> None:
    others = sorted(name for name in weights if name not in (*_MATRICES, "attn.freqs"))
    if others:
        shown = ", ".join(f"{name} {tuple(weights[name].shape)}" for name in others[:4])
        raise CheckpointError(
            f"{file} has {shown}, which the published model does not have; dropping it could give another model. "
            "If its implementation never uses it, delete it from the state dict and save that"
        )


def _layers_in(content: Mapping[str, object]) -> int | None:
    """Return the number of layers that plain settings beside the weights name."""
    for settings in (content.get(name) for name in _SETTINGS):
        named = [settings.get(name) for name in _LAYERS] if isinstance(settings, Mapping) else []
        for value in named:
            if isinstance(value, int) and not isinstance(value, bool):
                return value
    return None


def _choose_layers(wanted: int | None, found: int | None, file: Path) -> int:
    if wanted is not None and found is not None and wanted != found:
        _LOG.warning("%s has %d layers; converted with %d, as n_layer says", file, found, wanted)
    if wanted is None and found is None:
        _LOG.warning(
            "%s does not say how many layers it has (they share weights); %d assumed, n_layer sets another number",
            file,
            _PUBLISHED_LAYERS,
        )
    return next((count for count in (wanted, found) if count is not None), _PUBLISHED_LAYERS)
