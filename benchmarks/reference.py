"""The published model written plainly, as a baseline: all scores at once, tables made in each call, no memory.

Written from the equations of arXiv:2509.26507, Appendix E (see docs/equations.md), with parameter names and numbers of
the official implementation; ``tests/bdh/test_reference.py`` compares it with logits of the official implementation.
Nothing here is tuned: it is the baseline for speed and loss curves, not a part of the library.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from bdh.config import BDHConfig
from bdh.ops.rotary import make_frequencies
from bdh.shapes import Float, Int, Tensor


class Rotary(nn.Module):
    """The frequencies (1, 1, 1, N) of the neurons, under the official name."""

    freqs: Tensor

    def __init__(self, config: BDHConfig) -> None:
        super().__init__()
        self.register_buffer("freqs", make_frequencies(config.n_neurons, config.rope_theta).view(1, 1, 1, -1))

    def forward(self, x: Float[Tensor, "B H T N"]) -> Float[Tensor, "B H T N"]:
        """Rotate neighbouring neurons by their phase at each position, with float32 tables made in each call."""
        positions = torch.arange(x.shape[2], device=x.device, dtype=torch.float32)
        phases = (positions.view(1, 1, -1, 1) * self.freqs) % 1 * (2 * math.pi)
        rotated = torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)
        return (x * phases.cos()).to(x.dtype) + (rotated * phases.sin()).to(x.dtype)


class Reference(nn.Module):
    """The published BDH language model; its state dict is that of ``bdh.BDH`` and of the official implementation."""

    def __init__(self, config: BDHConfig) -> None:
        super().__init__()
        self.config = config
        heads, width, neurons = config.n_head, config.n_embd, config.n_neurons
        self.encoder = nn.Parameter(torch.randn(heads, width, neurons) * 0.02)
        self.encoder_v = nn.Parameter(torch.randn(heads, width, neurons) * 0.02)
        self.decoder = nn.Parameter(torch.randn(heads * neurons, width) * 0.02)
        self.embed = nn.Embedding(config.vocab_size, width)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.lm_head = nn.Parameter(torch.randn(width, config.vocab_size) * 0.02)
        self.attn = Rotary(config)

    def forward(
        self, tokens: Int[Tensor, "B T"], targets: Int[Tensor, "B T"] | None = None
    ) -> tuple[Float[Tensor, "B T V"], Float[Tensor, ""] | None]:
        """Return the logits and, given ``targets``, the mean cross-entropy in nats."""
        v = self._normalise(self.embed(tokens)).unsqueeze(1)  # (B, 1, T, D)
        for _ in range(self.config.n_layer):
            v = self._layer(v)
        logits = v.squeeze(1) @ self.lm_head
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def _layer(self, v: Float[Tensor, "B 1 T D"]) -> Float[Tensor, "B 1 T D"]:
        x = F.relu(v @ self.encoder)  # (B, H, T, N)
        q = self.attn(x)
        scores = (q @ q.mT).tril(diagonal=-1)  # (B, H, T, T)
        a = self._normalise(scores @ v)  # (B, H, T, D)
        y = F.dropout(F.relu(a @ self.encoder_v) * x, self.config.dropout, self.training)
        joined = y.transpose(1, 2).flatten(2).unsqueeze(1)  # (B, 1, T, H N)
        return self._normalise(v + self._normalise(joined @ self.decoder))

    def _normalise(self, v: Tensor) -> Tensor:
        return F.layer_norm(v, v.shape[-1:], eps=1e-5)
