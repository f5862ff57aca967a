"""Train the published model, written plainly, and ours with the same weights, batches, optimiser and seed.

    python -m runs.official_side_by_side --data input.txt --out runs/side_by_side            # one after the other
    CUDA_VISIBLE_DEVICES=0 python -m runs.official_side_by_side --data input.txt --which reference &
    CUDA_VISIBLE_DEVICES=1 python -m runs.official_side_by_side --data input.txt --which ours; wait

The settings are those of the official training script: 25M parameters, 32 x 512 bytes of tiny Shakespeare, AdamW with a
constant step size of 1e-3 and weight decay 0.1, bf16, torch.compile, no clipping. It has no validation
split; here that is the last tenth of the text. Each run writes NAME.csv and NAME.json; when both exist, side_by_side.md
is written and, with matplotlib installed, side_by_side.png. ``--which page`` makes only these.
"""

import argparse
import csv
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bdh import BDH, BDHConfig
from benchmarks.reference import Reference
from runs.side_by_side_page import NAMES, write_page, write_whole

COLUMNS = ("step", "train_loss", "val_loss", "tokens_per_second", "seconds")
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Contestant:
    """A model, its loss for training (compiled), and its loss for validation (plain)."""

    model: nn.Module
    train_loss: Loss
    plain_loss: Loss


def main() -> None:
    """Run the chosen models, and write the page if both runs exist."""
    arguments = _parse()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        if arguments.which in (name, "both"):
            _run(name, arguments, out)
            torch.compiler.reset()
    if all((out / f"{name}.json").is_file() for name in NAMES):
        write_page(out)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="tiny Shakespeare, or any other text file")
    parser.add_argument("--which", default="both", choices=[*NAMES, "both", "page"])
    parser.add_argument("--out", default="runs/side_by_side", help="folder of the results")
    parser.add_argument("--iters", type=int, default=2000)
    parser.add_argument("--log_interval", type=int, default=50)
    parser.add_argument("--eval_interval", type=int, default=100)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--seq_len", type=int, default=512)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight_decay", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "fp32"])
    parser.add_argument("--no_compile", action="store_true")
    for name in ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier"):
        parser.add_argument(f"--{name}", type=int, default=getattr(BDHConfig(), name))
    parser.add_argument("--dropout", type=float, default=BDHConfig().dropout)
    arguments = parser.parse_args()
    if arguments.which != "page" and arguments.data is None:
        parser.error("--data is missing: the text to train on")
    return arguments


def _run(name: str, arguments: argparse.Namespace, out: Path) -> None:
    """Train one of the two, and write its rows."""
    train, held_out = _read(Path(arguments.data))
    torch.manual_seed(arguments.seed)
    contestant = _make(name, arguments)
    optimizer = torch.optim.AdamW(contestant.model.parameters(), lr=arguments.lr, weight_decay=arguments.weight_decay)
    windows = _windows(held_out, arguments)
    rows: list[dict[str, float]] = []
    with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in _train(contestant, optimizer, train, windows, arguments):
            writer.writerow(row)
            file.flush()
            rows.append(row)
            print(name, " ".join(f"{key} {value:.6g}" for key, value in row.items()), flush=True)
    write_whole(out / f"{name}.json", json.dumps(_summary(contestant, rows, arguments), indent=1) + "\n")


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes to train on, and the last tenth."""
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    cut = int(len(data) * 0.9)
    return data[:cut], data[cut:]


def _make(name: str, arguments: argparse.Namespace) -> Contestant:
    """Return a contestant; both start from the weights of the reference with the given seed."""
    sizes = ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier", "dropout")
    config = BDHConfig(**{size: getattr(arguments, size) for size in sizes})
    reference = Reference(config)
    if name == "reference":
        plain = reference.to(arguments.device)
        trained = plain if arguments.no_compile else torch.compile(plain)
        return Contestant(plain, lambda x, y: _of(trained(x, y)), lambda x, y: _of(plain(x, y)))
    ours = BDH(config)
    ours.load_state_dict(reference.state_dict())
    ours.to(arguments.device)
    if not arguments.no_compile:
        ours.compile_training()

    def loss(x: Tensor, y: Tensor) -> Tensor:
        output = ours(x, y, mode="parallel", keep_state=False)
        return _of((output.logits, output.loss))

    return Contestant(ours, loss, loss)


def _of(found: tuple[Tensor, Tensor | None]) -> Tensor:
    """Return the loss of logits and loss."""
    assert found[1] is not None
    return found[1]


def _train(
    contestant: Contestant,
    optimizer: torch.optim.Optimizer,
    train: np.ndarray,
    windows: list[Tensor],
    arguments: argparse.Namespace,
) -> Iterator[dict[str, float]]:
    """Train; yield a row at each logged or validated step. Validation does not count in the times."""
    torch.manual_seed(arguments.seed)
    contestant.model.train()
    losses: list[Tensor] = []
    spent, since, tokens = 0.0, time.perf_counter(), 0
    for step in range(1, arguments.iters + 1):
        x, y = _batch(train, step, arguments)
        with _precision(arguments):
            loss = contestant.train_loss(x, y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        tokens += x.numel()
        logged, validated = step % arguments.log_interval == 0, step % arguments.eval_interval == 0
        if not (logged or validated or step in (1, arguments.iters)):
            continue
        mean = float(torch.stack(losses).mean())  # waits for the device
        seconds = time.perf_counter() - since
        spent += seconds
        row = {"step": step, "train_loss": mean, "tokens_per_second": tokens / seconds, "seconds": spent}
        if validated or step == arguments.iters:
            row["val_loss"] = _validate(contestant, windows, arguments)
        yield row
        losses, since, tokens = [], time.perf_counter(), 0


def _batch(train: np.ndarray, step: int, arguments: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Return the windows of a step; they depend on seed and step alone, so they are the same for both models."""
    rng = np.random.default_rng([arguments.seed, step])
    starts = rng.integers(0, len(train) - arguments.seq_len, arguments.batch_size)
    table = np.stack([train[start : start + arguments.seq_len + 1] for start in starts]).astype(np.int64)
    moved = torch.from_numpy(table).to(arguments.device)
    return moved[:, :-1].contiguous(), moved[:, 1:].contiguous()


def _windows(held_out: np.ndarray, arguments: argparse.Namespace) -> list[Tensor]:
    """Return the held-out text in batches of whole windows."""
    count = (len(held_out) - 1) // arguments.seq_len
    starts = range(0, count * arguments.seq_len, arguments.seq_len)
    table = torch.from_numpy(np.stack([held_out[s : s + arguments.seq_len + 1] for s in starts]).astype(np.int64))
    return list(torch.split(table.to(arguments.device), arguments.batch_size))


def _validate(contestant: Contestant, windows: list[Tensor], arguments: argparse.Namespace) -> float:
    contestant.model.eval()
    total, count = 0.0, 0
    with torch.no_grad(), _precision(arguments):
        for table in windows:
            loss = contestant.plain_loss(table[:, :-1].contiguous(), table[:, 1:].contiguous())
            total, count = total + float(loss) * len(table), count + len(table)
    contestant.model.train()
    return total / count


def _precision(arguments: argparse.Namespace) -> AbstractContextManager[Any]:
    narrow = arguments.dtype == "bf16"
    return torch.autocast(torch.device(arguments.device).type, dtype=torch.bfloat16) if narrow else nullcontext()


def _summary(contestant: Contestant, rows: list[dict[str, float]], arguments: argparse.Namespace) -> dict[str, Any]:
    cuda = torch.device(arguments.device).type == "cuda"
    steady = [row["tokens_per_second"] for row in rows[2:]] or [rows[-1]["tokens_per_second"]]
    config: BDHConfig = contestant.model.config  # type: ignore[assignment]
    return {
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "torch": torch.__version__,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if cuda else None,
        "tokens_per_second": statistics.median(steady),
        "first_step_seconds": rows[0]["seconds"],
        "parameters": config.n_parameters,
        "config": asdict(config),
        "settings": {name: value for name, value in vars(arguments).items() if name not in ("data", "out", "which")},
    }


if __name__ == "__main__":
    main()
