"""All layers by the fused kernels: training and long texts on a GPU. ``bdh.backends`` uses it where it applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from bdh.ops import fused_layer, fused_reference
from bdh.ops.layer import Parameters, normalise
from bdh.ops.rotary import Rotation
from bdh.shapes import Bool, Float, Tensor

CHUNK = 512
"""Tokens of a chunk of a long text: scores inside it cost as much as reading and writing the memory."""
SEGMENT = 16384
"""Tokens whose wide tensors are in memory at once while a long text is encoded without gradients."""


class Workload(NamedTuple):
    """What decides whether the fused kernels apply: precision, device and sizes."""

    dtype: torch.dtype
    device: torch.device
    width: int
    neurons: int


def count_chunks(length: int, *, chunkwise: bool) -> int:
    """Return the number of chunks in a text of ``length`` tokens, or 0 if ``CHUNK`` does not divide it."""
    if not chunkwise:
        return 1
    return 0 if length % CHUNK else length // CHUNK


def applies(sizes: Workload, length: int, *, chunkwise: bool, gradients: bool, learned_decay: bool) -> bool:
    """Return whether the Triton kernels can be used; they have no gradients of damping factors or across chunks."""
    if gradients and (chunkwise or learned_decay):
        return False
    count = count_chunks(length, chunkwise=chunkwise)
    return count > 0 and fused_layer.fits(sizes.dtype, sizes.device, length // count, sizes.width, sizes.neurons)


def cut(length: int, measure_every: int, fuses: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Yield start and stop of the segments of a long text; the last is split after the whole chunks that fuse.

    All but the last are multiples of ``measure_every`` k > 0, so that every k-th token is counted from the start of
    the text.
    """
    start, step = 0, SEGMENT // measure_every * measure_every if measure_every else SEGMENT
    while start < length:
        stop = min(start + max(step, 1), length)
        whole = (stop - start) // CHUNK * CHUNK
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
    begins: Bool[Tensor, "B T"] | None = None,
) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "L B H N D"] | None, Float[Tensor, "L 2"] | None]:
    """Return what ``BDH.trunk`` returns; ``v`` is the input of the first layer, ``dtype`` the precision of products.

    ``rotation`` is that of ``make_pair_rotation``, in ``dtype``. ``count`` chunks make up each text;
    ``begins`` marks the first token of documents.
    """
    encoder, encoder_v, decoder, decay = parameters
    batch, length, width = v.shape
    weights = fused_layer.arrange(encoder, encoder_v, decoder, dtype)
    kernels = fused_layer.triton_kernels(v.device) if v.device.type == "cuda" else fused_reference
    assert kernels is not None
    size = fused_layer.Size(encoder.shape[0], batch * count, length // count, count)
    marks = None if begins is None else begins.reshape(size.rows, size.length)
    setting = fused_layer.make_setting(rotation, decay, marks, size, drop=drop, kernels=kernels, dtype=dtype)
    shape = (layers, batch, encoder.shape[0], encoder.shape[2], width)
    buffer = torch.empty(shape, dtype=torch.float32, device=v.device) if keep_state else None
    memories, activities, learns = [], [], torch.is_grad_enabled()
    for layer in range(layers):
        before = None if memory is None else memory[layer]
        after = None if buffer is None else _alias(buffer[layer])
        chunks = v.to(dtype).view(batch * count, length // count, width)
        out, x, y, after = fused_layer.layer(
            chunks, encoder, encoder_v, decoder, before, weights, setting, after, keep_q=learns and layer >= layers // 3
        )
        v = normalise(v + normalise(out.view(v.shape)))
        if after is not None:
            memories.append(after)
        if measure_every:
            parts = [part.view(part.shape[0], batch, length, -1)[:, :, ::measure_every] for part in (x, y)]
            activities.append(torch.stack([(part > 0).float().mean() for part in parts]))
    stacked = None if buffer is None else _Stacked.apply([buffer], *memories)  # type: ignore[no-untyped-call]
    return v, stacked, torch.stack(activities) if activities else None


class _Stacked(torch.autograd.Function):
    """Stack the layers' memories without a copy: they already are parts of one buffer."""

    @staticmethod
    def forward(ctx: object, buffer: list[Tensor], *parts: Tensor) -> Tensor:
        return buffer[0]

    @staticmethod
    def backward(ctx: object, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return None, *upstream.unbind()


def _alias(part: Tensor) -> Tensor:
    """Return the same storage as a tensor that autograd does not see as a view: a layer writes each part once."""
    return part.new_empty(0).set_(part.untyped_storage(), part.storage_offset(), part.shape, part.stride())
