"""Short novels read by the engines: what Ray costs beside this process alone, and what a second worker brings."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Measurement
from pipeline.config import PipelineConfig, ReadingConfig
from pipeline.engines.jobs import Engine, Failure, Stages
from pipeline.engines.local import LocalEngine
from pipeline.engines.work import ReadNovel

TESTS = ("tests/pipeline/engines/test_local.py",)
NOVELS = 200
_SENTENCES = 60
_WORDS = [
    "the",
    "ferry",
    "river",
    "letter",
    "doctor",
    "rowed",
    "silver",
    "watch",
    "slept",
    "lantern",
    "eels",
    "church",
    "never",
    "came",
    "before",
    "winter",
]


def measure() -> Iterator[Measurement]:
    """Read ``NOVELS`` generated novels with the shipped reader, each way into a cache of its own."""
    from pipeline.engines.ray import RayEngine  # it is optional

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        jobs = [ReadNovel(path) for path in _write_novels(home, NOVELS)]
        stages = Stages(PipelineConfig(reading=ReadingConfig(device="cpu", dtype="fp32")), threads=1)

        def of(name: str) -> Stages:
            return Stages(stages.config, cache_dir=str(home / name), threads=1)

        rates = {"local": _rate(LocalEngine(of("local").open()), jobs)}
        for workers in (1, 2):
            with RayEngine(of(f"ray{workers}"), address=None, workers=workers) as engine:
                rates[f"ray, workers: {workers}"] = _rate(engine, jobs)
    one, two = rates["ray, workers: 1"], rates["ray, workers: 2"]
    how = "one thread a worker, from the first novel done to the last"
    for name, rate in rates.items():
        yield Measurement(f"reading, {name}", rate, "novels/s", how)
    yield Measurement("time of one worker of Ray beside local", rates["local"] / one, "times", "of the rates above")
    yield Measurement("rate of two workers beside one", two / one, "times", "of the rates above")


def _rate(engine: Engine, jobs: list[ReadNovel]) -> float:
    """Return novels a second once all is loaded: what is done after the first outcome, by the time it took."""
    ends = []
    for outcome in engine.run(jobs):
        if isinstance(outcome.result, Failure):
            raise RuntimeError(outcome.result.reason)
        ends.append(time.perf_counter())
    return (len(ends) - 1) / (ends[-1] - ends[0])


def _write_novels(folder: Path, count: int) -> list[Path]:
    """Write novels of sentences of drawn words, the same ones every time."""
    draw = random.Random(0)
    paths = []
    for number in range(count):
        words = (" ".join(draw.choices(_WORDS, k=12)).capitalize() + "." for _ in range(_SENTENCES))
        paths.append(folder / f"Novel {number}.txt")
        paths[-1].write_text("\n".join(words), encoding="utf-8")
    return paths
