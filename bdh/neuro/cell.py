"""One token through all layers of a BDHNeuro. Tensors only, so that it can be compiled."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from bdh.neuro import extensions
from bdh.neuro.config import NeuroConfig
from bdh.neuro.state import Surprise
from bdh.ops.rotary import rotate
from bdh.shapes import Float, Int, Tensor

_NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "softplus": F.softplus}


class CellWeights(NamedTuple):
    """The weights in the precision of the state, with the inputs of D_x split into branches."""

    encoder: Float[Tensor, "G C N"]
    encoder_v: Float[Tensor, "D N"]
    decoder: Float[Tensor, "N D"]
    lm_head: Float[Tensor, "D V"]
    kernels: Float[Tensor, "K"]
    shares: Float[Tensor, "K"]


class Carry(NamedTuple):
    """The state between two tokens; ``rho`` has (B, K, D, N) for each layer."""

    rho: tuple[Tensor, ...]
    x: Float[Tensor, "B N"]
    surprise: Surprise


class Input(NamedTuple):
    """The input of one token: its id, its vector, random spikes in training, its rotation with rope."""

    token: Int[Tensor, "B"]
    v: Float[Tensor, "B D"]
    spikes: Float[Tensor, "L B N"] | None
    rotation: tuple[Float[Tensor, "N"], Float[Tensor, "N"]] | None


class Step(NamedTuple):
    """The result of one token; ``x`` and ``y`` have (B, N) for each layer, ``v`` is that of the last."""

    carry: Carry
    v: Float[Tensor, "B D"]
    x: tuple[Tensor, ...]
    y: tuple[Tensor, ...]
    gain: Float[Tensor, "B"] | None


def read_token(config: NeuroConfig, weights: CellWeights, given: Input, carry: Carry) -> Step:
    """Compute all layers for one token, then the prediction of the next.

    Layer l: x_l = x_{l-1} + excite(v_{l-1}); a = rho_l x_l, before rho_l is written; y_l = relu(D_y LN(a)) * x_l;
    rho_l = U (rho_l + v_{l-1} x_l^T); v_l = LN(E y_l). Extensions change these as configured.
    """
    v, x, surprise, gain = given.v, torch.zeros_like(carry.x), carry.surprise, None
    if config.mod_gamma_max:
        gain, surprise = extensions.weigh_surprise(
            given.token, surprise, gamma=config.mod_gamma_max, rate=config.mod_rate
        )
    if config.x_decay is not None:
        x = carry.x * config.x_decay
    rhos, xs, ys = [], [], []
    for layer, rho in enumerate(carry.rho):
        x = _add_input(config, weights, x, v)
        key = x if given.rotation is None else rotate(x, given.rotation)
        y = _fire(config, weights, x, extensions.read_synapses(rho, key, weights.shares))
        y = _regulate(config, y, gain, None if given.spikes is None else given.spikes[layer])
        rhos.append(_write_memory(config, weights, rho, v if gain is None else gain.unsqueeze(-1) * v, x, key))
        v = _project(config, weights, y)
        xs.append(x)
        ys.append(y)
    if config.mod_gamma_max:
        surprise = surprise._replace(prediction=_predict(weights, v))
    return Step(Carry(tuple(rhos), x, surprise), v, tuple(xs), tuple(ys), gain)


def normalise(v: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
    """Return LayerNorm over the last axis, eps 1e-5, without affine parameters."""
    return F.layer_norm(v, v.shape[-1:], eps=1e-5)


def _add_input(
    config: NeuroConfig, weights: CellWeights, x: Float[Tensor, "B N"], v: Float[Tensor, "B D"]
) -> Float[Tensor, "B N"]:
    x = x + extensions.excite(v, weights.encoder, _NONLINEARITIES[config.branch_nl])
    return x if config.x_decay is None else extensions.scale_total(x)


def _fire(
    config: NeuroConfig, weights: CellWeights, x: Float[Tensor, "B N"], a: Float[Tensor, "B D"]
) -> Float[Tensor, "B N"]:
    return F.relu((normalise(a) if config.ln_before_dy else a) @ weights.encoder_v) * x


def _regulate(
    config: NeuroConfig, y: Float[Tensor, "B N"], gain: Float[Tensor, "B"] | None, spikes: Float[Tensor, "B N"] | None
) -> Float[Tensor, "B N"]:
    """Apply homeostasis, then inhibition, then spikes, which are not subject to either."""
    if config.homeostasis_tau is not None:
        y = extensions.bound_total(y, config.homeostasis_tau)
    if config.k_wta is not None:
        y = extensions.keep_winners(y, config.k_wta, gain, 1 - config.mod_gamma_max)
    return y if spikes is None else y + spikes


def _project(config: NeuroConfig, weights: CellWeights, y: Float[Tensor, "B N"]) -> Float[Tensor, "B D"]:
    low = y @ weights.decoder
    return normalise(F.relu(low) if config.use_relu_lowrank else low)


def _write_memory(
    config: NeuroConfig,
    weights: CellWeights,
    rho: Float[Tensor, "B K D N"],
    stored: Float[Tensor, "B D"],
    x: Float[Tensor, "B N"],
    key: Float[Tensor, "B N"],
) -> Float[Tensor, "B K D N"]:
    eta = config.local_forget_eta
    silent = (x == 0).to(x.dtype) if eta else None
    return extensions.write_synapses(rho, stored, key, kernels=weights.kernels, silent=silent, eta=eta)


def _predict(weights: CellWeights, v: Float[Tensor, "B D"]) -> Float[Tensor, "B V"]:
    """Return log-probabilities of the next token; surprise is a signal to the synapses without a gradient."""
    logits: Tensor = v.detach() @ weights.lm_head.detach()
    return logits.log_softmax(-1)
