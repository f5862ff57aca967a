"""Every exception that the library raises on purpose, and how out-of-memory errors are recognised."""

import torch


class BDHError(Exception):
    """Base of every error that a user of the library can act on."""


class ConfigError(BDHError, ValueError):
    """A size or a setting is not valid."""


class StateError(BDHError, ValueError):
    """A state does not fit the model, the batch or the call."""


class CheckpointError(BDHError):
    """A checkpoint folder or a weights file is missing, damaged or of another kind."""


class TokenizerError(BDHError, ValueError):
    """A tokenizer file is damaged, or tokens lie outside the vocabulary."""


class DataError(BDHError):
    """Training or evaluation text is missing, empty or too short."""


class HubError(BDHError):
    """The Hugging Face Hub refuses a request, or cannot be reached."""


class InspectError(BDHError, ValueError):
    """There is nothing to inspect: no such neuron, too few values, an empty text."""


class MergeError(BDHError, ValueError):
    """Two models do not fit together."""


class ExtraError(BDHError):
    """A command needs an optional library that is not installed."""


_OUT_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "MPS backend out of memory")
"""Messages of torch for which it has no exception type."""


def lack_of_memory(error: BaseException, advice: str) -> str | None:
    """Return a one-line message with ``advice`` if ``error`` is out of memory (machine or GPU), else None."""
    typed = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not typed and not any(words in str(error) for words in _OUT_OF_MEMORY):
        return None
    return f"there is not enough memory; {advice} ({' '.join(str(error).split()) or 'no details'})"
