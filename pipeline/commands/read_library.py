"""``python -m pipeline read``: a whole library read into the cache, here or on a Ray cluster."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.engine import SOME_FAILED, open_engine
from pipeline.commands.progress import Library, say
from pipeline.config import EngineConfig, PipelineConfig
from pipeline.engines.jobs import Failure, Outcome, Stages
from pipeline.engines.work import NovelRead, ReadNovel
from pipeline.errors import NovelError
from pipeline.run import Pipeline
from pipeline.text.novels import list_novels


def read_library(arguments: argparse.Namespace, config: PipelineConfig, engine: EngineConfig) -> int:
    """Read every novel of the folder that the cache does not hold; return 0, or 3 where some of them failed."""
    novels = list_novels(arguments.novels_dir)
    if not novels:
        raise NovelError(f"{arguments.novels_dir} holds no .txt file; put the novels there as plain text")
    jobs = [ReadNovel(novel.resolve()) for novel in novels]
    cache_dir, found = arguments.cache_dir or None, list[Outcome[NovelRead]]()

    with Library({job.path: job.path.stat().st_size for job in jobs}) as bar:

        def here() -> Pipeline:
            return Stages(config, cache_dir=cache_dir, threads=engine.threads).open(bar.read)

        with open_engine(engine, config, here=here, cache_dir=cache_dir, judging=False) as opened:
            for outcome in opened.run(jobs):
                found.append(outcome)
                bar.finish(outcome.path, failed=isinstance(outcome.result, Failure))
    return _show(sorted(found, key=lambda outcome: outcome.number))


def _show(found: Sequence[Outcome[NovelRead]]) -> int:
    read = [outcome.result for outcome in found if isinstance(outcome.result, NovelRead)]
    failed = [(outcome.path, outcome.result.reason) for outcome in found if isinstance(outcome.result, Failure)]
    now = [novel for novel in read if novel.tokens]
    tokens = sum(novel.tokens for novel in now)
    workers = {outcome.worker for outcome in found} - {""}
    by = f" by {len(workers)} workers" if workers else ""
    say(f"{len(now)} novels read now{by} ({tokens:,} tokens), {len(read) - len(now)} were kept already")
    return say_failed(failed)


def say_failed(failed: Sequence[tuple[Path, str]]) -> int:
    """List the novels that failed with their reasons; return the exit status: 3 where there are any, else 0."""
    for path, reason in failed:
        say(f"failed: {path.name}: {reason}")
    return SOME_FAILED if failed else 0
