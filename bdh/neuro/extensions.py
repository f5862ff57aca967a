"""The equations of one token: reading and writing synapses, and one function for each extension.

``B`` sequences, ``K`` timescales, ``G`` branches. The names are those of the paper's Definition 4: rho (D x N) the
synapses, x pre-synaptic and y post-synaptic neurons, U the damping.
"""

from collections.abc import Callable

import torch

from bdh.neuro.state import Surprise
from bdh.shapes import Float, Int, Tensor

_LEAST_VARIANCE = 1e-4  # nats squared: in text that is predicted perfectly a rounding error must not be a surprise


def excite(
    v: Float[Tensor, "B D"], encoder: Float[Tensor, "G C N"], nonlinearity: Callable[[Tensor], Tensor]
) -> Float[Tensor, "B N"]:
    """Return the input of x from v: a nonlinearity of the sum over the C = D / G inputs of each branch, summed."""
    branches = v.view(v.shape[0], encoder.shape[0], -1).transpose(0, 1) @ encoder  # (G, B, N)
    return nonlinearity(branches).sum(0)


def scale_total(x: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Scale x >= 0 to the L1 norm N; a row of zeros stays zero."""
    total = x.sum(-1, keepdim=True)
    size = x.shape[-1]
    return x * (size / (total + size * (total == 0)))


def read_synapses(
    rho: Float[Tensor, "B K D N"], key: Float[Tensor, "B N"], weights: Float[Tensor, "K"]
) -> Float[Tensor, "B D"]:
    """Return a = sum over k of weights[k] rho_k key."""
    each = (rho.flatten(1, 2) @ key.unsqueeze(-1)).view(rho.shape[:3])
    return (weights.unsqueeze(-1) * each).sum(1)


def write_synapses(
    rho: Float[Tensor, "B K D N"],
    v: Float[Tensor, "B D"],
    key: Float[Tensor, "B N"],
    *,
    kernels: Float[Tensor, "K"],
    silent: Float[Tensor, "B N"] | None,
    eta: float,
) -> Float[Tensor, "B K D N"]:
    """Return rho_k = U_k (rho_k + v key^T): the last token has weight U_k.

    ``silent`` is 1 for inactive pre-synaptic neurons: their columns of rho shrink by a further 1 - ``eta``.
    """
    keep = kernels.view(-1, 1, 1)
    if silent is not None:
        keep = keep * (1 - eta * silent)[:, None, None]
    stored = (kernels.unsqueeze(-1) * v.unsqueeze(1)).flatten(1).unsqueeze(-1)  # (B, K D, 1)
    return torch.baddbmm((rho * keep).flatten(1, 2), stored, key.unsqueeze(1)).view(rho.shape)


def bound_total(y: Float[Tensor, "B N"], tau: float) -> Float[Tensor, "B N"]:
    """Return y min(1, tau / L1(y)) for y >= 0: homeostasis."""
    return y * (tau / y.sum(-1, keepdim=True).clamp_min(tau))


def keep_winners(
    y: Float[Tensor, "B N"], k: int, gain: Float[Tensor, "B"] | None, least_gain: float
) -> Float[Tensor, "B N"]:
    """Keep the k largest of each row, or max(1, round(k / gain)) of them; ties do not add to their number.

    ``least_gain`` is a lower bound of the gain, which limits the number of values to sort.
    """
    most = min(y.shape[-1], max(1, round(k / least_gain) + 1))
    values, places = y.topk(k if gain is None else most)
    if gain is not None:
        winners = (k / gain).round().clamp_min(1)
        values = values * (torch.arange(most, device=y.device) < winners.unsqueeze(-1))
    return torch.zeros_like(y).scatter(-1, places, values)


def weigh_surprise(
    tokens: Int[Tensor, "B"], surprise: Surprise, *, gamma: float, rate: float
) -> tuple[Float[Tensor, "B"], Surprise]:
    """Return the gain 1 + gamma tanh((surprisal - mean) / deviation) of a token, and the statistics after it.

    Mean and deviation are those before the token, running with ``rate``, or with 1 / m at the m-th surprisal while that
    is larger. The gain is 1 for the first token, which has no prediction, and for the second, which has no mean to
    compare with.
    """
    mean, variance, seen, prediction = surprise
    surprisal = -prediction.gather(1, tokens.unsqueeze(1)).squeeze(1)
    informed = seen > 1
    mean = torch.where(informed, mean, surprisal)
    distance = surprisal - mean
    gain = 1 + gamma * torch.tanh(distance * variance.clamp_min(_LEAST_VARIANCE).rsqrt())
    share = (1 / seen.clamp_min(1)).clamp_min(rate)
    moved = variance + share * (distance.square() - variance)
    return gain, Surprise(mean + share * distance, torch.where(informed, moved, variance), seen + 1, prediction)
