"""Models by folder or by hub id, for every command that reads one."""

import re
from pathlib import Path

import torch

from bdh import checkpoint
from bdh.commands.extras import require
from bdh.neuro.model import LanguageModel
from bdh.tokenizer import Tokenizer

_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")


def open_model(name: str, *, device: torch.device | str = "cpu") -> tuple[LanguageModel, Tokenizer]:
    """Return the model in the folder ``name``, or of the hub id ``user/name`` when there is no such folder."""
    if Path(name).is_dir() or not _REPO_ID.fullmatch(name):
        return checkpoint.load(name, device=device)
    require("hub")
    from bdh.hub import from_hub

    return from_hub(name, device=device)
