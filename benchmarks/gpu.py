"""Train, read and write with the published 25M configuration on one GPU, compared with the published formulation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from bdh import BDH, BDHConfig, BDHState, fused, generate
from bdh.decoding import TritonStepper
from bdh.training.optim import make_optimizer
from benchmarks.measurement import Measurement
from benchmarks.reference import Reference

TESTS = (
    "tests/bdh/ops/test_modes.py",
    "tests/bdh/ops/test_fused_layer.py",
    "tests/bdh/test_fused.py",
    "tests/bdh/test_decoding.py",
    "tests/bdh/test_parity.py",
    "tests/bdh/test_reference.py",
)
_LONG = 32_768
_GIB = 2**30

Step = Callable[[Tensor, Tensor], Tensor]


def measure() -> Iterator[Measurement]:
    """Yield rates and memory of training, streaming and generation, ours and the reference's, bf16; wants a GPU."""
    if not torch.cuda.is_available():
        raise SystemExit("benchmark gpu: no CUDA GPU was found; run it on a machine with one")
    yield from _machine()
    yield from _training()
    yield from _reading()
    yield from _writing()


def _machine() -> Iterator[Measurement]:
    """Yield the two upper bounds: the rate of a large product of random numbers, and of a large copy."""
    size = 8192
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    yield Measurement("bf16 product 8192^3", 2 * size**3 / _seconds(lambda: a @ b) / 1e12, "TFLOP/s", _HOW)
    room = torch.empty(2, 2**31, dtype=torch.uint8, device="cuda")
    yield Measurement("copy of 2 GiB", 2**32 / _seconds(lambda: room[0].copy_(room[1])) / 1e12, "TB/s", _HOW)


_HOW = "median of 10 after 3"


def _seconds(call: Callable[[], object], *, warm: int = 3, repeats: int = 10) -> float:
    """Return the median seconds of a call on the device, by events."""
    for _ in range(warm):
        call()
    times: list[float] = []
    for _ in range(repeats):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        call()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) / 1e3)
    return statistics.median(times)


def _learner(model: nn.Module, loss: Step) -> Step:
    """Return one step of training as a function of tokens and targets: bf16 autocast, AdamW at 1e-3."""
    optimizer = make_optimizer(model, lr=1e-3, weight_decay=0.1)

    def step(tokens: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            found = loss(tokens, targets)
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return found.detach()

    return step


def make_reference(config: BDHConfig) -> Step:
    """Return a step of the published formulation, compiled."""
    model = Reference(config).cuda().train()
    compiled = torch.compile(model, dynamic=False)

    def loss(tokens: Tensor, targets: Tensor) -> Tensor:
        found: Tensor = compiled(tokens, targets)[1]
        return found

    return _learner(model, loss)


def make_ours(config: BDHConfig, *, batch: int = 0) -> Step:
    """Return our step; given ``batch`` the memory is carried from step to step."""
    model = BDH(config)
    model.load_state_dict(Reference(config).state_dict())
    model.cuda().train().compile_training()
    carried: list[BDHState | None] = [model.empty_state(batch) if batch else None]

    def loss(tokens: Tensor, targets: Tensor) -> Tensor:
        output = model(tokens, targets, carried[0], "parallel", keep_state=bool(batch))
        if batch:
            assert isinstance(output.state, BDHState)
            carried[0] = output.state.detach()
        found: Tensor | None = output.loss
        assert found is not None
        return found

    return _learner(model, loss)


def _training() -> Iterator[Measurement]:
    """Yield tokens per second and peak memory of whole steps on random bytes."""
    config = BDHConfig()
    for batch, length in ((32, 512), (8, 2048)):
        tokens = torch.randint(256, (batch, length + 1), device="cuda")
        makers: dict[str, Callable[[], Step]] = {
            "reference, torch.compile": lambda: make_reference(config),
            "ours": lambda: make_ours(config),
        }
        if length == 512:
            makers["ours, memory carried"] = lambda: make_ours(config, batch=32)
        for name, make in makers.items():
            torch.manual_seed(0)
            step = make()
            torch.cuda.empty_cache()
            for _ in range(3):
                step(tokens[:, :-1], tokens[:, 1:])
            torch.cuda.reset_peak_memory_stats()
            rate = batch * length / _seconds(lambda: step(tokens[:, :-1], tokens[:, 1:]), warm=1)  # noqa: B023
            yield Measurement(f"training {batch} x {length}, {name}", rate, "tokens/s", _HOW)
            peak = torch.cuda.max_memory_allocated() / _GIB
            yield Measurement(f"training {batch} x {length}, {name}, memory", peak, "GiB", "peak of allocations")
            del step
            torch.compiler.reset()


@torch.inference_mode()
def _reading() -> Iterator[Measurement]:
    """Yield tokens per second of one long text, and memory."""
    config = BDHConfig(dropout=0.0)
    tokens = torch.randint(256, (1, _LONG), device="cuda")
    compiled = torch.compile(Reference(config).cuda().eval(), dynamic=False)

    def read_whole() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            compiled(tokens)

    torch.cuda.reset_peak_memory_stats()
    rate = _LONG / _seconds(read_whole, warm=2, repeats=3)
    yield Measurement("reading 32,768 tokens, reference, torch.compile", rate, "tokens/s", "median of 3 after 2")
    yield Measurement("the same, memory", torch.cuda.max_memory_allocated() / _GIB, "GiB", "peak of allocations")
    torch.compiler.reset()
    model = BDH(config).cuda().bfloat16().eval()
    for length in (4096, _LONG, 1_000_000):
        text = torch.randint(256, (1, length), device="cuda")
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        repeats = 1 if length > _LONG else 5
        rate = length / _seconds(lambda: _stream(model, text), warm=1 if repeats == 1 else 2, repeats=repeats)  # noqa: B023
        yield Measurement(f"reading {length:,} tokens, ours", rate, "tokens/s", f"median of {repeats}")
        peak = torch.cuda.max_memory_allocated() / _GIB
        yield Measurement("the same, memory", peak, "GiB", "peak of allocations")


def _stream(model: BDH, text: Tensor) -> BDHState:
    """Read a text of any length in calls of one segment, a prediction at each token."""
    state = model.empty_state()
    for start in range(0, text.shape[1], fused.SEGMENT):
        output = model(text[:, start : start + fused.SEGMENT], state=state, mode="chunkwise")
        assert isinstance(output.state, BDHState)
        state = output.state
    return state


@torch.inference_mode()
def _writing() -> Iterator[Measurement]:
    """Yield milliseconds of a generated token, and the rate of many texts at once."""
    config = BDHConfig(dropout=0.0)
    plain = Reference(config).cuda().bfloat16().eval()
    for length in (64, 512):
        tokens = torch.randint(256, (1, length), device="cuda")
        seconds = _seconds(lambda: plain(tokens), repeats=20)  # noqa: B023
        yield Measurement(f"one token after {length}, reference", 1e3 * seconds, "ms", "the whole text again")
    model = BDH(config).cuda().bfloat16().eval()
    for length in (64, 512, 1_000_000):
        state = _stream(model, torch.randint(256, (1, length), device="cuda"))
        stepper, token = TritonStepper(model, state), torch.zeros(1, dtype=torch.int64, device="cuda")
        seconds = _seconds(lambda: stepper.step(token), warm=20, repeats=100)  # noqa: B023
        yield Measurement(f"one token after {length:,}, ours", 1e3 * seconds, "ms", "captured graph, median of 100")
    drawn = generate(model, [10], max_new_tokens=600, temperature=0.8, top_k=40, state=state)
    for _ in range(100):
        next(drawn)
    start = time.perf_counter()
    for _ in range(400):
        next(drawn)
    milliseconds = 1e3 * (time.perf_counter() - start) / 400
    yield Measurement("the same with drawing (top-k 40), ours", milliseconds, "ms", "mean of 400, clock of the host")
    for batch in (8, 32, 128):
        stepper = TritonStepper(model, model.empty_state(batch))
        tokens = torch.randint(256, (batch,), device="cuda")
        for _ in range(64):  # so that the memories are not empty
            stepper.step(tokens)
        seconds = _seconds(lambda: stepper.step(tokens), warm=5, repeats=30)  # noqa: B023
        yield Measurement(f"{batch} texts at once, ours", batch / seconds, "tokens/s", "captured graph, median of 30")
