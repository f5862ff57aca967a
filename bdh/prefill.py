"""Encode prompts of any length, and prompts of different lengths in one batch, each as if it were alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from bdh.backends import Inputs
from bdh.config import BDHConfig
from bdh.errors import ConfigError
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState

_SEGMENT = 1024


class Prefill(NamedTuple):
    """Logits of each position, the state after the text, and the inputs of all layers with their last output.

    ``hidden`` is empty unless it was asked for.
    """

    logits: Float[Tensor, "B T V"]
    state: BDHState | None
    hidden: tuple[Float[Tensor, "B T D"], ...]


class Wanted(NamedTuple):
    """What of a text is returned: the state after it, the vectors of all layers, the last ``logits`` (0: all)."""

    state: bool
    hidden: bool = False
    logits: int = 0


def prefill(model: Callable[..., Any], tokens: Inputs, state: BDHState | None, wanted: Wanted) -> Prefill:
    """Read ``tokens``, or their embeddings, as the continuation of ``state``; ``model`` is called like a ``BDH``.

    Without gradients the text is read in segments, so that apart from what is returned the memory in use does not
    grow with it.
    """
    length = tokens.shape[1]
    step = length if torch.is_grad_enabled() else _SEGMENT
    first = max(length - wanted.logits, 0) if wanted.logits else 0
    parts = []
    for start in range(0, length, step):
        stop = min(start + step, length)
        own = wanted._replace(state=wanted.state or stop < length)
        part = _read(model, tokens[:, start:stop], state, own)
        parts.append(part._replace(logits=part.logits[:, max(first - start, 0) :]))
        state = part.state
    if len(parts) == 1:
        return parts[0]
    hidden = tuple(torch.cat(layer, dim=1) for layer in zip(*(part.hidden for part in parts), strict=True))
    return Prefill(torch.cat([part.logits for part in parts], dim=1), state, hidden)


def _read(model: Callable[..., Any], tokens: Inputs, state: BDHState | None, wanted: Wanted) -> Prefill:
    inputs: list[Tensor] = []

    def collect(v: Tensor, *_: object) -> None:
        inputs.append(v)

    output = model(tokens, state=state, keep_state=wanted.state, observe=collect if wanted.hidden else None)
    return Prefill(output.logits, output.state, (*inputs, output.hidden) if wanted.hidden else ())


def prefill_masked(
    model: Callable[..., Any], tokens: Inputs, mask: Int[Tensor, "B T"], wanted: Wanted, config: BDHConfig
) -> Prefill:
    """Read rows of which ``mask`` hides tokens (0); what is hidden is never read and changes no state.

    The results at a hidden position are those of the last token read by then, or 0 if there is none; after the last
    token of a row they are undefined if no state is wanted. A row starts with
    an empty memory at a position such that all rows end at the same one. Raises ConfigError for a row of padding.
    """
    kept = mask.to(tokens.device).bool()
    if not kept.any(dim=1).all():
        raise ConfigError("the attention mask hides a whole row; every row needs at least one token")
    if not wanted.state and not (kept[:, 1:] & ~kept[:, :-1]).any():
        return prefill(model, tokens, None, wanted)  # padding on the right alone: it comes after all that is used
    counts, order, parts = kept.sum(dim=1), [], []
    for count in sorted(set(counts.tolist())):
        rows = (counts == count).nonzero().flatten()
        empty = BDHState.empty(config, len(rows), device=tokens.device).memory
        own = tokens[rows][kept[rows]].view(len(rows), count, *tokens.shape[2:])
        start = BDHState(empty, tokens.shape[1] - count)
        parts.append(_spread(prefill(model, own, start, wanted._replace(logits=0)), kept[rows]))
        order.append(rows)
    return _merge(parts, torch.cat(order).argsort(), wanted, position=tokens.shape[1])


def _spread(part: Prefill, kept: Tensor) -> Prefill:
    """Move the results of the tokens read to their places in the padded rows."""
    last = kept.cumsum(dim=1) - 1

    def move(values: Float[Tensor, "B S X"]) -> Float[Tensor, "B T X"]:
        index = last.clamp(min=0)[..., None].expand(-1, -1, values.shape[-1])
        return values.gather(1, index).masked_fill(last[..., None] < 0, 0)

    return part._replace(logits=move(part.logits), hidden=tuple(move(layer) for layer in part.hidden))


def _merge(parts: list[Prefill], order: Int[Tensor, "B"], wanted: Wanted, *, position: int) -> Prefill:
    """Put groups of rows together in the order of the batch."""
    logits = torch.cat([part.logits for part in parts])[order][:, -wanted.logits :]
    hidden = tuple(torch.cat(layer)[order] for layer in zip(*(part.hidden for part in parts), strict=True))
    memories = [part.state.memory for part in parts if part.state is not None]
    state = BDHState(torch.cat(memories, dim=1)[:, order], position) if memories else None
    return Prefill(logits, state, hidden)
