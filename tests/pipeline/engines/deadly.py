"""Jobs that kill their worker, once or always, and one that waits for a file."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.engines.work import NovelRead, ReadNovel
from pipeline.run import Pipeline


@dataclass(frozen=True)
class KilledHalfWay:
    """Read a novel; the first time the worker is killed in the middle, the second time it is not."""

    path: Path
    sign: Path

    def run(self, pipeline: Pipeline) -> NovelRead:
        """Read, or die halfway."""
        read_now = 0

        def watch(what: str, read: int, total: int) -> None:
            nonlocal read_now
            read_now += read
            if read_now > total // 2 and not self.sign.exists():
                self.sign.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)

        return ReadNovel(self.path).run(pipeline.fork(on_progress=watch))


@dataclass(frozen=True)
class AlwaysKilled:
    """Kill every worker, and leave a file for every attempt."""

    path: Path
    signs: Path

    def run(self, pipeline: Pipeline) -> NovelRead:
        """Die."""
        (self.signs / str(time.monotonic_ns())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a killed process goes no further")


@dataclass(frozen=True)
class HeldBack:
    """Read a novel once a file is there; write another file first, to show that a worker has started."""

    path: Path
    signs: Path

    def run(self, pipeline: Pipeline) -> NovelRead:
        """Wait at most 100 seconds, then read."""
        (self.signs / f"{self.path.stem}.begun").touch()
        for _ in range(1000):
            if (self.signs / "go").exists():
                return ReadNovel(self.path).run(pipeline)
            time.sleep(0.1)
        raise TimeoutError("no sign came")
