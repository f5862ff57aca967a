"""Run commands, and answer every error with one clear line and an exit status."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence

from bdh.processor import sleep_while_waiting
from pipeline.commands.catalogue import INSTALLED, PROGRAM, run_command
from pipeline.commands.progress import print_warning
from pipeline.errors import PipelineError

ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
"""Exit statuses; the last two are what a shell reports of a command that SIGINT or SIGPIPE ended."""

_LESS_MEMORY = "close other programs, or use --device cpu for a full GPU, and run the same command again to go on"


def judge_main(argv: Sequence[str] | None = None) -> int:
    """Run ``pipeline.py``; return 0 when a verdict was reached (or as ``--exit_code`` has it), 2 on an error."""
    return main(["judge", *_words(argv)])


def dataset_main(argv: Sequence[str] | None = None) -> int:
    """Run ``run_dataset.py``; return 0 when predictions were written, 2 on an error."""
    return main(["dataset", *_words(argv)])


def novel_check(argv: Sequence[str] | None = None) -> int:
    """Run ``novel-check``, the command of the installed package; return the exit status."""
    return main(argv, program=INSTALLED)


def main(argv: Sequence[str] | None = None, *, program: str = PROGRAM) -> int:
    """Run ``python -m pipeline``; return the exit status of the command, or 2 on an error."""
    sleep_while_waiting()  # torch is not loaded yet
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a letter must not lose a verdict
    try:
        return run_command(_words(argv), program=program)
    except PipelineError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # Nobody reads the lines any more; without this Python complains when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}; check the paths and flags given")
    except (MemoryError, RuntimeError) as error:
        from pipeline.device import lack_of_memory

        message = lack_of_memory(error, _LESS_MEMORY)
        if message is None:
            raise
        return _fail(message)
    except KeyboardInterrupt:
        print_warning("interrupted; run the same command again to go on from the last saved place")
        return INTERRUPTED


def _words(argv: Sequence[str] | None) -> Sequence[str]:
    return sys.argv[1:] if argv is None else argv


def _fail(message: str) -> int:
    print_warning(f"error: {' '.join(message.split())}")
    return ERROR
