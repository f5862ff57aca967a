"""All layers by the fused stages: training and long texts on a GPU. ``BDH`` asks for it where it applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from bdh.ops import parallel, stages, whole
from bdh.ops.layer import Parameters, normalise
from bdh.ops.rotary import Rotation
from bdh.shapes import Float, Tensor

PIECE = 512
"""Tokens of a piece of a long text: scores inside it cost as much as reading and writing the memory."""
SEGMENT = 16384
"""Tokens whose wide tensors are in memory at once while a long text is read without gradients."""


class Sizes(NamedTuple):
    """What decides whether the fused stages apply: precision and device of the work, and its sizes."""

    dtype: torch.dtype
    device: torch.device
    width: int
    neurons: int


def count_pieces(length: int, *, chunkwise: bool) -> int:
    """Return into how many pieces a text is cut that is read at once, 0 where it does not come out even."""
    if not chunkwise:
        return 1
    return 0 if length % PIECE else length // PIECE


def applies(sizes: Sizes, length: int, *, chunkwise: bool, gradients: bool, learned_decay: bool) -> bool:
    """Return whether the Triton stages do this text: not for gradients of damping factors, or through pieces."""
    if gradients and (chunkwise or learned_decay):
        return False
    count = count_pieces(length, chunkwise=chunkwise)
    return count > 0 and whole.fits(sizes.dtype, sizes.device, length // count, sizes.width, sizes.neurons)


def cut(length: int, measure_every: int, fuses: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Yield where the segments of a long text begin and stop; a last one is cut where whole pieces of it fuse.

    All but the last are multiples of ``measure_every`` k > 0, so that every k-th token of a segment is one of the text.
    """
    start, step = 0, SEGMENT // measure_every * measure_every if measure_every else SEGMENT
    while start < length:
        stop = min(start + max(step, 1), length)
        whole = (stop - start) // PIECE * PIECE
        if 0 < whole < stop - start and not measure_every and fuses(whole):
            stop = start + whole
        yield start, stop
        start = stop


def trunk(
    v: Float[Tensor, "B T D"],
    parameters: Parameters,
    rotation: Rotation,
    memory: Float[Tensor, "L B H N D"] | None,
    dtype: torch.dtype,
    *,
    layers: int,
    count: int,
    drop: float,
    keep_state: bool,
    measure_every: int,
) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "L B H N D"] | None, Float[Tensor, "L 2"] | None]:
    """Return what ``BDH.trunk`` returns; ``v`` is what the first layer reads, ``dtype`` the precision of the work.

    ``rotation`` is that of ``make_pair_rotation``, in ``dtype``.
    """
    encoder, encoder_v, decoder, decay = parameters
    batch, length, width = v.shape
    weights = whole.arrange(encoder, encoder_v, decoder, dtype)
    damping = None if decay is None else parallel.make_damping(decay, length // count, dtype)
    rates = None if decay is None else torch.log2(decay.detach()).contiguous()
    work = whole.kernels() if v.device.type == "cuda" else stages
    assert work is not None
    setting = whole.Setting(rotation, damping, rates, drop, count, work)
    shape = (layers, batch, encoder.shape[0], encoder.shape[2], width)
    room = torch.empty(shape, dtype=torch.float32, device=v.device) if keep_state else None
    memories, activities, learns = [], [], torch.is_grad_enabled()
    for layer in range(layers):
        before = None if memory is None else memory[layer]
        after = None if room is None else _alias(room[layer])
        pieces = v.to(dtype).view(batch * count, length // count, width)
        out, x, y, after = whole.layer(
            pieces, encoder, encoder_v, decoder, before, weights, setting, after, keep_q=learns and layer >= layers // 3
        )
        v = normalise(v + normalise(out.view(v.shape)))
        if after is not None:
            memories.append(after)
        if measure_every:
            parts = [part.view(part.shape[0], batch, length, -1)[:, :, ::measure_every] for part in (x, y)]
            activities.append(torch.stack([(part > 0).float().mean() for part in parts]))
    kept = None if room is None else _Together.apply([room], *memories)  # type: ignore[no-untyped-call]
    return v, kept, torch.stack(activities) if activities else None


class _Together(torch.autograd.Function):
    """The layers' memories as the one tensor in which they already lie."""

    @staticmethod
    def forward(ctx: object, room: list[Tensor], *parts: Tensor) -> Tensor:
        return room[0]

    @staticmethod
    def backward(ctx: object, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return None, *upstream.unbind()


def _alias(part: Tensor) -> Tensor:
    """Return the same numbers as a tensor that autograd does not know for a view: a layer writes each part once."""
    return part.new_empty(0).set_(part.untyped_storage(), part.storage_offset(), part.shape, part.stride())
