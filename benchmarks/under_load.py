"""Reading while other programs work on the same processors, with threads that spin and with threads that sleep.

Two processes have the shipped encoder loaded: one as the command line prepares it, whose waiting threads sleep, the
other as torch prepares itself, whose threads spin. They read the same segments in turn, first on the quiet machine,
then next to one busy process for each processor, round after round: what else the machine does meets all four alike. A
fair share next to as many busy processes as processors is half, so twice the time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bdh.processor import limit_threads, sleep_while_waiting
from benchmarks.measurement import ROOT, Measurement

TESTS = ("tests/bdh/test_processor.py",)
ALONE = True
"""Keeps all processors busy for minutes: run only if it is named."""
NOVEL = ROOT / "novels" / "The Unlit Hour.txt"
READER = ROOT / "models" / "reader"
_SEGMENT, _SEGMENTS, _ROUNDS = 512, 6, 15
_ASLEEP, _SPINNING = "sleep", "spin"
_PREPARED = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "OPENBLAS_THREAD_TIMEOUT")
_BUSY = "while True: pass"


def measure() -> Iterator[Measurement]:
    """Yield the seconds of a segment of both, quiet and under load, and what the bars are set for."""
    with ExitStack() as stack:
        readers = {name: stack.enter_context(_process("-m", "benchmarks.under_load", name)) for name in _MODES}
        for reader in readers.values():
            _read(reader)
        rounds = [_take_turns(readers) for _ in range(_ROUNDS)]
    median = {key: statistics.median(taken[key] for taken in rounds) for key in rounds[0]}
    how = f"median of {_ROUNDS} turns of {_SEGMENTS} segments of {_SEGMENT} tokens"
    for (name, load), seconds in median.items():
        yield Measurement(f"{load}, threads that {name}", 1000 * seconds / _SEGMENTS, "ms a segment", how)
    for name in _MODES:
        share = _ratio(rounds, (name, "busy"), (name, "quiet"))
        yield Measurement(f"threads that {name}: busy compared with quiet", share, "times", "median of the turns")
    for load in ("quiet", "busy"):
        share = _ratio(rounds, (_ASLEEP, load), (_SPINNING, load))
        yield Measurement(f"{load}: sleeping compared with spinning", share, "times", "median of the turns")


_MODES = (_ASLEEP, _SPINNING)
_Turn = dict[tuple[str, str], float]


def _ratio(rounds: list[_Turn], one: tuple[str, str], other: tuple[str, str]) -> float:
    return statistics.median(taken[one] / taken[other] for taken in rounds)


def _take_turns(readers: dict[str, subprocess.Popen[str]]) -> _Turn:
    """Return the seconds of every reader on the quiet machine and next to a busy process for each processor."""
    taken = {(name, "quiet"): _read(reader) for name, reader in readers.items()}
    with ExitStack() as stack:
        for _ in range(len(os.sched_getaffinity(0))):
            stack.enter_context(_process("-c", _BUSY))
        return taken | {(name, "busy"): _read(reader) for name, reader in readers.items()}


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a process that nothing has prepared, and kill it at the end of the block."""
    environment = {name: value for name, value in os.environ.items() if name not in _PREPARED}
    command = [sys.executable, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _read(reader: subprocess.Popen[str]) -> float:
    """Let a reader read some segments; return the seconds that it took."""
    assert reader.stdin is not None and reader.stdout is not None
    reader.stdin.write("\n")
    reader.stdin.flush()
    return float(reader.stdout.readline())


def serve(mode: str) -> None:
    """Read segments of the novel, some for each line of standard input, and print the seconds that they took."""
    if mode == _ASLEEP:
        sleep_while_waiting()
    import torch

    from pipeline.config import ReadingConfig
    from pipeline.reading.bdh_adapter import load_encoder

    if mode == _ASLEEP:
        limit_threads()
    encoder = load_encoder(ReadingConfig(device="cpu"), folder=Path(READER))
    tokens = torch.tensor(encoder.tokenizer.encode(NOVEL.read_text(encoding="utf-8")))
    starts = range(0, len(tokens) - _SEGMENT, _SEGMENT)
    state, place = encoder.model.initial_state(), 0
    for _ in sys.stdin:
        began = time.perf_counter()
        with torch.inference_mode():
            for number in range(place, place + _SEGMENTS):
                start = starts[number % len(starts)]
                state = encoder.model.read(tokens[start : start + _SEGMENT], state).state
        place += _SEGMENTS
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
