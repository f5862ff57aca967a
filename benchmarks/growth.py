"""Growth of the cost of a run with the length of the novel, the characters, the claims and the novels.

Every size is measured once, in seconds of processor time on one thread, so that other work on the machine counts
little; the exponent is the slope of a straight line through the logarithms of sizes and seconds. The encoder is random,
with vectors as wide as those of the shipped one and a fraction of its computation, so that the cost of other work shows
too: the exponents are those of the shipped one, the seconds are not.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.little_reader import save_wide_reader
from benchmarks.measurement import Measurement, slope
from benchmarks.synthetic_novel import cast, write_novel
from pipeline.config import PipelineConfig, ReadingConfig
from pipeline.engines.jobs import PipelineFactory
from pipeline.run import Pipeline

TESTS = ("tests/test_benchmarks.py",)
ALONE = True
"""Takes minutes: run only if it is named."""
MEGABYTES = (0.1, 0.2, 0.4, 0.8)
CHARACTERS = (1, 2, 4, 8)
CLAIMS = (1, 4, 16, 64)
NOVELS = (1, 2, 4, 8)
_PEOPLE = 12
_TWENTIETH, _FIFTH = 0.05, 0.2


@dataclass(frozen=True)
class Growth:
    """One quantity that grows, its sizes, and the seconds of each size."""

    what: str
    unit: str
    points: tuple[tuple[float, float], ...]

    @property
    def exponent(self) -> float:
        """The slope of the line through the logarithms, by least squares: 1 is linear, 2 quadratic."""
        return slope(self.points)

    @property
    def last(self) -> float:
        """The slope between the two largest sizes, where the fixed cost of a run counts least."""
        return slope(self.points[-2:])

    def measurements(self) -> Iterator[Measurement]:
        """Yield the points, then both exponents."""
        for size, seconds in self.points:
            yield Measurement(f"{self.what}: {size:g} {self.unit}", seconds, "s", "of processor time, one thread")
        yield Measurement(f"{self.what}: exponent", self.exponent, "", f"{len(self.points)} points, least squares")
        yield Measurement(f"{self.what}: exponent of the last step", self.last, "", "the two largest sizes")


def measure() -> Iterator[Measurement]:
    """Yield the points and exponents of all four."""
    with tempfile.TemporaryDirectory(prefix="growth") as name:
        home = Path(name)
        for growth in _grow(_open(home), home):
            yield from growth.measurements()


def _open(home: Path) -> Pipeline:
    """Return a pipeline whose models are loaded and warmed up."""
    first = write_novel(home / "First.txt", size=20_000, people=_PEOPLE)
    reader = save_wide_reader(home / "reader", first.read_text(encoding="utf-8"))
    config = PipelineConfig(reading=ReadingConfig(model_dir=str(reader), device="cpu", dtype="fp32"))
    pipeline = PipelineFactory(config, cache_dir=str(home / "cache"), threads=1, judging=True).open()
    _judge(pipeline, [first], 1)
    return pipeline


def _grow(pipeline: Pipeline, home: Path) -> Iterator[Growth]:
    def novel(megabytes: float, seed: int) -> Path:
        path = home / f"Novel {seed}.txt"
        return write_novel(path, size=int(megabytes * 1e6), people=_PEOPLE, seed=seed)

    texts, readings = list[tuple[float, float]](), list[tuple[float, float]]()
    for number, size in enumerate(MEGABYTES, start=1):
        path = novel(size, number)
        texts.append((size, _seconds(partial(pipeline.open_book, path))))
        book = pipeline.open_book(path)
        readings.append((size, _seconds(partial(pipeline.read, book))))
    both = tuple((size, text + reading) for (size, text), (_, reading) in zip(texts, readings, strict=True))
    yield Growth("length of the novel, text analysis", "MB", tuple(texts))
    yield Growth("length of the novel, reading", "MB", tuple(readings))
    yield Growth("length of the novel, both", "MB", both)
    found = list[tuple[float, float]]()
    for number, count in enumerate(CHARACTERS, start=100):
        book = pipeline.open_book(novel(_FIFTH, number))
        people = [pipeline.find_character(book, name) for name in cast(count)]
        pipeline.read(book)
        found.append((count, _seconds(partial(pipeline.read, book, people))))
    yield Growth("tracked characters, read after the novel", "characters", tuple(found))
    path = novel(_FIFTH, 200)
    _judge(pipeline, [path], 1)
    yield Growth(
        "claims on a novel already read",
        "claims",
        tuple((n, _seconds(partial(_judge, pipeline, [path], n))) for n in CLAIMS),
    )
    found, number = [], 300
    for count in NOVELS:
        paths = [novel(_TWENTIETH, number + place) for place in range(count)]
        number += count
        found.append((count, _seconds(partial(_judge, pipeline, paths, 1))))
    yield Growth("novels with a claim each, without a cache", "novels", tuple(found))


def _judge(pipeline: Pipeline, novels: Sequence[Path], claims: int) -> None:
    """Judge a number of claims about one person on each novel."""
    person = cast(1)[0]
    stated = [f"{person} had {3 + number} letters and left the ferry in 18{10 + number}." for number in range(claims)]
    for path in novels:
        book = pipeline.open_book(path)
        character = pipeline.find_character(book, person)
        pipeline.judge_backstory(book, character, " ".join(stated))


def _seconds(call: Callable[[], object]) -> float:
    """Return the seconds of processor time of a call."""
    began = time.process_time()
    call()
    return time.process_time() - began
