"""Memory and time of novels from 1 to 50 megabytes, a thousand people in each.

Every size is one run of ``pipeline.py`` in its own process, without a cache, with one character tracked. The encoder is
random and cheap, but its vectors are as wide as those of the shipped one, so that they take the same memory.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.little_reader import save_wide_reader
from benchmarks.measurement import Measurement, run_alone, slope
from benchmarks.synthetic_novel import cast, write_novel

TESTS = ("tests/robustness/test_long_novels.py",)
ALONE = True
"""Takes an hour: run only if it is named."""
ROOT = Path(__file__).resolve().parents[1]
SIZES = (1, 2, 5, 10, 20, 50)
_BACKSTORY = "{name} was born in the mill. {name} never spoke of the ferry. {name} had 12 letters and a lantern."


@dataclass(frozen=True)
class Run:
    """One reading: megabytes of the novel, seconds of wall and of processor time, peak memory in GiB."""

    megabytes: float
    seconds: float
    cpu_seconds: float
    peak_gib: float
    people: int


def run(megabytes: float, *, people: int = 1000) -> Run:
    """Judge a backstory on a novel of this size in its own process; raises RuntimeError if that fails."""
    with tempfile.TemporaryDirectory(prefix="long") as name:
        novel = write_novel(Path(name) / "Long.txt", size=int(megabytes * 1e6), people=people)
        return judge(novel, cast(people)[0], megabytes=megabytes)


def judge(novel: Path, person: str, *, megabytes: float, flags: Sequence[str] = ()) -> Run:
    """Judge a backstory of ``person`` with ``pipeline.py`` in its own process, without a cache, on one thread.

    The output is in the folder of the novel. Raises RuntimeError, with the end of the log, if the run fails.
    """
    folder = novel.parent
    with novel.open(encoding="utf-8") as file:
        reader = save_wide_reader(folder / "reader", file.read(200_000))
    (folder / "backstory.txt").write_text(_BACKSTORY.format(name=person), encoding="utf-8")
    inputs = ["--target_character", person, "--backstory_file", str(folder / "backstory.txt"), "--novel", str(novel)]
    places = ["--out_dir", str(folder / "out"), "--cache_dir", str(folder / "cache"), "--model_dir", str(reader)]
    machine = ["--device", "cpu", "--dtype", "fp32", "--threads", "1", *flags]
    usage = run_alone(["pipeline.py", *inputs, *places, *machine], folder / "log")
    people = json.loads((folder / "out" / f"{novel.stem}.characters.json").read_text(encoding="utf-8"))
    return Run(megabytes, usage.seconds, usage.cpu_seconds, usage.peak / 2**30, len(people))


def measure(sizes: Sequence[float] = SIZES) -> Iterator[Measurement]:
    """Yield memory and time of every size, and write a plot of them."""
    done: list[Run] = []
    for size in sizes:
        done.append(run(size))
        how = f"{done[-1].people} people in the cast, one tracked; {done[-1].seconds:.0f} s of wall time, busy machine"
        yield Measurement(f"{size:g} MB, peak memory", done[-1].peak_gib, "GiB", how)
        yield Measurement(f"{size:g} MB, processor time", done[-1].cpu_seconds, "s", how)
        picture = ROOT / "benchmarks" / "reports" / "long-novels.svg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_text(draw(done), encoding="utf-8")
    if len(done) > 1:
        yield Measurement("growth of the processor time", growth(done), "exponent", "1 is linear, 2 quadratic")


def growth(runs: Sequence[Run]) -> float:
    """Return the exponent e of time ~ size**e: the slope of the line through the logarithms of all runs."""
    return slope(_points(runs))


def _points(runs: Sequence[Run]) -> list[tuple[float, float]]:
    return [(item.megabytes, item.cpu_seconds) for item in runs]


def draw(runs: Sequence[Run]) -> str:
    """Return an SVG of memory and time over the size of the novel."""
    memory = [(item.megabytes, item.peak_gib) for item in runs]
    seconds = _points(runs)
    left = _axes(memory, x=60, title="peak memory, GiB", line="#1f5fa8")
    right = _axes(seconds, x=440, title="processor time, s", line="#a8481f")
    style = '<style>text{font:13px sans-serif;fill:#333}</style><rect width="760" height="300" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 300">{style}{left}{right}</svg>\n'


def _axes(points: Sequence[tuple[float, float]], *, x: int, title: str, line: str) -> str:
    width, height, top = 280, 200, 40
    most = (max(point[0] for point in points), max(point[1] for point in points))
    places = [(x + width * a / most[0], top + height * (1 - b / most[1])) for a, b in points]
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{line}"/>' for a, b in places)
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    frame = f'<path d="M{x} {top}V{top + height}H{x + width}" fill="none" stroke="#888"/>'
    texts = f'<text x="{x}" y="{top - 14}">{title}</text><text x="{x - 45}" y="{top + 5}">{most[1]:.3g}</text>'
    texts += f'<text x="{x - 18}" y="{top + height + 5}">0</text>'
    texts += f'<text x="{x + width - 40}" y="{top + height + 20}">{most[0]:g} MB</text>'
    return f'{frame}<polyline points="{path}" fill="none" stroke="{line}"/>{dots}{texts}'


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures; return 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_novels", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=float, default=SIZES, help="megabytes (1 2 5 10 20 50)")
    for measurement in measure(parser.parse_args(arguments).sizes):
        print(f"{measurement.what}: {measurement.value:.3g} {measurement.unit} ({measurement.how})", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
