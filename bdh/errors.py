"""Every exception that the library raises on purpose, in one small tree, and how torch's want of memory is known."""

import torch


class BDHError(Exception):
    """Base of every error that a user of the library can act on."""


class ConfigError(BDHError, ValueError):
    """A size or a setting breaks its rule."""


class StateError(BDHError, ValueError):
    """A memory does not fit the model, the batch or the call."""


class CheckpointError(BDHError):
    """A checkpoint folder or a foreign weights file is missing, damaged or of another kind."""


class TokenizerError(BDHError, ValueError):
    """A tokenizer file is damaged, or tokens lie outside the vocabulary."""


class DataError(BDHError):
    """Training or evaluation text is missing, empty or too short."""


class HubError(BDHError):
    """The hub refuses, or cannot be reached."""


class InspectError(BDHError, ValueError):
    """There is nothing to look at: no such neuron, too few values, an empty text."""


class MergeError(BDHError, ValueError):
    """Two models do not fit together."""


class ExtraError(BDHError):
    """A command needs an optional library that is not installed."""


_NO_ROOM = ("DefaultCPUAllocator", "CUDA error: out of memory")
"""Words by which torch says so where it has no type of error for it."""


def lack_of_memory(error: BaseException, advice: str) -> str | None:
    """Return one line where Python, torch or a GPU had no room, with what to do about it; None for another error."""
    typed = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not typed and not any(words in str(error) for words in _NO_ROOM):
        return None
    return f"there is not enough memory; {advice} ({' '.join(str(error).split()) or 'Python does not say for what'})"
