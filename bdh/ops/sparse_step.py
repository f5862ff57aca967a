"""One token through one layer on a processor: silent neurons touch neither the memory nor the weights.

The dense work that is left is x = relu(v @ encoder), which says who is silent. Damping is kept as one factor a head
beside the stored memory, so that rows of silent neurons need no touch for it either; before a factor gets small it is
multiplied in.
"""

import torch
import torch.nn.functional as F

from bdh.ops.whole import Weights
from bdh.shapes import Float, Tensor

_LEAST, _MANY = 1e-3, 2**18


def step(
    v: Float[Tensor, "1 D"],
    weights: Weights,
    rotation: tuple[Float[Tensor, "1 N"], Float[Tensor, "1 N"]],
    memory: Float[Tensor, "1 H N D"],
    decay: Float[Tensor, "H"] | None,
    factors: Float[Tensor, "H"],
) -> Float[Tensor, "1 D"]:
    """Take the token of one text through one layer: ``memory`` and ``factors`` are changed in place, v is returned.

    What ``BDH.layer`` does in recurrent mode; ``rotation`` is that of ``make_rotation`` at the token's position.
    """
    heads, neurons, width = weights.encoder.shape
    narrow = v.to(weights.encoder.dtype)
    x = F.relu(weights.encoder.flatten(0, 1) @ narrow[0]).view(heads, neurons)
    cosines, sines = rotation
    swapped = x.view(heads, neurons // 2, 2).flip(-1).view(heads, neurons)
    q = (x * cosines + swapped * sines).to(x.dtype)
    out = torch.zeros(width)
    for head in range(heads):
        turned = q[head].nonzero()[:, 0]
        keys = q[head][turned].to(memory.dtype)
        rows, factor = memory[0, head].index_select(0, turned), factors[head]
        a = ((keys @ rows) * factor).to(narrow.dtype)
        adds = torch.outer(keys / factor, narrow[0].to(memory.dtype))
        memory[0, head].index_copy_(0, turned, rows.add_(adds))
        z = F.layer_norm(a.float(), (width,), eps=1e-5).to(narrow.dtype)
        active = x[head].nonzero()[:, 0]
        y = F.relu(weights.encoder_v[head].index_select(0, active) @ z) * x[head][active]
        spoken = y.nonzero()[:, 0]
        out += (y[spoken] @ weights.decoder[head].index_select(0, active[spoken])).float()
    if decay is not None:
        factors.mul_(decay)
        if float(factors.min()) < _LEAST:
            memory.mul_(factors[:, None, None])
            factors.fill_(1.0)
    return F.layer_norm(v + F.layer_norm(out.to(narrow.dtype).float()[None], (width,), eps=1e-5), (width,), eps=1e-5)


def pays(device: torch.device, batch: int, dtype: torch.dtype, numbers: int) -> bool:
    """Return whether this way is the faster one: one text on a processor, a memory of many ``numbers`` a layer."""
    return device.type == "cpu" and batch == 1 and dtype in (torch.float32, torch.bfloat16) and numbers >= _MANY
