"""200 short novels with 20,000 rows: the cost of Ray compared with one process, and the gain of a second worker.

A job is one novel: it is read, and its 100 rows are judged. The encoder is tiny with random weights, and claims have
two passages, so that 20,000 rows take minutes. The engines take turns on shares of the novels, so that other work on
the machine affects all of them alike. All predictions are checked to be the same.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.little_reader import save_quick_reader
from benchmarks.measurement import Measurement
from benchmarks.synthetic_novel import cast, write_novel
from pipeline.config import PipelineConfig, ReadingConfig, RetrievalConfig, resolve_model_dir
from pipeline.engines.jobs import Engine, Failure, PipelineFactory
from pipeline.engines.local import LocalEngine
from pipeline.engines.work import PredictRows
from pipeline.judging.backstory import BackstoryModel
from pipeline.run import Pipeline
from pipeline.tables.predictions import Prediction
from pipeline.tables.rows import Row

TESTS = ("tests/pipeline/engines/test_local.py",)
ALONE = True
"""Takes minutes and all processors: run only if it is named."""
NOVELS, ROWS, SHARES = 200, 100, 2
BYTES, PEOPLE, PASSAGES = 2500, 6, 2
WARM = 5
"""Outcomes of a share that are not timed: until then workers load their weights."""


@dataclass(frozen=True)
class _Done:
    """The predictions for the rows of a novel, and the seconds that they took: of the wall and of the processor."""

    predictions: list[Prediction]
    wall: float
    processor: float


@dataclass(frozen=True)
class _Clocked:
    """A job with a clock, which separates the time inside jobs from the time between them."""

    job: PredictRows

    @property
    def path(self) -> Path:
        """The file of the novel."""
        return self.job.path

    def run(self, pipeline: Pipeline) -> _Done:
        """Run the job; raises what the job raises."""
        wall, processor = time.perf_counter(), time.process_time()
        predictions = self.job.run(pipeline)
        return _Done(predictions, time.perf_counter() - wall, time.process_time() - processor)


@dataclass
class _Timed:
    """The novels that an engine was timed on, their seconds, those inside jobs, and all predictions."""

    novels: int = 0
    seconds: float = 0.0
    inside: float = 0.0
    processor: float = 0.0
    predictions: list[list[Prediction]] = field(default_factory=list)

    def take(self, engine: Engine, jobs: list[_Clocked]) -> None:
        """Run the jobs; raises RuntimeError if one fails."""
        ends, found = list[float](), dict[int, list[Prediction]]()
        for outcome in engine.run(jobs):
            if isinstance(outcome.result, Failure):
                raise RuntimeError(f"{outcome.path.name}: {outcome.result.reason}")
            ends.append(time.perf_counter())
            found[outcome.number] = outcome.result.predictions
            if len(ends) > WARM:
                self.inside += outcome.result.wall
                self.processor += outcome.result.processor
        self.novels += len(ends) - WARM
        self.seconds += ends[-1] - ends[WARM - 1]
        self.predictions += [found[number] for number in sorted(found)]

    @property
    def rate(self) -> float:
        """Novels per second."""
        return self.novels / self.seconds


def measure() -> Iterator[Measurement]:
    """Run every share of the novels through the engines, each with its own cache."""
    from pipeline.engines.ray import RayEngine  # it is optional

    with tempfile.TemporaryDirectory(prefix="engines") as folder:
        home = Path(folder)
        jobs = list(_write_jobs(home))
        reader = save_quick_reader(home / "reader", "\n".join(job.path.read_text() for job in jobs[:20]))
        config = PipelineConfig(
            reading=ReadingConfig(model_dir=str(reader), device="cpu", dtype="fp32"),
            retrieval=RetrievalConfig(top_k=PASSAGES),
        )

        def factory(name: str) -> PipelineFactory:
            return PipelineFactory(config, cache_dir=str(home / name), threads=1, judging=True)

        here, one, two = _Timed(), _Timed(), _Timed()
        local = LocalEngine(factory("local").open())
        for first in range(0, NOVELS, NOVELS // SHARES):
            share = [_Clocked(job) for job in jobs[first : first + NOVELS // SHARES]]
            here.take(local, share)
            for workers, timed in ((1, one), (2, two)):
                with RayEngine(factory(f"ray{workers}"), address=None, workers=workers) as engine:
                    timed.take(engine, share)
    if not here.predictions == one.predictions == two.predictions:
        raise RuntimeError("the engines do not agree on the predictions")
    rows = sum(len(predictions) for predictions in here.predictions)
    how = (
        f"{NOVELS} novels of {BYTES} bytes, {rows:,} rows of one claim, {SHARES} shares in turn, a thread per worker, "
        f"without the first {WARM} novels of a share"
    )
    for name, timed in (("local", here), ("ray, one worker", one), ("ray, two workers", two)):
        yield Measurement(f"novels read and judged, {name}", timed.rate, "novels/s", how)
    yield Measurement("a novel with its rows, local", 1000 / here.rate, "ms", "of the rate above")
    yield Measurement("overhead of one worker of Ray", 100 * (here.rate / one.rate - 1), "% of local", "of the rates")
    between = 100 * (1 - one.inside / one.seconds)
    yield Measurement("one worker of Ray, between jobs", between, "% of its time", "sending, waiting, unpacking")
    for name, timed in (("local", here), ("ray, one worker", one), ("ray, two workers", two)):
        spent = 1000 * timed.processor / timed.novels
        yield Measurement(f"processor time of a job, {name}", spent, "ms", "inside the job")
    yield Measurement("two workers compared with one", two.rate / one.rate, "times the rate", "of the rates")
    yield Measurement("rows whose prediction is the same on all three", rows, "rows", "every field compared")


def _write_jobs(folder: Path) -> Iterator[PredictRows]:
    """Write the novels, always the same ones, and yield each with its rows."""
    model = BackstoryModel.load(resolve_model_dir(PipelineConfig().scoring.verdict_dir), band=0.05).model
    people = cast(PEOPLE)
    for number in range(NOVELS):
        rng = random.Random(number)
        path = write_novel(folder / f"Novel {number}.txt", size=BYTES, people=PEOPLE, seed=number)
        path.write_text(path.read_text(encoding="utf-8")[:BYTES], encoding="utf-8")
        rows = tuple(
            Row(
                id=f"{number}-{place}",
                book_name=path.name,
                char=rng.choice(people),
                caption="",
                content=f"In 18{rng.randrange(10, 99)} {people[0]} had {rng.randrange(2, 400)} letters at the quay.",
                label=None,
                pair=None,
            )
            for place in range(ROWS)
        )
        yield PredictRows(path, rows, model)
