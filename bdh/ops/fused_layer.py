"""One layer up to its sum over neurons, with a hand-written gradient: few passes over the wide tensors.

Of the tensors that are H * N wide only x is stored for the backward pass, and q if asked; y is recomputed there.
Queries equal keys, so the gradient of the scores is made symmetric first and takes one product instead of two. The
kernels are those of ``fused_reference`` or, on a GPU, of ``triton_matmul``.
"""

from types import ModuleType
from typing import Any, NamedTuple

import torch

from bdh.ops.documents import find_edges, find_starts
from bdh.ops.kernels import find_kernels
from bdh.ops.parallel import make_damping, scale_root
from bdh.ops.rotary import Rotation
from bdh.shapes import Bool, Float, Int, Tensor


class LayerWeights(NamedTuple):
    """The weights of a layer as (H, N, D) each, in the precision of the products; made by ``arrange``."""

    encoder: Float[Tensor, "H N D"]
    encoder_v: Float[Tensor, "H N D"]
    decoder: Float[Tensor, "H N D"]


class Size(NamedTuple):
    """Heads, chunks of all texts together (R), tokens of a chunk (C), and chunks of a text."""

    heads: int
    rows: int
    length: int
    chunks: int


class Powers(NamedTuple):
    """Powers of the damping factors at which chunks read and write the memory; 0 for what a later document forgets.

    See ``parallel.Damping``; ``whole`` has an entry for each chunk.
    """

    read: Float[Tensor, "H R C 1"]
    write: Float[Tensor, "H R C 1"]
    whole: Float[Tensor, "H R 1 1"]


class Setting(NamedTuple):
    """What all layers share: rotary tables (T, N / 2), damping, dropout, and the number of chunks per text.

    ``rates`` (H,) holds log2 of the damping factors; ``starts`` (R, C) the place of each token's document in its chunk,
    if there are several. Attention is computed times ``shrink``, which the LayerNorm after it takes back. ``kernels``
    is ``fused_reference`` or ``triton_matmul``.
    """

    rotation: Rotation
    powers: Powers | None
    rates: Float[Tensor, "H"] | None
    starts: Int[Tensor, "R C"] | None
    shrink: float
    drop: float
    chunks: int
    kernels: ModuleType


def make_setting(
    rotation: Rotation,
    decay: Float[Tensor, "H"] | None,
    begins: Bool[Tensor, "R C"] | None,
    size: Size,
    *,
    drop: float,
    kernels: ModuleType,
    dtype: torch.dtype,
) -> Setting:
    """Return the setting for damping factors and documents, if there are any; ``dtype`` is that of products."""
    rates = None if decay is None else torch.log2(decay.detach()).contiguous()
    starts = None if begins is None else find_starts(begins).contiguous()
    powers = None if decay is None and begins is None else _make_powers(decay, begins, size, dtype)
    return Setting(rotation, powers, rates, starts, scale_root(dtype) ** 2, drop, size.chunks, kernels)


def _make_powers(
    decay: Float[Tensor, "H"] | None, begins: Bool[Tensor, "R C"] | None, size: Size, dtype: torch.dtype
) -> Powers:
    device = (begins if decay is None else decay).device  # type: ignore[union-attr]
    factors = torch.ones(size.heads, device=device) if decay is None else decay
    damping = make_damping(factors, size.length, dtype)
    read, write, whole = (part[:, None] for part in damping[1:])
    if begins is not None:
        first, last, single = find_edges(begins)
        read, write = read * first[:, :, None], write * last[:, :, None]
        whole = whole * single[:, None, None]
    return Powers(read, write, whole.expand(size.heads, size.rows, 1, 1).contiguous())


@torch.no_grad()
def arrange(
    encoder: Float[Tensor, "H D N"], encoder_v: Float[Tensor, "H D N"], decoder: Float[Tensor, "H*N D"],
    dtype: torch.dtype,
) -> LayerWeights:  # fmt: skip
    """Return the model's weights in the layout of the kernels; done once per call, for all layers."""
    parts = (encoder.mT, encoder_v.mT, decoder.view(encoder.shape[0], -1, decoder.shape[1]))
    return LayerWeights(*(part.to(dtype).contiguous() for part in parts))


def triton_kernels(device: torch.device) -> ModuleType | None:
    """Return the Triton kernels, or None, with a notice, where a GPU cannot run them."""
    plain = "the plain layers compute: the same results, more slowly"
    return find_kernels("triton_matmul", device, instead=plain, oldest=8)


def fits(dtype: torch.dtype, device: torch.device, length: int, width: int, neurons: int) -> bool:
    """Return whether the Triton kernels support such a layer: 16 bits, no remainders, Ampere or newer."""
    found = triton_kernels(device)
    if found is None or dtype not in (torch.bfloat16, torch.float16):
        return False
    return not (length % found.SMALLEST or (neurons // 2) % found.SMALLEST or width not in (64, 128, 256, 512))


def layer(
    v: Float[Tensor, "R C D"],
    encoder: Float[Tensor, "H D N"],
    encoder_v: Float[Tensor, "H D N"],
    decoder: Float[Tensor, "H*N D"],
    memory: Float[Tensor, "B H N D"] | None,
    weights: LayerWeights,
    setting: Setting,
    after: Float[Tensor, "B H N D"] | None,
    *,
    keep_q: bool = False,
) -> tuple[Float[Tensor, "R C D"], Float[Tensor, "H R C N"], Float[Tensor, "H R C N"], Tensor | None]:
    """Return y @ decoder, x, y (without gradients) and the memory after the text.

    ``v`` is in the precision of the products, R = B * count chunks of C tokens. The memory is written to ``after``,
    unless it is None. ``keep_q`` saves recomputing q in the backward pass. Gradients reach v, the three weights and,
    for texts of one chunk, ``memory``, from all results but x and y.
    """
    result: tuple[Tensor, Tensor, Tensor, Tensor | None] = _Layer.apply(  # type: ignore[no-untyped-call]
        v, encoder, encoder_v, decoder, memory, weights, setting, [after], keep_q
    )
    return result


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, v: Tensor, encoder: Tensor, encoder_v: Tensor, decoder: Tensor, memory: Tensor | None,
        weights: LayerWeights, setting: Setting, after: list[Tensor | None], keep_q: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
        with torch.autocast(v.device.type, enabled=False):
            return _forward(ctx, v, memory, weights, setting, after[0], keep_q)

    @staticmethod
    def backward(
        ctx: Any, upstream: Tensor | None, _x: None, _y: None, d_after: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        if upstream is None:  # the last layer, if only its memory is used
            upstream = torch.zeros_like(ctx.saved_tensors[0])
        with torch.autocast(upstream.device.type, enabled=False):
            return _backward(ctx, upstream, d_after)


def _forward(
    ctx: Any,
    v: Tensor,
    memory: Tensor | None,
    weights: LayerWeights,
    setting: Setting,
    after: Tensor | None,
    keep_q: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    kernels, (rows, length, width) = setting.kernels, v.shape
    x, q = kernels.encode(v, weights.encoder, setting.rotation)
    s = kernels.scores(q, setting.rates, setting.starts, setting.shrink)
    a = s @ v
    before = _write_memory(q, v, memory, setting, after)
    if before is not None:
        _read(a, q, before, setting.powers)
    kept = q if keep_q else None
    del q
    z, mean, deviation = torch.native_layer_norm(a, [width], None, None, 1e-5 * setting.shrink**2)
    seed = int(torch.randint(2**31, ())) if setting.drop else 0
    y = kernels.gate(z, weights.encoder_v, x, setting.drop, seed)
    out = torch.bmm(y.view(y.shape[0], rows * length, -1), weights.decoder)
    out = out.sum(dim=0, dtype=torch.promote_types(out.dtype, torch.float32)).view(rows, length, width)
    ctx.save_for_backward(v, x, kept, s, a, z, mean, deviation, before)
    ctx.weights, ctx.setting, ctx.seed = weights, setting, seed
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(x, y)
    return out, x, y, after


def _write_memory(q: Tensor, v: Tensor, memory: Tensor | None, setting: Setting, after: Tensor | None) -> Tensor | None:
    """Write the memory after the text into ``after``, and return the shrunken memory before each chunk."""
    heads, rows, _, neurons = q.shape
    shrink = setting.shrink
    if after is None and setting.chunks == 1:
        if memory is None:
            return None
        shrunk = memory if shrink == 1.0 else memory * shrink
        return shrunk.transpose(0, 1).to(q.dtype).contiguous()
    powers = setting.powers
    values = v[None] if powers is None else v[None] * powers.write.to(v.dtype)
    whole = None if powers is None else powers.whole
    if after is not None and setting.chunks == 1:
        read: Tensor | None = setting.kernels.write_memory(q, values, memory, whole, after, shrink)
        return read
    written = q.mT @ values
    if after is None:
        after = torch.empty(rows // setting.chunks, heads, neurons, v.shape[-1], dtype=torch.float32, device=v.device)
    before: Tensor = setting.kernels.scan_memory(written, memory, whole, setting.chunks, after, shrink)
    return before


def _read(a: Tensor, q: Tensor, before: Tensor, powers: Powers | None) -> None:
    """Add to ``a`` what is read from the memory before each chunk."""
    if powers is None:
        flat = a.flatten(0, 1)
        torch.baddbmm(flat, q.flatten(0, 1), before.flatten(0, 1), out=flat)
    else:
        a.addcmul_(q @ before, powers.read.to(a.dtype))


def _backward(ctx: Any, upstream: Tensor, d_after: Tensor | None) -> tuple[Tensor | None, ...]:
    v, x, q, s, a, z, mean, deviation, before = ctx.saved_tensors
    weights, setting = ctx.weights, ctx.setting
    kernels, powers, (rows, length, width) = setting.kernels, setting.powers, v.shape
    heads = x.shape[0]
    out = upstream.to(v.dtype)
    y, dg, by_y = kernels.gate_backward(z, weights.encoder_v, out, weights.decoder, x, setting.drop, ctx.seed)
    d_decoder = kernels.weight_gradient(y, out.expand(heads, *out.shape))
    d_encoder_v = kernels.weight_gradient(dg, z)
    dz = torch.bmm(dg.view(heads, rows * length, -1), weights.encoder_v).view(z.shape)
    da = torch.ops.aten.native_layer_norm_backward(dz, a, [width], mean, deviation, None, None, [True, False, False])[0]
    wide = torch.promote_types(v.dtype, torch.float32)
    dv = (s.mT @ da).sum(dim=0, dtype=wide)
    pairs = kernels.scores_backward(da, v, setting.rates, setting.starts, setting.shrink)
    q = kernels.rotate(x, setting.rotation) if q is None else q
    read = da if powers is None else da * powers.read.to(da.dtype)
    factors = [] if before is None else [(read, before)]
    if d_after is not None:
        left = d_after.transpose(0, 1).to(v.dtype)  # (H, B, N, D)
        damped = 1.0 if powers is None else powers.write.to(v.dtype)
        dv += ((q @ left) * damped).sum(dim=0, dtype=wide)
        factors.append(((v[None] * damped).expand(heads, *v.shape), left))
    extra = None if not factors else factors[0] if len(factors) == 1 else _concatenate(*factors)
    d_memory = _memory_gradient(q, read, d_after, setting) if ctx.needs_input_grad[4] else None
    dx = kernels.rotate_backward(pairs, q, x, y, dg, setting.rotation, setting.drop, extra, by_y)
    del q, y, dg, by_y
    d_encoder = kernels.weight_gradient(dx, v.expand(heads, *v.shape))
    dv += torch.bmm(dx.view(heads, rows * length, -1), weights.encoder).sum(dim=0, dtype=wide).view(v.shape)
    return dv.to(v.dtype), d_encoder.mT, d_encoder_v.mT, d_decoder.flatten(0, 1), d_memory, None, None, None, None


def _concatenate(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return two factors whose product is the sum of both products."""
    return torch.cat([first[0], second[0]], dim=-1), torch.cat([first[1], second[1]], dim=-1)


def _memory_gradient(q: Tensor, read: Tensor, d_after: Tensor | None, setting: Setting) -> Tensor:
    """Return the gradient of the memory before a text of one chunk, (B, H, N, D)."""
    wide, powers = torch.promote_types(q.dtype, torch.float32), setting.powers
    own = (q.mT @ read).to(wide).transpose(0, 1) * setting.shrink
    if d_after is None:
        return own
    return own + (d_after if powers is None else d_after * powers.whole.transpose(0, 1).to(d_after.dtype))
