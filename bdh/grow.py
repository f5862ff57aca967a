"""Add neurons to a trained model without a change of its output: pairs of neurons are split into two.

A rotary pair (x, x') becomes two pairs of sqrt(1/2) times its activity, each with the frequency of the pair. Scores are
sums of x_t x_s, so half and half make the same score; what both write to the memory is read back as before; and
decoder rows r + d and r - d, each times sqrt(1/2), give the same sum. The random d makes the two learn different
things. No neuron that starts silent could do this: its gradient would be 0 for ever (relu), and one that is active
would add to the scores, because keys equal queries.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from bdh import checkpoint
from bdh.config import BDHConfig
from bdh.errors import ConfigError, StateError
from bdh.model import BDH
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState

_HALF = math.sqrt(0.5)


def grow(model: BDH, neurons: int, *, seed: int = 0) -> BDH:
    """Return a model with ``neurons`` more over all heads and the same outputs up to rounding, in evaluation mode.

    The neurons of ``model`` keep their places and frequencies; the new ones follow them in each head. ``seed`` chooses
    the pairs that are split, the same in all heads. Raises ConfigError unless ``neurons`` is a positive multiple of the
    width that gives each head an even number.
    """
    config = grown_config(model.config, neurons)
    weights = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    heads, width = config.n_head, config.n_embd
    decoder = weights["decoder"].view(heads, -1, width)
    noise = torch.Generator().manual_seed(seed)
    for chosen in _splits(model.config, config, seed):
        weights["encoder"] = _halve(weights["encoder"], chosen, dim=2)
        weights["encoder_v"] = torch.cat([weights["encoder_v"], weights["encoder_v"][:, :, chosen]], dim=2)
        weights["attn.freqs"] = torch.cat([weights["attn.freqs"], weights["attn.freqs"][..., chosen]], dim=-1)
        apart = _HALF * decoder.std() * torch.randn(heads, len(chosen), width, generator=noise)
        decoder = _halve(decoder, chosen, dim=1)
        decoder[:, chosen] += apart.to(decoder.dtype)
        decoder[:, -len(chosen) :] -= apart.to(decoder.dtype)
    weights["decoder"] = decoder.reshape(-1, width)
    return checkpoint.build(config, weights).to(model.device).eval()


def grow_state(state: BDHState, before: BDHConfig, after: BDHConfig, *, seed: int = 0) -> BDHState:
    """Return the state of a model of ``before`` for the model that ``grow`` made of it with the same ``seed``."""
    state.check(before, state.batch_size)
    if after != grown_config(before, after.n_neurons_total - before.n_neurons_total):
        raise StateError(f"the state is of {before}, which does not grow into {after}; give the grown model's config")
    memory = state.memory
    for chosen in _splits(before, after, seed):
        memory = _halve(memory, chosen.to(memory.device), dim=3)
    return replace(state, memory=memory)


def grow_folder(folder: str | Path, out: str | Path, neurons: int, *, seed: int = 0) -> BDH:
    """Grow the model in ``folder`` into the folder ``out``, and return it."""
    model, tokenizer = checkpoint.load_bdh(folder)
    grown = grow(model, neurons, seed=seed)
    checkpoint.save(out, grown, tokenizer)
    return grown


def grown_config(config: BDHConfig, neurons: int) -> BDHConfig:
    """Return ``config`` with ``neurons`` more over all heads; raises ConfigError if they cannot be shared out."""
    step = math.lcm(config.n_embd, 2 * config.n_head)
    if neurons < 1 or neurons % step:
        raise ConfigError(f"neurons is {neurons}; it must be a positive multiple of {step} for this model")
    return replace(config, mlp_internal_dim_multiplier=config.mlp_internal_dim_multiplier + neurons // config.n_embd)


def _splits(before: BDHConfig, after: BDHConfig, seed: int) -> Iterator[Int[Tensor, "K"]]:
    """Yield the neurons that are split in each round; a round at most doubles the neurons of a head."""
    count, chance = before.n_neurons, torch.Generator().manual_seed(seed)
    while count < after.n_neurons:
        pairs = torch.randperm(count // 2, generator=chance)[: (after.n_neurons - count) // 2].sort().values
        yield (2 * pairs[:, None] + torch.arange(2)).flatten()
        count += 2 * len(pairs)


def _halve(values: Float[Tensor, "..."], chosen: Int[Tensor, "K"], *, dim: int) -> Float[Tensor, "..."]:
    """Return ``values`` with sqrt(1/2) times the ``chosen`` entries, and these again at the end of ``dim``."""
    halved = values.index_select(dim, chosen) * _HALF
    return torch.cat([values.index_copy(dim, chosen, halved), halved], dim=dim)
