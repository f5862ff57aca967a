"""Jobs run by a pool of Ray actors, on one machine or many; the only file that imports Ray.

Every actor loads the weights once and runs one job at a time. Ray places the actors and reports which were killed or
lost. Retries are counted here and not by Ray, which uses up its own within a second when a node is lost
(docs/decisions/0016-ray.md).
"""

from __future__ import annotations

import logging
import operator
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from pipeline.engines.jobs import Failure, NovelJob, Outcome, PipelineFactory, T, attempt
from pipeline.errors import PipelineError, SettingError
from pipeline.run import Pipeline

_STARTING = -1
TRIES = 3
"""Attempts at a novel whose worker is killed."""


class Worker:
    """An actor: a pipeline opened once, with its weights, on its own threads."""

    def __init__(self, factory: PipelineFactory) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        self._factory = factory

    @cached_property
    def _pipeline(self) -> Pipeline:
        return self._factory.open()

    def start(self) -> tuple[None, str]:
        """Load the weights; raises PipelineError."""
        _ = self._pipeline
        return None, ""

    def work(self, job: NovelJob[T]) -> tuple[T | Failure, str]:
        """Run a job; return its result or failure, and the node and process."""
        outcome = attempt(job, self._pipeline)
        return outcome, f"{ray.get_runtime_context().get_node_id()[:8]}/{os.getpid()}"


class RayEngine:
    """A Ray cluster: the one at ``address``, or without one a cluster of this machine alone while it is in use.

    ``workers`` is the number of actors; 0 is one for each GPU where there are GPUs, else as many as fit on the
    processors, at ``factory.threads`` each. A job fails when ``tries`` workers were killed over it.
    """

    def __init__(self, factory: PipelineFactory, *, address: str | None, workers: int, tries: int = TRIES) -> None:
        self._factory, self._address, self._asked, self._tries = factory, address, workers, tries
        self._options: dict[str, Any] = {}
        self.workers = 0
        self.nodes = 0

    def __enter__(self) -> RayEngine:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's default of 15 gives way to any other process
        try:
            ray.init(
                address=self._address or "local",
                include_dashboard=None if self._address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise SettingError(
                f"no Ray cluster answers at {self._address or 'this machine'} ({error}); start one with ray start, "
                "give its address with --ray_address, or leave that out to use this machine alone"
            ) from error
        try:
            self._plan()
        except BaseException:
            ray.shutdown()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        ray.shutdown()

    def _plan(self) -> None:
        """Set the number of workers and the resources of each; raises SettingError if they do not fit."""
        threads = self._factory.threads
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        on_gpus = gpus > 0 and self._factory.config.reading.device != "cpu"
        room = sum(int(node.get("CPU", 0)) // threads for node in nodes)
        room = min(gpus, room) if on_gpus else room
        what = f"one GPU and {threads} processors each" if on_gpus else f"{threads} processors each"
        if room < max(self._asked, 1):
            found = f"{int(sum(node.get('CPU', 0) for node in nodes))} processors and {gpus} GPUs on {len(nodes)} nodes"
            raise SettingError(
                f"{max(self._asked, 1)} workers of {what} do not fit: the cluster has {found}; lower --workers or "
                "--threads, or add nodes"
            )
        self.workers, self.nodes = self._asked or room, len(nodes)
        self._options = {
            "num_cpus": threads,
            "num_gpus": int(on_gpus),
            "scheduling_strategy": "SPREAD",
        }

    def run(self, jobs: Iterable[NovelJob[T]]) -> Iterator[Outcome[T]]:
        """Run every job, also after one has failed.

        A job is taken from ``jobs`` only when a worker is free for it. A job whose worker was killed or lost is retried
        after the others, with a new worker of Ray's. An idle worker is released to make room for it. Raises
        PipelineError for failures that do not concern a novel.
        """
        fresh, again, tries = enumerate(jobs), deque[tuple[int, NovelJob[T]]](), Counter[int]()
        busy: dict[Any, tuple[Any, tuple[int, NovelJob[T]] | None]] = {}
        self._hire(busy, min(self.workers, operator.length_hint(jobs, self.workers)))
        more = True
        while busy and (more or again or any(task for _, task in busy.values())):
            (done,), _ = ray.wait(list(busy), num_returns=1)
            worker, task = busy.pop(done)
            result, who = _result(done)
            if isinstance(result, RayActorError):
                lost = task[0] if task else _STARTING
                tries[lost] += 1
                if task and tries[lost] < self._tries:
                    again.append(task)
                elif task:
                    result = Failure(
                        f"its worker was killed or lost {tries[lost]} times over this novel ({_line(result)})"
                    )
                elif tries[lost] >= self._tries * self.workers:
                    raise SettingError(
                        f"workers are killed while they load their weights ({_line(result)}); each needs the memory of "
                        "a whole judgement: lower --workers, or check the machines"
                    ) from result
                self._hire(busy, int(more or bool(again)))
            else:
                following = next(fresh, None)
                more = following is not None
                following = following or (again.popleft() if again else None)
                if following:
                    busy[worker.work.remote(following[1])] = worker, following
            del worker
            if task and not isinstance(result, RayActorError):
                yield Outcome(task[0], task[1].path, result, who)

    def _hire(self, busy: dict[Any, Any], count: int) -> None:
        """Start workers; Ray ends each when its last handle is gone."""
        make = ray.remote(Worker).options(**self._options)
        for _ in range(count):
            worker: Any = make.remote(self._factory)
            busy[worker.start.remote()] = worker, None


def _result(done: Any) -> tuple[Any, str]:
    """Return the result of a task, or the error of a killed or lost worker; and the node and process.

    Raises PipelineError for failures that do not concern a novel.
    """
    try:
        result: tuple[Any, str] = ray.get(done)
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, PipelineError) else error) from error
    except RayActorError as error:
        return error, ""
    except RayError as error:
        return Failure(f"{type(error).__name__}: {_line(error)}"), ""
    return result


def _line(error: BaseException) -> str:
    """Return the first line of Ray's message, which has many."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
