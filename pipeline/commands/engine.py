"""The engine that the flags name, opened, and the novels that failed in it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeline.commands.progress import print_line, print_warning
from pipeline.commands.session import open_pipeline
from pipeline.config import ROOT, EngineConfig, PipelineConfig
from pipeline.engines.jobs import Engine, PipelineFactory
from pipeline.engines.local import LocalEngine
from pipeline.errors import SettingError
from pipeline.run import Pipeline
from pipeline.storage.cache import ENVIRONMENT
from pipeline.storage.remote import is_address, open_cache
from pipeline.text.aliases import Alias

SOME_FAILED = 3
"""The exit status of a run in which some novels failed and the others were done."""


@contextmanager
def open_engine(
    engine: EngineConfig,
    config: PipelineConfig,
    *,
    here: Callable[[], Pipeline],
    aliases: Sequence[Alias] = (),
    cache_dir: str | None = None,
    judging: bool,
) -> Iterator[Engine]:
    """Yield the engine; ``here`` opens the pipeline of this process for the engine ``local``.

    Raises SettingError where Ray is not installed, not reached, or has no room for the workers.
    """
    if engine.name == "local":
        yield LocalEngine(here())
        return
    if config.groq_tasks:
        raise SettingError(
            "Groq is one service with one limit and one tally, which many workers cannot share; use --engine local, or "
            "leave --llm and --judge groq out"
        )
    try:
        from pipeline.engines.ray import RayEngine
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise SettingError(
            "--engine ray needs Ray, which is not installed: pip install 'bdh-narrative[ray]'"
        ) from error
    factory = PipelineFactory(_placed(config), tuple(aliases), _cache_for_all(cache_dir), engine.threads or 1, judging)
    with RayEngine(factory, address=engine.address, workers=engine.workers) as opened:
        if opened.nodes > 1 and not cache_dir:
            print_warning(
                f"note: readings are cached in {factory.cache_dir} of each node; unless that is a shared folder, name "
                f"one or a store such as s3://bucket/readings with --cache_dir or {ENVIRONMENT}"
            )
        yield opened


@contextmanager
def open_judging(
    arguments: argparse.Namespace, config: PipelineConfig, engine: EngineConfig
) -> Iterator[tuple[Pipeline, Engine]]:
    """Yield the pipeline of this process with its models loaded, and the engine that judges rows."""
    with (
        open_pipeline(arguments, config) as pipeline,
        open_engine(
            engine,
            config,
            here=lambda: pipeline,
            aliases=pipeline.aliases,
            cache_dir=arguments.cache_dir,
            judging=True,
        ) as opened,
    ):
        yield pipeline, opened


def print_failed(failed: Sequence[tuple[Path, str]]) -> int:
    """List the novels that failed with their reasons; return the exit status: 3 where there are any, else 0."""
    for path, reason in failed:
        print_line(f"failed: {path.name}: {reason}")
    return SOME_FAILED if failed else 0


def _placed(config: PipelineConfig) -> PipelineConfig:
    """Return the settings with folders that mean the same on another machine; shipped ones are found by their names."""
    text, reading, retrieval, scoring = config.text, config.reading, config.retrieval, config.scoring
    return replace(
        config,
        text=replace(text, spacy_model=_place(text.spacy_model)),
        reading=replace(reading, model_dir=_place(reading.model_dir)),
        retrieval=replace(retrieval, ranker=_place(retrieval.ranker)),
        scoring=replace(scoring, verdict_dir=_place(scoring.verdict_dir), judge_dir=_place(scoring.judge_dir)),
    )


def _place(folder: str) -> str:
    path = Path(folder)
    return folder if not path.exists() or path.resolve() == (ROOT / folder).resolve() else str(path.resolve())


def _cache_for_all(cache_dir: str | None) -> str:
    """Return the place of the readings for every worker; the environment of this process counts for all."""
    place = open_cache(cache_dir or None).place
    return place if is_address(place) else str(Path(place).resolve())
