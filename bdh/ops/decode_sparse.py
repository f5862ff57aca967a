"""One token through one layer on a CPU; memory and weights of inactive neurons are neither read nor written.

The only dense work left is x = relu(v @ encoder), which finds the active neurons. Damping is stored as one factor per
head beside the memory, so that rows of inactive neurons need no update for it; before a factor gets small it is
multiplied in.
"""

import torch
import torch.nn.functional as F

from bdh.ops.fused_layer import LayerWeights
from bdh.shapes import Float, Tensor

_LEAST, _MANY = 1e-3, 2**18


def step(
    v: Float[Tensor, "1 D"],
    weights: LayerWeights,
    rotation: tuple[Float[Tensor, "1 N"], Float[Tensor, "1 N"]],
    memory: Float[Tensor, "1 H N D"],
    decay: Float[Tensor, "H"] | None,
    factors: Float[Tensor, "H"],
) -> Float[Tensor, "1 D"]:
    """Compute one layer for one token of one text: ``memory`` and ``factors`` are changed in place, v is returned.

    The same as ``BDH.layer`` in recurrent mode; ``rotation`` is that of ``make_rotation`` at the token's position.
    """
    heads, neurons, width = weights.encoder.shape
    narrow = v.to(weights.encoder.dtype)
    x = F.relu(weights.encoder.flatten(0, 1) @ narrow[0]).view(heads, neurons)
    cosines, sines = rotation
    swapped = x.view(heads, neurons // 2, 2).flip(-1).view(heads, neurons)
    q = (x * cosines + swapped * sines).to(x.dtype)
    out = torch.zeros(width)
    for head in range(heads):
        written = q[head].nonzero()[:, 0]
        keys = q[head][written].to(memory.dtype)
        rows, factor = memory[0, head].index_select(0, written), factors[head]
        a = ((keys @ rows) * factor).to(narrow.dtype)
        adds = torch.outer(keys / factor, narrow[0].to(memory.dtype))
        memory[0, head].index_copy_(0, written, rows.add_(adds))
        z = F.layer_norm(a.float(), (width,), eps=1e-5).to(narrow.dtype)
        active = x[head].nonzero()[:, 0]
        y = F.relu(weights.encoder_v[head].index_select(0, active) @ z) * x[head][active]
        firing = y.nonzero()[:, 0]
        out += (y[firing] @ weights.decoder[head].index_select(0, active[firing])).float()
    if decay is not None:
        factors.mul_(decay)
        if float(factors.min()) < _LEAST:
            memory.mul_(factors[:, None, None])
            factors.fill_(1.0)
    return F.layer_norm(v + F.layer_norm(out.to(narrow.dtype).float()[None], (width,), eps=1e-5), (width,), eps=1e-5)


def applies(device: torch.device, batch: int, dtype: torch.dtype, numbers: int) -> bool:
    """Return whether this is faster than recurrent mode: one text on a CPU, ``numbers`` (large) in a layer's memory."""
    return device.type == "cpu" and batch == 1 and dtype in (torch.float32, torch.bfloat16) and numbers >= _MANY
