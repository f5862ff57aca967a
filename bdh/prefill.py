"""Encode prompts of any length, and prompts of different lengths in one batch, each as if it were alone."""

import torch

from bdh.errors import ConfigError
from bdh.model import BDH
from bdh.shapes import Float, Int, Tensor
from bdh.state import BDHState

_SEGMENT = 1024


def prefill(
    model: BDH, tokens: Int[Tensor, "B T"], state: BDHState | None, *, keep_state: bool
) -> tuple[Float[Tensor, "B T D"], BDHState | None]:
    """Return the last hidden vectors and the state after ``tokens``.

    Without gradients the tokens are read in segments, so that apart from the hidden vectors the memory in use does not
    grow with the text.
    """
    step = tokens.shape[1] if torch.is_grad_enabled() else _SEGMENT
    hiddens = []
    for start in range(0, tokens.shape[1], step):
        last = start + step >= tokens.shape[1]
        hidden, state, _ = model.encode(tokens[:, start : start + step], state, keep_state=keep_state or not last)
        hiddens.append(hidden)
    return torch.cat(hiddens, dim=1), state


def prefill_padded(
    model: BDH, tokens: Int[Tensor, "B T"], mask: Int[Tensor, "B T"], *, keep_state: bool
) -> tuple[Float[Tensor, "B T D"], BDHState | None]:
    """Return the last hidden vectors and the state after padded rows; padding (``mask`` 0) is never read.

    Padding on the left: a row starts with an empty memory at the position of its first token, so that all rows end at
    the same position. Padding on the right comes after everything that is predicted, but would be written into a
    state: it is accepted only without ``keep_state``. Raises ConfigError for any other mask, and for a row of padding.
    """
    kept = mask.to(tokens.device).bool()
    if not kept.any(dim=1).all():
        raise ConfigError("the attention mask hides a whole row; every row needs at least one token")
    if not keep_state and not (kept[:, 1:] & ~kept[:, :-1]).any():
        return prefill(model, tokens, None, keep_state=False)
    if (kept[:, :-1] & ~kept[:, 1:]).any():
        raise ConfigError("the attention mask has gaps or padding on the right; pad on the left to keep a state")
    return _prefill_groups(model, tokens, (~kept).sum(dim=1), keep_state=keep_state)


def _prefill_groups(
    model: BDH, tokens: Int[Tensor, "B T"], pads: Int[Tensor, "B"], *, keep_state: bool
) -> tuple[Float[Tensor, "B T D"], BDHState | None]:
    """Encode rows of equal padding together, and return the results in the order of the batch."""
    rows, hiddens, memories = [], [], []
    for pad in sorted(set(pads.tolist())):
        group = (pads == pad).nonzero().flatten()
        start = BDHState(model.empty_state(len(group)).memory, int(pad))
        hidden, after = prefill(model, tokens[group, pad:], start, keep_state=keep_state)
        rows.append(group)
        hiddens.append(torch.nn.functional.pad(hidden, (0, 0, pad, 0)))
        if after is not None:
            memories.append(after.memory)
    order = torch.cat(rows).argsort()
    state = BDHState(torch.cat(memories, dim=1)[:, order], tokens.shape[1]) if memories else None
    return torch.cat(hiddens)[order], state
