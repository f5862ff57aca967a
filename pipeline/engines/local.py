"""Jobs done one after the other in this process, in the order given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.engines.jobs import Job, Outcome, T, attempt
from pipeline.run import Pipeline


class LocalEngine:
    """One worker: the stages of this process, with their models loaded."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def run(self, jobs: Iterable[Job[T]]) -> Iterator[Outcome[T]]:
        """Do every job; one that fails does not keep the others from being done. Raises ``NOT_THE_NOVELS_FAULT``."""
        for number, job in enumerate(jobs):
            yield Outcome(number, job.path, attempt(job, self._pipeline))
