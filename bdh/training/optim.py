"""The optimiser and its learning rate schedule."""

import math

import torch
from torch import nn


def make_optimizer(model: nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW with weight decay of matrices, and none of vectors such as the damping factors."""
    decayed = [weight for weight in model.parameters() if weight.dim() >= 2]
    not_decayed = [weight for weight in model.parameters() if weight.dim() < 2]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": not_decayed, "weight_decay": 0.0}]
    fused = next(model.parameters()).is_cuda
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), eps=1e-8, fused=fused)


def scheduled_lr(step: int, *, peak: float, warmup: int, total: int, floor: float) -> float:
    """Return the learning rate of ``step`` (from 0): linear warmup, then a cosine down to ``floor * peak``."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))
