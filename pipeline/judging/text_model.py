"""Pretrained bidirectional encoders (BERT, MPNet) with heads of our own: loading, storing, tokens.

A folder holds ``config.json`` (that of Transformers), ``tokenizer.json`` and weights in eight bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import nn

from pipeline.errors import ModelError, SettingError
from pipeline.storage.eight_bits import read_weights, weight_files, write_weights
from pipeline.storage.files import replacing

LONGEST = 256
"""Tokens of a text or pair; a longer evidence is cut at its end."""
_BODY = "body."
_BATCH_TOKENS = {"cpu": 2048, "cuda": 262144}
_PREFIXES = (_BODY, "bert.", "mpnet.", "model.")


@dataclass(frozen=True)
class TokenBatch:
    """Texts or pairs of texts as tokens, padded on the right: all (B, T). ``types`` is 1 for the second of a pair."""

    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor

    def to(self, device: torch.device) -> TokenBatch:
        """Return the batch on ``device``."""
        return TokenBatch(*(one.to(device, non_blocking=True) for one in (self.ids, self.mask, self.types)))


def make_body(folder: Path) -> nn.Module:
    """Return the encoder that ``config.json`` describes with random weights; raises ModelError."""
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        auto: Any = AutoModel
        body: Any = auto.from_config(config, add_pooling_layer=False)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{folder} cannot be loaded ({' '.join(str(error).split())[:160]}); expected a BERT or MPNet folder"
        ) from error
    return body  # type: ignore[no-any-return]


def load_base(folder: Path, layers: Sequence[int] = ()) -> nn.Module:
    """Return a pretrained encoder to train further; of its ``layers`` only where given.

    Raises ModelError, and SettingError for a layer that the encoder does not have.
    """
    body: Any = make_body(folder)
    _fill(body, {_plain(name): array for name, array in read_weights(folder).items()}, folder)
    if layers:
        own = body.encoder.layer
        if not all(0 <= number < len(own) for number in layers):
            raise SettingError(f"layers are {', '.join(map(str, layers))}; {folder} has the layers 0 to {len(own) - 1}")
        body.encoder.layer = nn.ModuleList([own[number] for number in layers])
        body.config.num_hidden_layers = len(layers)
    return body  # type: ignore[no-any-return]


def _plain(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def load_weights(model: nn.Module, folder: Path) -> None:
    """Fill a model with a ``body`` from a folder that ``save_model`` wrote; raises ModelError."""
    _fill(model, read_weights(folder), folder)


def _fill(model: nn.Module, weights: dict[str, Any], folder: Path) -> None:
    own = model.state_dict()
    found = {name: torch.from_numpy(np.array(weights[name], order="C")) for name in own if name in weights}
    wrong = [name for name in own if name not in found and "position_ids" not in name]
    wrong += [name for name, value in found.items() if value.shape != own[name].shape]
    if wrong:
        raise ModelError(f"{folder} has no fitting weights for {', '.join(wrong[:3])}; restore the folder")
    if not all(bool(torch.isfinite(value).all()) for value in found.values()):
        raise ModelError(f"{folder} is damaged: its weights have numbers that are not finite; restore the folder")
    model.load_state_dict({**own, **found})


def save_model(folder: Path, model: nn.Module, tokenizer: Tokenizer) -> None:
    """Write a model with a ``body`` and its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    body: Any = model.body
    config = {name: value for name, value in body.config.to_dict().items() if name != "_name_or_path"}
    weights = {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()}
    write_weights(folder, {name: array for name, array in weights.items() if array.dtype.kind == "f"})
    for name, text in (("config.json", json.dumps(config, indent=1)), ("tokenizer.json", tokenizer.to_str())):
        with replacing(folder / name) as scratch:
            scratch.write_text(text + "\n", encoding="utf-8")


def load_tokenizer(folder: Path, *, longest: int = LONGEST) -> Tokenizer:
    """Return the tokenizer of a folder, which cuts the first text of a pair to fit; raises ModelError."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises plain Exception
        raise ModelError(f"{folder / 'tokenizer.json'} cannot be read ({error}); restore the folder") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest, strategy="only_first")
    return tokenizer


def weights_sum(folder: Path) -> str:
    """Return the SHA-256 of the weight files of a folder."""
    digest = hashlib.sha256()
    for file in weight_files(folder):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def pad(encodings: Sequence[Encoding], *, multiple: int = 1) -> TokenBatch:
    """Return encoded texts as one batch, padded to a length that ``multiple`` divides."""
    longest = max(len(one.ids) for one in encodings)
    longest += -longest % multiple
    ids, mask, types = (np.zeros((len(encodings), longest), dtype=np.int64) for _ in range(3))
    for row, one in enumerate(encodings):
        ids[row, : len(one.ids)], mask[row, : len(one.ids)] = one.ids, 1
        types[row, : len(one.ids)] = one.type_ids
    return TokenBatch(torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(types))


def hidden_vectors(body: nn.Module, tokens: TokenBatch) -> torch.Tensor:
    """Return the last hidden vectors, (B, T, D)."""
    arguments = {"input_ids": tokens.ids, "attention_mask": tokens.mask}
    if hasattr(body, "embeddings") and hasattr(body.embeddings, "token_type_embeddings"):
        arguments["token_type_ids"] = tokens.types
    found: torch.Tensor = body(**arguments).last_hidden_state
    return found


def mean_vectors(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of the hidden vectors of real tokens, (B, D)."""
    weight = mask[..., None].to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1)


def batches_by_length(
    encodings: Sequence[Encoding], device: torch.device, on_progress: Callable[[int], object] = lambda done: None
) -> Iterator[tuple[list[int], TokenBatch]]:
    """Yield the places of encoded texts of similar length with their batch on ``device``, the longest first."""
    order = sorted(range(len(encodings)), key=lambda place: (-len(encodings[place].ids), place))
    limit = _BATCH_TOKENS.get(device.type, 2048)
    while order:
        count = max(1, limit // len(encodings[order[0]].ids))
        places, order = order[:count], order[count:]
        yield places, pad([encodings[place] for place in places]).to(device)
        on_progress(len(places))
