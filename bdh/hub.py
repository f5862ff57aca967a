"""Upload model folders to the Hugging Face Hub, or a server with its interface, and download them."""

import json
import tempfile
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import torch
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HFValidationError,
    HTTPError,  # that of the HTTP library of the hub's client
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
)

from bdh import checkpoint, remote_code
from bdh.card import model_card
from bdh.config import BDHConfig
from bdh.errors import CheckpointError, HubError
from bdh.neuro.model import LanguageModel
from bdh.tokenizer import Tokenizer

__all__ = ["from_hub", "model_card", "push_to_hub"]
_WEIGHTS = "model*.safetensors*"
_FILES = ("config.json", "tokenizer.json", _WEIGHTS, "README.md")
_REFUSALS = (HTTPError, HFValidationError, LocalEntryNotFoundError, LocalTokenNotFoundError, OfflineModeIsEnabled)


def push_to_hub(
    source: str | Path | LanguageModel,
    repo_id: str,
    *,
    tokenizer: Tokenizer | None = None,
    metrics: Mapping[str, float] | None = None,
    endpoint: str | None = None,
    token: str | None = None,
    private: bool | None = None,
    message: str = "Upload a BDH model",
) -> str:
    """Upload a model folder, or a model with its ``tokenizer``, to the hub; return the address of the repository.

    The repository is created when it does not exist; weights of an earlier upload are deleted in the same commit. A
    folder without README.md gets a card with ``metrics``. ``endpoint`` and ``token`` default to those that the hub's
    client finds in the environment. Raises CheckpointError for a folder without a model, HubError when the hub
    refuses or cannot be reached.
    """
    if isinstance(source, (str, Path)):
        api = HfApi(endpoint=endpoint, token=token)
        return _push_folder(api, Path(source), repo_id, metrics=metrics, private=private, message=message)
    if tokenizer is None:
        raise HubError("a model was given without its tokenizer; give tokenizer=, or the folder of a saved model")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(folder, source, tokenizer)
        return push_to_hub(
            folder, repo_id, metrics=metrics, endpoint=endpoint, token=token, private=private, message=message
        )


def write_files(folder: Path, repo_id: str, out: Path) -> None:
    """Write into ``out`` what ``push_to_hub`` would upload of a model folder; raises CheckpointError."""
    out.mkdir(parents=True, exist_ok=True)
    for addition in _additions(folder, repo_id, None):
        with addition.as_file() as file:
            (out / addition.path_in_repo).write_bytes(file.read())


def _push_folder(
    api: HfApi, folder: Path, repo_id: str, *, metrics: Mapping[str, float] | None, private: bool | None, message: str
) -> str:
    additions = _additions(folder, repo_id, metrics)
    names = {addition.path_in_repo for addition in additions}
    try:
        address = api.create_repo(repo_id, private=private, exist_ok=True)
        there = [name for name in api.list_repo_files(address.repo_id) if fnmatch(name, _WEIGHTS)]
        stale = [CommitOperationDelete(name) for name in there if name not in names]
        api.create_commit(address.repo_id, [*additions, *stale], commit_message=message)
    except _REFUSALS as error:
        raise HubError(
            f"{repo_id} could not be written at {api.endpoint} ({_reason(error)}); "
            "check the name, the token (HF_TOKEN) and the connection"
        ) from error
    return str(address)


def _additions(folder: Path, repo_id: str, metrics: Mapping[str, float] | None) -> list[CommitOperationAdd]:
    """Return the files of the model in ``folder``, a card if it has none, and the code to load it by itself."""
    config = checkpoint.read_config(folder)
    files = {path.name: path for pattern in _FILES for path in folder.glob(pattern) if path.suffix != ".partial"}
    if "tokenizer.json" not in files or not any(name.endswith(".safetensors") for name in files):
        raise CheckpointError(f"{folder} has {sorted(files)}; expected tokenizer.json and model*.safetensors as well")
    code = _code(folder) if isinstance(config, BDHConfig) else {}
    additions = [CommitOperationAdd(name, path) for name, path in sorted(files.items()) if name not in code]
    additions += [CommitOperationAdd(name, text.encode()) for name, text in code.items()]
    if "README.md" not in files:
        card = model_card(config, repo_id, metrics=metrics)
        additions.append(CommitOperationAdd("README.md", card.encode()))
    return additions


def _code(folder: Path) -> dict[str, str]:
    """Return the files with which ``trust_remote_code=True`` loads the model without this library."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = remote_code.AUTO_MAP
    return {**remote_code.make_files(), "config.json": json.dumps(config, indent=2) + "\n"}


def from_hub(
    id_or_path: str | Path,
    *,
    endpoint: str | None = None,
    token: str | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> tuple[LanguageModel, Tokenizer]:
    """Return the model, in evaluation mode, and its tokenizer from a folder or from a repository ``user/name``.

    Downloads are cached by the hub's client, in ``cache_dir`` or its own folder, and need no network later. Raises
    HubError when the repository cannot be downloaded, CheckpointError when it is not a model of this library.
    """
    if Path(id_or_path).is_dir():
        return checkpoint.load(id_or_path, device=device)
    try:
        folder = snapshot_download(
            str(id_or_path),
            endpoint=endpoint,
            token=token,
            revision=revision,
            cache_dir=cache_dir,
            allow_patterns=list(_FILES),
        )
    except _REFUSALS as error:
        raise HubError(
            f"{id_or_path} is not a folder, and the hub has no such model ({_reason(error)}); "
            "give a model folder or user/name"
        ) from error
    return checkpoint.load(folder, device=device)


def _reason(error: Exception) -> str:
    """Return the first line of the client's message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
