"""The ablation table of the neuro variant: the published setting, each extension off in turn, and Definition 4 itself.

Makes: one Markdown table, given to ``--out``: loss on held-out text in nats per character, and how sparse x and y are.
Data: tiny Shakespeare (karpathy/char-rnn), 1,115,394 characters, given to ``--data``; its last tenth is held out. The
hash of the file, the versions and the machine are given under the table.

    python runs/neuro_ablation.py --data input.txt --out ablation.md --seeds 2

On a GPU each setting is one CUDA graph (forward and backward pass of a batch) on its own stream, and all run in
parallel; ``--eager`` uses no graphs. On a CPU only a small ``--iters`` is practical.
"""

import argparse
import hashlib
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bdh.evaluation import stream_losses
from bdh.neuro.config import SWITCHES, NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.tokenizer import CharTokenizer
from bdh.training.distributed import choose_device
from bdh.training.optim import make_optimizer, scheduled_lr
from pipeline.storage.files import replacing

_NUMBERS = {"iters": 600, "seq_len": 128, "batch_size": 64, "seed": 1337, "seeds": 1, "n": 128, "d": 32}
_ROWS = 64  # rows in which the held-out text is read, from beginning to end, with the state carried


@dataclass(frozen=True)
class Score:
    """The figures of one setting; ``effective_x`` is (sum x)^2 / (n sum x^2), which also depends on how strong x is."""

    loss: float
    active_x: float
    effective_x: float
    active_y: float
    gain: float


class SeededModel(BDHNeuro):
    """A model given its random numbers: graphs that run in parallel must not share a generator."""

    noise: Tensor

    def draw_spikes(self, tokens: Tensor, dtype: torch.dtype) -> Sequence[Tensor | None]:
        """Return the spikes: where the given noise is below their rate."""
        if not self.training or not self.config.spike_rate:
            return super().draw_spikes(tokens, dtype)
        return (self.noise < self.config.spike_rate).to(dtype).unbind()


class Contender:
    """One setting in training: its model, its optimiser, and on a GPU its stream and its graph."""

    def __init__(self, config: NeuroConfig, arguments: argparse.Namespace, device: torch.device, seed: int) -> None:
        torch.manual_seed(seed)
        rows, length = arguments.batch_size, arguments.seq_len
        self.model = SeededModel(config).to(device).train()
        self.model.noise = torch.ones(length, config.n_layer, rows, config.n, device=device)
        self.optimizer = make_optimizer(self.model, lr=arguments.lr, weight_decay=0.1)
        self.window = torch.zeros(rows, length + 1, dtype=torch.int64, device=device)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.graph: torch.cuda.CUDAGraph | None = None
        self.loss = torch.zeros((), device=device)
        if self.stream is not None and not arguments.eager:
            self._capture(self.stream)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        """Record forward and backward pass of a batch; the graph then writes gradients to the same memory each time."""
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                self._zero_and_read()
        torch.cuda.synchronize()
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream):
            self._read()

    def _zero_and_read(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self._read()

    def _read(self) -> None:
        loss = self.model(self.window[:, :-1], self.window[:, 1:], keep_state=False).loss
        loss.backward()
        self.loss = loss.detach()

    def step(self, tokens: Tensor, places: Tensor, lr: float) -> None:
        """Train on the windows of ``tokens`` that start at ``places``; on a GPU this only queues the work."""
        self.optimizer.param_groups[0]["lr"] = lr
        context: AbstractContextManager[object] = torch.cuda.stream(self.stream) if self.stream else nullcontext()
        with context:
            self.window.copy_(tokens[places + torch.arange(self.window.shape[1], device=tokens.device)])
            if self.model.config.spike_rate:
                self.model.noise.uniform_(generator=self.generator)
            if self.graph is None:
                self._zero_and_read()
            else:
                self.graph.replay()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()


def list_settings(n: int, d: int, vocab_size: int) -> dict[str, NeuroConfig]:
    """Return every row of the table by its name."""
    published = NeuroConfig.published(vocab_size, n, d)
    off = {f"without {name}": published.without(name) for name in SWITCHES}
    return {"published": published, **off, "plain (Definition 4)": NeuroConfig.plain(vocab_size, n, d)}


def train(contenders: Sequence[Contender], tokens: Tensor, arguments: argparse.Namespace, seed: int) -> None:
    """Train every contender on the same batches."""
    starts = np.random.default_rng(seed).integers(
        0, len(tokens) - arguments.seq_len, size=(arguments.iters, arguments.batch_size, 1)
    )
    places = torch.from_numpy(starts).to(tokens.device)
    _wait(tokens.device)
    for number in range(arguments.iters):
        lr = scheduled_lr(number, peak=arguments.lr, warmup=20, total=arguments.iters, floor=0.1)
        for contender in contenders:
            contender.step(tokens, places[number], lr)
        if number % 100 == 99:
            _wait(tokens.device)
            losses = " ".join(f"{float(contender.loss):.3f}" for contender in contenders)
            print(f"{number + 1:5d} {losses}", flush=True)


def _wait(device: torch.device) -> None:
    """Wait for every stream, so that one may read what another has written."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def score(model: BDHNeuro, tokens: Tensor) -> Score:
    """Measure a trained model on held-out text."""
    model.eval()
    rows = tokens.cpu().numpy().astype(np.int32)
    rows = rows[: len(rows) // _ROWS * _ROWS].reshape(_ROWS, -1)
    losses = stream_losses(model, list(rows), segment=256, batch_size=_ROWS)
    trace = model.trace(torch.from_numpy(rows[:, :512]).long().to(model.device))
    x = trace.x.double()
    effective = x.sum(-1).square() / (x.shape[-1] * x.square().sum(-1)).clamp_min(1e-30)
    shares = [float((neurons > 0).double().mean()) for neurons in (trace.x, trace.y)]
    loss = float(np.mean(np.concatenate(losses), dtype=np.float64))
    return Score(loss, shares[0], float(effective.mean()), shares[1], float(trace.gain.mean()))


def write_table(results: dict[str, list[Score]]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| setting | nats per character | against published | x active | x effective | y active | mean gain |"
    yield "|---|---|---|---|---|---|---|"
    base = np.mean([result.loss for result in results["published"]])
    for name, scores in results.items():
        losses = [result.loss for result in scores]
        spread = f" ± {np.std(losses, ddof=1):.3f}" if len(losses) > 1 else ""
        mean = {field: np.mean([getattr(result, field) for result in scores]) for field in vars(scores[0])}
        cells = [name, f"{mean['loss']:.3f}{spread}", f"{mean['loss'] - base:+.3f}"]
        cells += [f"{100 * mean[field]:.1f} %" for field in ("active_x", "effective_x", "active_y")]
        yield f"| {' | '.join([*cells, format(mean['gain'], '.2f')])} |"


def describe(arguments: argparse.Namespace, text: str, measured: int, device: torch.device, seconds: float) -> str:
    """Return a description of settings, data and machine."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine() + " CPU"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (
        f"n {arguments.n}, d {arguments.d}, 1 layer, {arguments.iters} steps of {arguments.batch_size} x "
        f"{arguments.seq_len} characters, AdamW, peak step size {arguments.lr:g} (20 steps up, then cosine to a "
        f"tenth), seeds {arguments.seed} to {arguments.seed + arguments.seeds - 1} (spread: deviation). Held out: "
        f"{measured:,} characters from nine tenths on of {len(text):,} (sha256 {digest[:16]}), read in {_ROWS} rows "
        f"with the state carried; sparsity on the first 512 of each row. torch {torch.__version__}, {where}, "
        f"{seconds:.0f} s in all."
    )


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(description="Make the ablation table of the neuro variant.")
    parser.add_argument("--data", type=Path, required=True, help="text to train and to validate on")
    parser.add_argument("--out", type=Path, required=True, help="Markdown file to write")
    for name, value in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--eval_chars", type=int, help="held-out characters to measure on; all by default")
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    parser.add_argument("--eager", action="store_true", help="no CUDA graphs")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> None:
    """Train every setting, measure it, and write the table."""
    arguments, since = parse(argv), time.perf_counter()
    device = choose_device(arguments.device)
    text = arguments.data.read_text(encoding="utf-8")
    tokenizer = CharTokenizer.train([text])
    tokens = torch.tensor(tokenizer.encode(text), device=device)
    cut = int(len(tokens) * 0.9)
    held_out = tokens[cut:][: arguments.eval_chars]
    settings = list_settings(arguments.n, arguments.d, tokenizer.vocab_size)
    results: dict[str, list[Score]] = {name: [] for name in settings}
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        contenders = {name: Contender(config, arguments, device, seed) for name, config in settings.items()}
        print(f"seed {seed}: {len(contenders)} settings ready after {time.perf_counter() - since:.0f} s", flush=True)
        train(list(contenders.values()), tokens[:cut], arguments, seed)
        _wait(device)
        for name, contender in contenders.items():
            results[name].append(score(contender.model, held_out))
    page = "\n".join(
        [*write_table(results), "", describe(arguments, text, len(held_out), device, time.perf_counter() - since), ""]
    )
    with replacing(arguments.out) as scratch:
        scratch.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
