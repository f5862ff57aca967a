"""A queue for work that takes too long for a request: one job at a time, in order, with its progress."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.errors import PipelineError

JobState = Literal["waiting", "running", "done", "failed"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeskJob:
    """A job: its title, the address of its result, its state, and the progress of its current step.

    ``novel`` is the address of the page of its novel, and ``submitted`` what it judges. ``read`` of ``total`` count the
    tokens of the step; ``total`` is 0 for a step without a count.
    """

    id: str
    title: str
    target: str
    novel: str = "/"
    submitted: object = None
    state: JobState = "waiting"
    step: str = "Waiting"
    read: int = 0
    total: int = 0
    error: str = ""

    @property
    def percent(self) -> int | None:
        """Progress of the step, None for a step without a count."""
        return min(100 * self.read // self.total, 100) if self.total else None


class JobQueue:
    """A queue with one worker, because a machine can read only one book at a time."""

    def __init__(self) -> None:
        self._jobs: dict[str, DeskJob] = {}
        self._queue: queue.Queue[tuple[str, Callable[[], object]]] = queue.Queue()
        self._lock = threading.Lock()
        self._current = ""
        threading.Thread(target=self._work, name="jobs", daemon=True).start()

    def submit(self, job: DeskJob, work: Callable[[], object]) -> DeskJob:
        """Queue ``work`` under the job's id; a job that is waiting or running is not queued twice."""
        with self._lock:
            known = self._jobs.get(job.id)
            if known is not None and known.state in {"waiting", "running"}:
                return known
            self._jobs[job.id] = job
        self._queue.put((job.id, work))
        return job

    def find(self, id: str) -> DeskJob | None:
        """Return the current state of a job, None for an unknown id."""
        with self._lock:
            return self._jobs.get(id)

    def start_step(self, step: str) -> None:
        """Start a step of the running job; called by its own work."""
        self._change(step=step, read=0, total=0)

    def advance(self, name: str, read: int, total: int) -> None:
        """Add ``read`` tokens of ``total`` to the reading called ``name``; called by the running job's own work."""
        step = f"Reading: {name}"
        with self._lock:
            job = self._jobs[self._current]
            before = job.read if job.step == step else 0
            self._jobs[self._current] = replace(job, step=step, read=before + read, total=total)

    def _work(self) -> None:
        while True:
            self._current, work = self._queue.get()
            self._change(state="running", step="Starting")
            try:
                work()
            except PipelineError as error:
                self._change(state="failed", error=" ".join(str(error).split()))
            except Exception as error:  # the page shows that it failed, the terminal why
                _log.exception("a job failed with an internal error")
                message = f"{type(error).__name__}: {error}; internal error, see the terminal for details"
                self._change(state="failed", error=message)
            else:
                self._change(state="done")

    def _change(self, **fields: str | int) -> None:
        with self._lock:
            self._jobs[self._current] = replace(self._jobs[self._current], **fields)  # type: ignore[arg-type]
