"""Differences of the artefacts between thread counts and precisions, with the shipped models.

The bundled story is judged without a cache: in fp32 and bf16, on one thread, on two, and once more on one. Every number
of every artefact but the manifest is compared, and every other value (labels, ids, quotations, order) that differs is
counted. To compare two machines, store the artefacts of each (``python -m benchmarks.determinism --judge FOLDER``) and
compare the folders on either (``--compare ONE OTHER``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measurement import Measurement

TESTS = ("tests/robustness/test_determinism.py",)
ALONE = True
"""Reads a novel with the shipped encoder six times: run only if it is named."""
ROOT = Path(__file__).resolve().parents[1]
STORY = ("--target_character", "Hester Lanyon", "--novel", "The Unlit Hour")
BACKSTORY = ROOT / "examples" / "backstory_inconsistent.txt"
RUNS = {
    "fp32, one thread": ("fp32", 1),
    "fp32, one thread again": ("fp32", 1),
    "fp32, two threads": ("fp32", 2),
    "bf16, one thread": ("bf16", 1),
    "bf16, one thread again": ("bf16", 1),
    "bf16, two threads": ("bf16", 2),
}
PAIRS = (
    ("fp32, one thread", "fp32, one thread again"),
    ("bf16, one thread", "bf16, one thread again"),
    ("fp32, one thread", "fp32, two threads"),
    ("bf16, one thread", "bf16, two threads"),
    ("fp32, one thread", "bf16, one thread"),
)


@dataclass
class Difference:
    """The difference of two runs: how many numbers were compared, the largest difference by field, other changes.

    The difference of numbers above 1, such as the norm of the memory, is relative to the number.
    """

    numbers: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)

    def look(self, one: object, other: object, where: str) -> None:
        """Compare two values of one field; the numbers of a list count as one field."""
        if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            for name in one:
                self.look(one[name], other[name], where if _NAMED.fullmatch(name) else f"{where}/{name}")
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            for first, second in zip(one, other, strict=True):
                self.look(first, second, where)
        elif isinstance(one, float) and isinstance(other, float):
            self.numbers += 1
            scale = max(abs(one), 1.0)
            self.largest[where] = max(self.largest.get(where, 0.0), abs(one - other) / scale)
        elif one != other:
            self.changed[where] = self.changed.get(where, 0) + 1


_NAMED = re.compile(r"Hester Lanyon|c\d+-[0-9a-f]{8}|support|contradict|irrelevant")
"""Keys that are not fields: the name of a character, the id of a claim, a label."""


def judge(folder: Path, dtype: str, threads: int, device: str = "cpu") -> Path:
    """Judge the backstory without a cache in its own process; return its artefacts' folder; raises RuntimeError."""
    places = ["--out_dir", str(folder / "out"), "--cache_dir", str(folder / "cache")]
    machine = ["--device", device, "--dtype", dtype, "--threads", str(threads)]
    command = [sys.executable, "pipeline.py", *STORY, "--backstory_file", str(BACKSTORY), *places, *machine]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the run ended with {done.returncode}: {done.stderr[-500:]}")
    return folder / "out"


def compare(one: Path, other: Path) -> Difference:
    """Compare the JSON artefacts of two runs without the manifest, which describes how each was made."""
    found = Difference()
    for path in sorted(one.rglob("*.json")):
        if path.name != "manifest.json":
            name = path.relative_to(one).parts[-1]
            read = [json.loads((root / path.relative_to(one)).read_text(encoding="utf-8")) for root in (one, other)]
            found.look(read[0], read[1], name)
    return found


def equal_bytes(one: Path, other: Path) -> tuple[int, int]:
    """Return how many files of two runs have equal bytes, and how many there are."""
    files = [path.relative_to(one) for path in sorted(one.rglob("*")) if path.is_file()]
    return sum((one / name).read_bytes() == (other / name).read_bytes() for name in files), len(files)


def measure() -> Iterator[Measurement]:
    """Yield for each pair of runs the equal files, the largest difference of each field, and other changes."""
    with tempfile.TemporaryDirectory(prefix="same") as ground:
        runs = {name: judge(Path(ground) / str(n), *how) for n, (name, how) in enumerate(RUNS.items())}
        for one, other in PAIRS:
            yield from differences(f"{one} against {other.removeprefix(one).strip() or other}", runs[one], runs[other])


def differences(what: str, one: Path, other: Path) -> Iterator[Measurement]:
    """Yield the equal files of two folders, the largest difference of each field, and other changes."""
    same, files = equal_bytes(one, other)
    found = compare(one, other)
    yield Measurement(f"{what}: files of equal bytes", same, f"of {files}", "all artefacts, manifest too")
    for where, most in sorted(found.largest.items(), key=lambda item: -item[1]):
        if most:
            yield Measurement(
                f"{what}: largest difference", most, "", f"{where}; {found.numbers} numbers compared in all"
            )
    changed = ", ".join(f"{where} ({count})" for where, count in sorted(found.changed.items()))
    yield Measurement(f"{what}: other values that differ", sum(found.changed.values()), "", changed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Store the artefacts of one run, or compare two runs, or do all of it on this machine; return 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.determinism", description=__doc__)
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="judge once and store artefacts and cache here")
    parser.add_argument("--device", default="cpu", help="of --judge: cpu or cuda (cpu)")
    parser.add_argument("--dtype", default="fp32", help="of --judge: fp32 or bf16 (fp32)")
    parser.add_argument("--threads", type=int, default=1, help="of --judge (1)")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="FOLDER", help="compare the artefacts of two runs")
    options = parser.parse_args(arguments)
    if options.judge:
        print(judge(options.judge, options.dtype, options.threads, options.device))
        return 0
    pair = options.compare
    found = differences(f"{pair[0].name} against {pair[1].name}", *(at / "out" for at in pair)) if pair else measure()
    for measurement in found:
        print(f"{measurement.what}: {measurement.value:.3g} {measurement.unit} ({measurement.how})", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
