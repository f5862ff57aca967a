"""The rotary frequencies and the damping factors of attention, kept in float32 whatever the weights are."""

from collections.abc import Callable

import torch
from torch import nn

from bdh.config import BDHConfig
from bdh.ops.rotary import make_frequencies
from bdh.shapes import Float, Tensor


class RotaryBuffers(nn.Module):
    """The rotary frequencies (N,) and, if the configuration has them, the damping factors (H,) of attention."""

    freqs: Tensor
    decay_fixed: Tensor | None

    def __init__(self, config: BDHConfig) -> None:
        super().__init__()
        frequencies = make_frequencies(config.n_neurons, config.rope_theta)
        self.register_buffer("freqs", frequencies.view(1, 1, 1, -1))
        fixed = None if config.decay is None else torch.tensor(config.decay, dtype=torch.float32)
        self.decay_logit = nn.Parameter(torch.logit(fixed)) if fixed is not None and config.learn_decay else None
        self.register_buffer("decay_fixed", None if config.learn_decay else fixed, persistent=False)

    def decay(self) -> Float[Tensor, "H"] | None:
        """Return the damping factor per token of each head, or None in the published form."""
        if self.decay_logit is not None:
            return torch.sigmoid(self.decay_logit.float())
        return None if self.decay_fixed is None else self.decay_fixed.float()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "RotaryBuffers":
        """Move with the model but stay float32: a bfloat16 frequency gives a wrong phase after some hundred tokens."""
        before = {name: tensor.data for name, tensor in (*self.named_buffers(), *self.named_parameters())}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, tensor in before.items():
            after = getattr(self, name)
            if after.dtype != tensor.dtype:
                after.data = tensor.to(after.device)
        return self
