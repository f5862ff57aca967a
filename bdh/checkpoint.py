"""One folder per model: config.json, tokenizer.json, weights as safetensors in shards, and a model card."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from bdh.config import FOREIGN_NAMES, FORMAT_VERSION, BDHConfig
from bdh.errors import CheckpointError, ConfigError
from bdh.files import replacing, write_text
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.tokenizer import Tokenizer, load_tokenizer

_INDEX = "model.safetensors.index.json"
_VARIANTS: dict[str, type[BDHConfig] | type[NeuroConfig]] = {"bdh": BDHConfig, "neuro": NeuroConfig}
_M = TypeVar("_M", BDH, BDHNeuro, BDH | BDHNeuro)
_SHARD_BYTES = 45_000_000


def save(
    folder: str | Path,
    model: LanguageModel,
    tokenizer: Tokenizer,
    *,
    card: str = "",
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a model folder for ``load``; each file is written completely or not at all.

    ``dtype`` is the precision of stored weights (frequencies stay float32); ``card`` is the text of README.md. Raises
    CheckpointError when the tokenizer has more tokens than the model, or a file cannot be written.
    """
    folder = Path(folder)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise CheckpointError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {model.config.vocab_size}; nothing was saved"
        )
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: _stored(name, tensor, dtype) for name, tensor in model.state_dict().items()}
    shards = _split(weights)
    names = _shard_names(len(shards))
    write_files({folder / name: shard for name, shard in zip(names, shards, strict=True)}, {"format": "pt"})
    for stale in set(folder.glob("model*.safetensors")) - {folder / name for name in names}:
        stale.unlink()
    _write_index(folder, dict(zip(names, shards, strict=True)))
    tokenizer.save(folder / "tokenizer.json")
    kind = {"model_type": "bdh", "variant": "bdh"}
    if isinstance(model, BDHNeuro):
        kind = {"model_type": "bdh-neuro", "variant": "neuro"}
    config = {**kind, "format_version": FORMAT_VERSION, **model.config.to_dict()}
    write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
    if card:
        write_text(folder / "README.md", card)
    return folder


def load(
    folder: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> tuple[LanguageModel, Tokenizer]:
    """Return the model of either variant, in evaluation mode, and its tokenizer from a folder that ``save`` wrote.

    Raises CheckpointError (TokenizerError for the tokenizer) when a file is missing, damaged or of another version,
    or the weights do not fit.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(
            f"{folder} is not a folder; expected one with config.json, tokenizer.json and model*.safetensors"
        )
    config = read_config(folder)
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    if tokenizer.vocab_size > config.vocab_size:
        raise CheckpointError(f"{folder}: tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}")
    model = build(config, read_weights(folder))
    return cast_weights(model.to(device), dtype).eval(), tokenizer


def load_bdh(
    folder: str | Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> tuple[BDH, Tokenizer]:
    """Return what ``load`` returns, if it is the published model; raises CheckpointError for the other variant."""
    model, tokenizer = load(folder, device=device, dtype=dtype)
    if not isinstance(model, BDH):
        raise CheckpointError(f"{folder} contains the neuro variant; expected the published model")
    return model, tokenizer


@overload
def build(config: BDHConfig, weights: Mapping[str, Tensor]) -> BDH: ...
@overload
def build(config: NeuroConfig, weights: Mapping[str, Tensor]) -> BDHNeuro: ...
def build(config: BDHConfig | NeuroConfig, weights: Mapping[str, Tensor]) -> LanguageModel:
    """Return a model of ``config`` with ``weights``; raises CheckpointError where they do not fit."""
    count = sum(tensor.numel() for tensor in weights.values())
    # A model larger than its weights is an error: on the meta device it takes no memory.
    with torch.device("cpu" if config.n_parameters <= count else "meta"), _Unfilled():
        model = _make(config)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        detail = "; ".join(f"{name}: found {found.get(name)}, expected {expected.get(name)}" for name in wrong[:4])
        raise CheckpointError(f"weights do not fit the configuration ({detail})")
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            raise CheckpointError(f"weights are damaged: {name} is of {tensor.dtype}; expected floating point")
        if not torch.isfinite(tensor.float()).all():
            raise CheckpointError(f"weights are damaged: {name} contains numbers that are not finite")
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model


class _Unfilled(TorchFunctionMode):
    """Skip the initialisation of weights that are about to be loaded: it takes longer than reading them."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        return named["tensor"] if func is nn.init.normal_ and "tensor" in named else func(*args, **named)


def cast_weights(model: _M, dtype: torch.dtype | None) -> _M:
    """Convert the matrices of ``model`` to ``dtype`` in place; frequencies and damping stay float32."""
    if dtype is not None:
        for weight in (model.encoder, model.encoder_v, model.decoder, model.embed.weight, model.lm_head):
            weight.data = weight.data.to(dtype)
    return model


def read_config(folder: Path) -> BDHConfig | NeuroConfig:
    """Return the configuration in ``folder``; raises CheckpointError when it is not valid."""
    path = folder / "config.json"
    try:
        mapping: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = mapping.pop("format_version", None)
        for name in ("model_type", *FOREIGN_NAMES):
            mapping.pop(name, None)
        kind = _VARIANTS.get(mapping.pop("variant", "bdh"))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); expected the config.json of a BDH model") from error
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format version {version}; this library reads version {FORMAT_VERSION}")
    if kind is None:
        raise CheckpointError(f"{path} names an unknown variant; this library reads {', '.join(_VARIANTS)}")
    try:
        return kind.from_dict(mapping)
    except (ConfigError, TypeError) as error:
        raise CheckpointError(f"{path} does not describe a BDH model: {error}") from error


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return all tensors of the safetensors shards in ``folder``."""
    paths = sorted(folder.glob("model*.safetensors"))
    if not paths:
        raise CheckpointError(f"{folder} has no model*.safetensors; expected at least one")
    found = [path.name for path in paths]
    if found != _shard_names(len(paths)):
        raise CheckpointError(f"{folder} has {found}; expected all shards of one model and no others")
    weights: dict[str, Tensor] = {}
    for path in paths:
        weights.update(read_tensors(path))
    return weights


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of one safetensors file; raises CheckpointError when it is missing or damaged."""
    try:
        return load_file(str(path))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or damaged ({error}); restore it") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write one safetensors file, completely or not at all; raises CheckpointError when it cannot be written."""
    write_files({path: tensors}, metadata)


def write_files(files: Mapping[Path, Mapping[str, Tensor]], metadata: dict[str, str]) -> None:
    """Write several safetensors files; none is replaced before all are written. Raises CheckpointError."""
    path = None
    try:
        with ExitStack() as stack:
            for path, tensors in files.items():
                partial = stack.enter_context(replacing(path))
                save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, partial, metadata)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be written ({error}); make room, or choose another folder") from error


def weights_hash(folder: str | Path) -> str:
    """Return the sha256 over configuration, tokenizer and weights of a model folder, including a claim head."""
    shards = [*sorted(Path(folder).glob("model*.safetensors")), *Path(folder).glob("claim_head.safetensors")]
    digest = hashlib.sha256()
    for path in (Path(folder) / "config.json", Path(folder) / "tokenizer.json", *shards):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error}); expected a folder with a saved model") from error
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _make(config: BDHConfig | NeuroConfig) -> LanguageModel:
    return BDHNeuro(config) if isinstance(config, NeuroConfig) else BDH(config)


def _stored(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    narrow = dtype is not None and not name.startswith("attn.")
    return tensor.detach().to(dtype if narrow else torch.float32).cpu().contiguous()


def _split(weights: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Group tensors into shards under 45 MB; a larger tensor has one of its own."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in weights.items():
        bytes_ = tensor.numel() * tensor.element_size()
        if shards[-1] and size + bytes_ > _SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += bytes_
    return shards


def _write_index(folder: Path, shards: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write the index of shards for Transformers; ``load`` reads all shards and needs none."""
    path = folder / _INDEX
    if len(shards) == 1:
        path.unlink(missing_ok=True)
        return
    size = sum(tensor.nbytes for shard in shards.values() for tensor in shard.values())
    places = {tensor: name for name, shard in shards.items() for tensor in shard}
    write_text(path, json.dumps({"metadata": {"total_size": size}, "weight_map": places}, indent=2) + "\n")


def _shard_names(count: int) -> list[str]:
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
