"""What all implementations of a layer share: the weights as the model stores them, and LayerNorm."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import float64

from bdh.shapes import Float, Tensor


class Parameters(NamedTuple):
    """The model's weights in their stored shape and precision, and the damping factors."""

    encoder: Float[Tensor, "H D N"]
    encoder_v: Float[Tensor, "H D N"]
    decoder: Float[Tensor, "H*N D"]
    decay: Float[Tensor, "H"] | None


def normalise(v: Tensor) -> Tensor:
    """Return LayerNorm over the last axis, eps 1e-5, without affine parameters, in float32 or wider."""
    wide = v if v.dtype == float64 else v.float()
    return F.layer_norm(wide, wide.shape[-1:], eps=1e-5)
