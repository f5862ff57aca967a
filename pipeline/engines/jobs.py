"""Jobs on one novel that can be sent to another process, and their outcomes."""

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
FATAL_ERRORS = (CacheError, LLMError, ModelError, SettingError)
"""Errors that would occur with every novel: they end the whole run."""

_log = logging.getLogger(__name__)


class NovelJob(Protocol[ResultT]):
    """Work on one novel; everything in it can be pickled."""

    @property
    def path(self) -> Path:
        """The file of the novel."""

    def run(self, pipeline: Pipeline) -> ResultT:
        """Do the work with this pipeline."""


@dataclass(frozen=True)
class Failure:
    """Why the job on a novel failed, in one line."""

    reason: str


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The outcome of a job: its number in the given order, its novel, and its result or the reason why it failed.

    ``worker`` names the node and process that did it, empty where there is only one.
    """

    number: int
    path: Path
    result: T | Failure
    worker: str = ""


class Engine(Protocol):
    """Runs jobs. Outcomes come as they are finished, in any order, one for every job."""

    def run(self, jobs: Iterable[NovelJob[T]]) -> Iterator[Outcome[T]]:
        """Run every job, also after one has failed. Raises ``FATAL_ERRORS``."""


@dataclass(frozen=True)
class PipelineFactory:
    """Opens a worker's pipeline; ``judging`` also loads the models that judge claims."""

    config: PipelineConfig
    aliases: tuple[Alias, ...] = ()
    cache_dir: str | None = None
    threads: int = 1
    judging: bool = False

    def open(self, on_progress: OnProgress = ignore_progress) -> Pipeline:
        """Return a pipeline with its models loaded, on ``threads`` threads; raises ModelError or SettingError."""
        set_threads(self.threads)
        pipeline = Pipeline(self.config, self.aliases, self.cache_dir, on_progress)
        if self.judging:
            pipeline.load_models()
        else:
            _ = pipeline.encoder
        return pipeline


def attempt(job: NovelJob[T], pipeline: Pipeline) -> T | Failure:
    """Run a job; return a failure that concerns its novel alone, raise any other."""
    try:
        return job.run(pipeline)
    except FATAL_ERRORS:
        raise
    except PipelineError as error:
        return Failure(str(error))
    except Exception as error:
        _log.warning("unexpected failure on %s", job.path.name, exc_info=True)
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}")
