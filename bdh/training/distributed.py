"""The processes of a training run: rank, number and device."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from bdh.errors import ConfigError

DEVICES = "auto, cpu, cuda, cuda:0 or mps"
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class World:
    """The rank of this process, the number of processes, and the device of this one."""

    rank: int
    size: int
    device: torch.device

    @property
    def writes(self) -> bool:
        """Whether this process prints and saves."""
        return self.rank == 0


def choose_device(name: str, *, index: int = 0) -> torch.device:
    """Return the device ``name``; "auto" is a CUDA GPU if there is one. Raises ConfigError if it does not exist."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is unknown; use {DEVICES}") from error
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"device is {name}; only {DEVICES} (or another number) are supported")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device is mps but torch finds no Apple GPU; use --device cpu")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda but no GPU is available; use --device cpu, or install a CUDA build of torch")
    if device.type == "cuda" and (device.index or index) >= torch.cuda.device_count():
        raise ConfigError(f"device is {name} but {torch.cuda.device_count()} GPUs are available; numbers start at 0")
    return torch.device("cuda", index) if device.type == "cuda" and device.index is None else device


@contextmanager
def join_world(device: str) -> Iterator[World]:
    """Join the process group of torchrun, if there is one, and leave it at the end of the block."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(0, 1, choose_device(device))
        return
    mine = choose_device(device, index=int(os.environ.get("LOCAL_RANK", "0")))
    if mine.type == "mps":
        raise ConfigError("device is mps, which several processes cannot share; start one process")
    if mine.type == "cuda":
        torch.cuda.set_device(mine)
    # The others wait while one process downloads, validates or saves, which may take long.
    dist.init_process_group("nccl" if mine.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield World(dist.get_rank(), size, mine)
    finally:
        dist.destroy_process_group()


def wait_for_all(world: World) -> None:
    """Wait until every process of the run has called this."""
    if world.size > 1:
        dist.barrier()


def mean_over_world(value: torch.Tensor, world: World) -> float:
    """Return the mean of a scalar over all processes."""
    if world.size > 1:
        value = value.detach().clone()
        dist.all_reduce(value)
        value = value / world.size
    return float(value)


def sum_over_world(values: Sequence[float], world: World) -> list[float]:
    """Return the sums of numbers over all processes, in float64; every process must call this."""
    if world.size == 1:
        return list(values)
    table = torch.tensor(values, dtype=torch.float64, device=world.device)
    dist.all_reduce(table)
    sums: list[float] = table.tolist()
    return sums
