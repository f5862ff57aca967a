"""Where and how models compute: device, precision and threads."""

from __future__ import annotations

import torch

from bdh.errors import lack_of_memory as lack_of_memory
from bdh.processor import limit_threads
from pipeline.errors import SettingError

MOST_THREADS = 1024
"""More than any machine has; torch crashes with a hundred times as many."""


def choose_machine(device: str, dtype: str) -> tuple[torch.device, torch.dtype | None]:
    """Return device and precision of a model, None for the precision of its weights; raises SettingError."""
    chosen = choose_device(device)
    return chosen, torch.bfloat16 if choose_dtype(dtype, chosen) == "bf16" else None


def set_threads(count: int) -> None:
    """Set torch's number of CPU threads; 0 is as many as the process may use. Raises SettingError."""
    if not 0 <= count <= MOST_THREADS:
        raise SettingError(f"threads is {count}; it must be at least 1 and at most {MOST_THREADS}, or 0")
    if count:
        torch.set_num_threads(count)
    else:
        limit_threads()


def choose_device(name: str) -> torch.device:
    """Return the device: ``auto`` is the CUDA GPU where there is one, else the CPU. Raises SettingError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if not (name in ("cpu", "mps") or (kind == "cuda" and (name == kind or (number.isascii() and number.isdigit())))):
        raise SettingError(f"device is {name!r}; expected auto, cpu, cuda, cuda:0 or mps")
    if name == "mps" and not torch.backends.mps.is_available():
        raise SettingError("device is mps but torch finds no Apple GPU; use --device cpu")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise SettingError(f"device is {name} but {torch.cuda.device_count()} GPUs are visible; use --device cpu")
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> str:
    """Return the precision: ``auto`` is bf16 where the device multiplies it natively, else fp32."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device.type != "cpu":
        return "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
