"""``python -m pipeline read``: a whole library read into the cache, here or on a Ray cluster."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.progress import LibraryProgress, print_line
from pipeline.commands.settings import engine_config, pipeline_config
from pipeline.commands.shared_flags import HYPHENS, ONE_NOVEL, CommandParser, add_places, add_settings
from pipeline.config import EngineConfig, PipelineConfig, ReadingConfig, ScoringConfig, TextConfig
from pipeline.errors import NovelError

if TYPE_CHECKING:
    from pipeline.engines.jobs import Outcome
    from pipeline.engines.work import NovelRead
    from pipeline.run import Pipeline

SUMMARY = "read a whole library into the cache, here or on a Ray cluster"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Stream every novel of a folder once through the encoder, into the cache of readings, from which every "
        "later command takes it."
    )
    parser.epilog = (
        "  python -m pipeline read --novels_dir library --cache_dir readings\n"
        "  python -m pipeline read --novels_dir library --cache_dir s3://bucket/readings --engine ray\n"
        "A cached novel is not read again: after an interruption, the same command goes on. docs/many_novels.md has\n"
        "the rest.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when every novel was read, 3 when some failed, which are listed with their reasons, 2 on an\n"
        "error that ended the run."
    )
    add_places(parser, "--novels", writes=False)
    left_out = ("uncertain_below", "judge", *ONE_NOVEL)
    add_settings(parser, TextConfig, ReadingConfig, PipelineConfig, ScoringConfig, EngineConfig, without=left_out)


def run(arguments: argparse.Namespace) -> int:
    """Read every novel of the folder that is not in the cache; return 0, or 3 where some of them failed."""
    config, engine = pipeline_config(arguments), engine_config(arguments)
    from pipeline.text.novels import list_novels

    novels = [novel.resolve() for novel in list_novels(arguments.novels_dir)]
    if not novels:
        raise NovelError(f"{arguments.novels_dir} holds no novel; docs/inputs.md lists the formats that are read")
    found = _read(novels, arguments.cache_dir or None, config, engine)
    return _show(sorted(found, key=lambda outcome: outcome.number))


def _read(
    novels: Sequence[Path], cache_dir: str | None, config: PipelineConfig, engine: EngineConfig
) -> list[Outcome[NovelRead]]:
    from pipeline.commands.engine import open_engine
    from pipeline.engines.jobs import Failure, PipelineFactory
    from pipeline.engines.work import ReadNovel
    from pipeline.text.novels import novel_size

    found = []
    with LibraryProgress({novel: novel_size(novel) for novel in novels}) as bar:

        def here() -> Pipeline:
            return PipelineFactory(config, cache_dir=cache_dir, threads=engine.threads).open(bar.read)

        with open_engine(engine, config, here=here, cache_dir=cache_dir, judging=False) as opened:
            for outcome in opened.run([ReadNovel(novel) for novel in novels]):
                found.append(outcome)
                bar.finish(outcome.path, failed=isinstance(outcome.result, Failure))
    return found


def _show(found: Sequence[Outcome[NovelRead]]) -> int:
    from pipeline.commands.engine import print_failed
    from pipeline.engines.jobs import Failure

    read = [outcome.result for outcome in found if not isinstance(outcome.result, Failure)]
    failed = [(outcome.path, outcome.result.reason) for outcome in found if isinstance(outcome.result, Failure)]
    now = [novel for novel in read if novel.tokens]
    tokens = sum(novel.tokens for novel in now)
    workers = {outcome.worker for outcome in found} - {""}
    by = f" by {len(workers)} workers" if workers else ""
    print_line(f"{len(now)} novels read now{by} ({tokens:,} tokens), {len(read) - len(now)} were cached already")
    return print_failed(failed)
