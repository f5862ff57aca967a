"""Find the Triton kernels; say once what computes in their place where they cannot be used."""

import importlib
import importlib.util
import logging
from functools import cache
from types import ModuleType

import torch

_LOG = logging.getLogger(__name__)


def find_kernels(name: str, device: torch.device, *, instead: str, oldest: int = 0) -> ModuleType | None:
    """Return the module ``bdh.ops.name`` if Triton can run it on ``device``, of generation ``oldest`` on, else None.

    For a GPU that goes without, one notice is logged: the reason, and what computes ``instead``.
    """
    if device.type == "cpu":
        return None
    reason = _obstacle(device.type) or _age(device, oldest)
    if reason is None:
        return _load(name)
    _notify(f"{reason}; {instead}")
    return None


@cache
def _load(name: str) -> ModuleType:
    return importlib.import_module(f"bdh.ops.{name}")


@cache
def _obstacle(kind: str) -> str | None:
    """Return why Triton kernels cannot run on this kind of device, or None."""
    if kind != "cuda":
        return f"there are no Triton kernels for {kind}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if not __name__.startswith("bdh."):
        return "the code beside the weights of a model has no Triton kernels, only the library bdh has"
    return None


@cache
def _age(device: torch.device, oldest: int) -> str | None:
    """Return why this GPU is too old, or None."""
    major = torch.cuda.get_device_capability(device)[0] if oldest else 0
    return None if major >= oldest else f"Triton kernels need a GPU of compute capability {oldest}.0, this has {major}"


@cache
def _notify(message: str) -> None:
    _LOG.warning("%s", message)
