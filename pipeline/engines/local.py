"""Jobs run one after the other in this process, in the given order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.engines.jobs import NovelJob, Outcome, T, attempt
from pipeline.run import Pipeline


class LocalEngine:
    """One worker: the pipeline of this process, with its models loaded."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def run(self, jobs: Iterable[NovelJob[T]]) -> Iterator[Outcome[T]]:
        """Run every job, also after one has failed. Raises ``FATAL_ERRORS``."""
        for number, job in enumerate(jobs):
            yield Outcome(number, job.path, attempt(job, self._pipeline))
