"""Flags to settings, commands run, errors to one clear line and exit status 2.

The commands bring torch, spaCy and pandas with them, which take seconds: each is imported once the flags are good.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence

from pipeline.config import PipelineConfig
from pipeline.errors import PipelineError, SettingError
from pipeline.flag_values import engine_settings, parse, settings
from pipeline.flags import dataset_parser, judge_parser, tools_parser

_PIPE_CLOSED = 141
"""128 + SIGPIPE: what a shell reports of a command whose reader has left."""

_LESS_MEMORY = "close other programs, or use --device cpu for a full GPU, and run the same command again to go on"


def judge_main(argv: Sequence[str] | None = None) -> int:
    """Run ``pipeline.py``; return 0 when a verdict was reached (or what ``--exit_code`` says), 2 on an error."""

    def run() -> int:
        arguments = parse(judge_parser(), argv)
        config = settings(arguments)
        from pipeline.commands.judge import judge

        return judge(arguments, config)

    return _guarded(run)


def dataset_main(argv: Sequence[str] | None = None) -> int:
    """Run ``run_dataset.py``; return 0 when predictions were written, 2 on an error."""

    def run() -> int:
        arguments = parse(dataset_parser(), argv)
        config, engine = settings(arguments), engine_settings(arguments)
        if arguments.stream:
            from pipeline.commands.dataset_stream import run_stream

            return run_stream(arguments, config, engine)
        from pipeline.commands.dataset import run_dataset

        return run_dataset(arguments, config, engine)

    return _guarded(run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``python -m pipeline``; return 0, or 2 on an error."""

    def run() -> int:
        arguments = parse(tools_parser(), argv)
        if arguments.command == "serve":
            config = settings(arguments)
            return _import_serve()(arguments, config)
        if arguments.command == "cache":
            from pipeline.commands.cache import manage_cache

            return manage_cache(arguments)
        if arguments.command == "evaluate-claims":
            config = settings(arguments)
            from pipeline.commands.evaluate_claims import evaluate_claims

            return evaluate_claims(arguments, config)
        if arguments.command == "read":
            config, engine = settings(arguments), engine_settings(arguments)
            from pipeline.commands.read_library import read_library

            return read_library(arguments, config, engine)
        if arguments.command == "controls":
            config = settings(arguments)
            from pipeline.commands.controls import run_controls

            return run_controls(arguments, config)
        if arguments.command == "train-reader":
            from pipeline.commands.train_reader import train_reader

            return train_reader(arguments)
        from pipeline.commands.characters import list_characters

        return list_characters(arguments)

    return _guarded(run)


def _import_serve() -> Callable[[argparse.Namespace, PipelineConfig], int]:
    """Return the command of the local page, whose libraries are optional."""
    try:
        from pipeline.serve.server import serve
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in {"flask", "waitress", "mammoth", "fast_ebook"}:
            raise SettingError(
                f"the local page needs {error.name}, which is not installed; install it: pip install -e '.[serve]'"
            ) from error
        raise
    return serve


def _guarded(run: Callable[[], int]) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to lose a verdict
    try:
        return run()
    except PipelineError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # Whoever read the lines has seen enough; without this Python complains when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}; check the paths and flags given")
    except (MemoryError, RuntimeError) as error:
        from pipeline.device import lack_of_memory

        said = lack_of_memory(error, _LESS_MEMORY)
        if said is None:
            raise
        return _fail(said)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on from the last saved place", file=sys.stderr)
        return 130


def _fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2
