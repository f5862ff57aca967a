"""Work on one novel that can be sent to another process, and what comes back of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pipeline.config import PipelineConfig
from pipeline.device import set_threads
from pipeline.errors import CacheError, LLMError, ModelError, PipelineError, SettingError
from pipeline.reading.novel_encoder import OnProgress, ignore_progress
from pipeline.run import Pipeline
from pipeline.text.aliases import Alias

T = TypeVar("T")
ResultT = TypeVar("ResultT", covariant=True)
NOT_THE_NOVELS_FAULT = (CacheError, LLMError, ModelError, SettingError)
"""Errors that would meet every novel alike: they end the whole run."""

_log = logging.getLogger(__name__)


class Job(Protocol[ResultT]):
    """Work on one novel. A job holds nothing that is bound to a process, so that it can be sent."""

    @property
    def path(self) -> Path:
        """The file of the novel."""

    def run(self, pipeline: Pipeline) -> ResultT:
        """Do the work with these stages."""


@dataclass(frozen=True)
class Failure:
    """Why the work on a novel could not be done, in one line."""

    reason: str


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of a job: its number in the order given, its novel, and its result or the reason why there is none.

    ``worker`` says who did it: a node and a process where there are several, else nothing.
    """

    number: int
    path: Path
    result: T | Failure
    worker: str = ""


class Engine(Protocol):
    """Whoever does jobs. Outcomes come as they are finished, in any order, one for every job."""

    def run(self, jobs: Iterable[Job[T]]) -> Iterator[Outcome[T]]:
        """Do every job; one that fails does not keep the others from being done. Raises ``NOT_THE_NOVELS_FAULT``."""


@dataclass(frozen=True)
class Stages:
    """All that a worker opens its stages from; ``judging`` says whether it will need what judges claims."""

    config: PipelineConfig
    aliases: tuple[Alias, ...] = ()
    cache_dir: str | None = None
    threads: int = 1
    judging: bool = False

    def open(self, on_progress: OnProgress = ignore_progress) -> Pipeline:
        """Return the stages with their models loaded, on ``threads`` threads; raises ModelError or SettingError."""
        set_threads(self.threads)
        pipeline = Pipeline(self.config, self.aliases, self.cache_dir, on_progress)
        if self.judging:
            pipeline.load_models()
        else:
            _ = pipeline.encoder
        return pipeline


def attempt(job: Job[T], pipeline: Pipeline) -> T | Failure:
    """Do a job; a failure that is the novel's own comes back as a reason, any other is raised."""
    try:
        return job.run(pipeline)
    except NOT_THE_NOVELS_FAULT:
        raise
    except PipelineError as error:
        return Failure(str(error))
    except Exception as error:
        _log.warning("unexpected failure on %s", job.path.name, exc_info=True)
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}")
