"""Merge two models: neurons are concatenated, shared weights averaged (paper, section 7.1)."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from bdh import checkpoint
from bdh.config import BDHConfig
from bdh.errors import MergeError
from bdh.model import BDH
from bdh.shapes import Tensor

Along = Literal["neurons", "heads"]
ALONG: tuple[Along, ...] = ("neurons", "heads")


def merge(first: BDH, second: BDH, *, along: Along = "neurons") -> BDH:
    """Return the model with the neurons of both and the mean of their embeddings and outputs, in evaluation mode.

    ``along="neurons"``, as in the paper: each head has the neurons of both, each with its own frequency, and one
    memory; damping factors become their geometric mean. ``along="heads"``: each model keeps its heads, with their
    memory and damping; the frequencies must be the same. A model merged with itself has the same outputs, up to the
    eps of LayerNorm. Raises MergeError when the models do not fit.
    """
    config = _merged_config(first, second, along)
    pair = first.state_dict(), second.state_dict()
    width, dim = config.n_embd, 2 if along == "neurons" else 0
    weights = {name: torch.cat([part[name] for part in pair], dim=dim) for name in ("encoder", "encoder_v")}
    decoders = [
        part["decoder"].view(model.config.n_head, -1, width) for part, model in zip(pair, (first, second), strict=True)
    ]
    weights["decoder"] = torch.cat(decoders, dim=1 if along == "neurons" else 0).reshape(-1, width)
    weights |= {name: (pair[0][name] + pair[1][name]) / 2 for name in ("embed.weight", "lm_head")}
    weights["attn.freqs"] = _merged_frequencies(*pair, along)
    if config.learn_decay:
        assert config.decay is not None
        weights["attn.decay_logit"] = torch.logit(torch.tensor(config.decay, dtype=torch.float32))
    return checkpoint.build(config, {name: weight.cpu() for name, weight in weights.items()}).eval()


def merge_folders(first: str | Path, second: str | Path, out: str | Path, *, along: Along = "neurons") -> BDH:
    """Merge two model folders into the folder ``out``, and return the model; the tokenizers must be the same."""
    models, tokenizers = zip(*(checkpoint.load_bdh(folder) for folder in (first, second)), strict=True)
    files = [(Path(folder) / "tokenizer.json").read_bytes() for folder in (first, second)]
    if files[0] != files[1]:
        raise MergeError(f"{first} and {second} have different tokenizers; merge models that read the same tokens")
    merged = merge(*models, along=along)
    checkpoint.save(out, merged, tokenizers[0])
    return merged


def _merged_config(first: BDH, second: BDH, along: Along) -> BDHConfig:
    one, other = first.config, second.config
    if along not in ALONG:
        raise MergeError(f"along is {along!r}; it must be one of {', '.join(ALONG)}")
    names = ["n_embd", "n_head", "n_layer", "vocab_size"] + (["n_neurons"] if along == "heads" else [])
    for name in names:
        if getattr(one, name) != getattr(other, name):
            raise MergeError(f"{name} is {getattr(one, name)} and {getattr(other, name)}; both models need the same")
    if (one.decay is None) != (other.decay is None) or one.learn_decay != other.learn_decay:
        raise MergeError("only one of the models has damping, or learns it; both must agree")
    heads = one.n_head if along == "neurons" else one.n_head + other.n_head
    multiplier = one.mlp_internal_dim_multiplier + other.mlp_internal_dim_multiplier
    decay = _merged_decay(first, second, along)
    return replace(one, n_head=heads, mlp_internal_dim_multiplier=multiplier, decay=decay)


def _merged_decay(first: BDH, second: BDH, along: Along) -> tuple[float, ...] | None:
    factors = first.attn.decay(), second.attn.decay()
    if factors[0] is None or factors[1] is None:
        return None
    one, other = factors[0].tolist(), factors[1].tolist()
    if along == "heads":
        return (*one, *other)
    return tuple(math.sqrt(a * b) for a, b in zip(one, other, strict=True))


def _merged_frequencies(first: Mapping[str, Tensor], second: Mapping[str, Tensor], along: Along) -> Tensor:
    pair = first["attn.freqs"], second["attn.freqs"]
    if along == "neurons":
        return torch.cat(pair, dim=-1)
    if not torch.equal(*pair):
        raise MergeError("the models have different rotary frequencies; merge them along neurons")
    return pair[0]
