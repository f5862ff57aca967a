"""Load models by folder or by hub id, for every command."""

import argparse
import re
from importlib.util import find_spec
from pathlib import Path

import torch

from bdh import checkpoint
from bdh.commands.extras import require
from bdh.errors import ConfigError
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.tokenizer import Tokenizer
from bdh.training.data import read_texts

_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")


def add_model_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``; the default is the default folder of training."""
    text = "folder of a model or of a training run (its best model), models/reader that ships, or user/name on the hub"
    parser.add_argument("--model", "--checkpoint", "--model_path", default="runs/train", help=text)


def open_model(name: str, *, device: torch.device | str = "cpu") -> tuple[LanguageModel, Tokenizer]:
    """Return the model in the folder ``name``, or of the hub id ``user/name`` if there is no such folder."""
    shipped = _shipped(name)
    if shipped is not None:
        return checkpoint.load(shipped, device=device)
    if Path(name).exists() or not _REPO_ID.fullmatch(name) or name == "runs/train":
        return checkpoint.load(model_folder(Path(name)), device=device)
    require("hub")
    from bdh.hub import from_hub

    return from_hub(name, device=device)


def _shipped(name: str) -> Path | None:
    """Return the folder of weights that a wheel brought, or None; ``pipeline.config`` finds it in the same way."""
    first, *rest = Path(name).parts or ("",)
    spec = find_spec("bdh_narrative_models") if first == "models" and not Path(name).exists() else None
    places = spec.submodule_search_locations if spec else None
    return next((Path(place, *rest) for place in places or () if Path(place, *rest).is_dir()), None)


def model_folder(folder: Path) -> Path:
    """Return the folder that contains the model: itself, or a run's best checkpoint, or its last one."""
    places = (folder, folder / "best", folder / "last")
    return next((place for place in places if (place / "config.json").is_file()), folder)


def _sizes(model: LanguageModel) -> dict[str, int]:
    """Return the neurons over all heads and the width, by their symbols in the paper."""
    if isinstance(model, BDHNeuro):
        return {"n": model.config.n, "d": model.config.d}
    return {"n": model.config.n_neurons_total, "d": model.config.n_embd}


def check_model(model: LanguageModel, tokenizer: Tokenizer, arguments: argparse.Namespace) -> None:
    """Raise ConfigError or TokenizerError unless the model has the sizes and the vocabulary that the flags require."""
    for name, size in _sizes(model).items():
        expected = getattr(arguments, name)
        if expected is not None and expected != size:
            raise ConfigError(f"{name} is {expected}, but the model in {arguments.model} has {size}; leave it out")
    if arguments.file is not None:
        for text in read_texts(arguments.file):
            tokenizer.encode(text)
