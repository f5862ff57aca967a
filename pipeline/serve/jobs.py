"""Work that takes longer than a page may: one job at a time, in its order, watched by whoever waits."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.errors import PipelineError

State = Literal["waiting", "running", "done", "failed"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What is known of a job: what it is, where its result will be, and how far its present step has come.

    ``novel`` is the address of the novel it is about, where one goes back to. ``read`` of ``total`` count the tokens of
    the step; ``total`` is 0 where the step cannot be counted.
    """

    id: str
    title: str
    target: str
    novel: str = "/"
    state: State = "waiting"
    step: str = "Waiting for its turn"
    read: int = 0
    total: int = 0
    error: str = ""

    @property
    def percent(self) -> int | None:
        """How far the step has come, None where it cannot be counted."""
        return min(100 * self.read // self.total, 100) if self.total else None


class Jobs:
    """A queue with one worker, because one book at a time is what a machine can read."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._queue: queue.Queue[tuple[str, Callable[[], object]]] = queue.Queue()
        self._lock = threading.Lock()
        self._current = ""
        threading.Thread(target=self._work, name="jobs", daemon=True).start()

    def submit(self, job: Job, work: Callable[[], object]) -> Job:
        """Queue ``work`` under the job's id; the same job that still waits or runs is not queued twice."""
        with self._lock:
            known = self._jobs.get(job.id)
            if known is not None and known.state in {"waiting", "running"}:
                return known
            self._jobs[job.id] = job
        self._queue.put((job.id, work))
        return job

    def find(self, id: str) -> Job | None:
        """Return the job as it is now."""
        with self._lock:
            return self._jobs.get(id)

    def enter(self, step: str) -> None:
        """Say what the running job does now; for use by its own work."""
        self._change(step=step, read=0, total=0)

    def advance(self, name: str, read: int, total: int) -> None:
        """Count ``read`` more tokens of ``total`` in the reading called ``name``; for use by the running job's work."""
        step = f"Reading: {name}"
        with self._lock:
            job = self._jobs[self._current]
            before = job.read if job.step == step else 0
            self._jobs[self._current] = replace(job, step=step, read=before + read, total=total)

    def _work(self) -> None:
        while True:
            self._current, work = self._queue.get()
            self._change(state="running", step="Beginning")
            try:
                work()
            except PipelineError as error:
                self._change(state="failed", error=" ".join(str(error).split()))
            except Exception as error:  # the page must say that it ended, and the terminal why
                _log.exception("a job ended with an error that is ours")
                said = f"{type(error).__name__}: {error}; this is a mistake of the program, and the terminal says more"
                self._change(state="failed", error=said)
            else:
                self._change(state="done")

    def _change(self, **fields: str | int) -> None:
        with self._lock:
            self._jobs[self._current] = replace(self._jobs[self._current], **fields)  # type: ignore[arg-type]
