"""Several texts that all go on from one memory and do not see each other."""

from bdh.ops.parallel import Damping
from bdh.shapes import Float, Tensor


def attend(
    q: Float[Tensor, "B H KC N"],
    v: Float[Tensor, "B KC D"],
    memory: Float[Tensor, "B H N D"] | None,
    damping: Damping | None,
    count: int,
) -> Float[Tensor, "B H KC D"]:
    """Return for each of ``count`` texts of C tokens, side by side on the time axis, what ``parallel.attend`` returns.

    Each begins with its own fork of ``memory`` (None for an empty one), which is read and never written. ``damping``
    is that of C tokens; None is the published form.
    """
    rows, heads, whole, neurons = q.shape
    length = whole // count
    apart = q.view(rows, heads, count, length, neurons)
    scores = apart @ apart.mT  # (B, H, K, C, C)
    scores = scores.tril(-1) if damping is None else scores * damping.inside[:, None].to(scores.dtype)
    values = v.to(q.dtype).view(rows, 1, count, length, -1)
    attended = (scores @ values).flatten(2, 3)
    if memory is None:
        return attended
    recalled = q @ memory.to(q.dtype)
    if damping is not None:
        recalled = recalled * damping.read.repeat(1, count, 1).to(recalled.dtype)
    return attended + recalled
