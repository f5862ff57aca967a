"""Memory and time of novels that are a single line: with sentence ends, without any, and without any white space.

Every size is one run of ``pipeline.py`` in its own process, without a cache, with one character tracked, with the
shipped tagger and with the rules. Text and encoder are those of ``long_novels``: the encoder is random and cheap, its
vectors as wide as those of the shipped one.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.long_novels import Run, growth, judge
from benchmarks.measurement import Measurement
from benchmarks.synthetic_novel import cast, write_novel

TESTS = ("tests/robustness/test_long_novels.py",)
ALONE = True
"""Takes an hour: run only if it is named."""
SIZES = (1, 5, 20)
TAGGERS = {"tagger": (), "rules": ("--spacy_model", "rules")}
PERSON = cast(1)[0]


def with_sentence_ends(text: str) -> str:
    """Return the text as one line."""
    return " ".join(text.split())


def without_sentence_ends(text: str) -> str:
    """Return the text as one line of words, without punctuation."""
    return " ".join(re.sub(r"[^\w\s]", "", text).split())


def without_white_space(text: str) -> str:
    """Return the text as one word, in which only the tracked character is set off by dashes and so can be found."""
    return "".join(text.replace(PERSON, f"—{PERSON.split()[0]}—").split())


KINDS: dict[str, tuple[Callable[[str], str], str]] = {
    "one line": (with_sentence_ends, PERSON),
    "one line without a sentence's end": (without_sentence_ends, PERSON),
    "one line without white space": (without_white_space, PERSON.split()[0]),
}
"""How a single line is made, and the name by which the tracked character is found in it."""


def write_line(path: Path, kind: str, *, size: int) -> Path:
    """Write a novel of exactly ``size`` characters in a single line."""
    make, _ = KINDS[kind]
    write_novel(path, size=size + size // 3)
    path.write_text(make(path.read_text(encoding="utf-8"))[:size], encoding="utf-8")
    return path


def run(kind: str, megabytes: float, flags: Sequence[str] = ()) -> Run:
    """Judge a backstory on a line of this kind and size; raises RuntimeError if that fails."""
    with tempfile.TemporaryDirectory(prefix="line") as name:
        novel = write_line(Path(name) / "Line.txt", kind, size=int(megabytes * 1e6))
        return judge(novel, KINDS[kind][1], megabytes=megabytes, flags=flags)


def measure(
    sizes: Sequence[float] = SIZES, kinds: Sequence[str] = (), taggers: Sequence[str] = ()
) -> Iterator[Measurement]:
    """Yield memory and time of every kind and size with each tagger, and the growth of the time."""
    for kind in kinds or KINDS:
        for tagger in taggers or TAGGERS:
            done: list[Run] = []
            for size in sizes:
                done.append(run(kind, size, TAGGERS[tagger]))
                how = f"{done[-1].people} people in the cast, one tracked; {done[-1].seconds:.0f} s of wall time"
                yield Measurement(f"{kind}, {tagger}, {size:g} MB, peak memory", done[-1].peak_gib, "GiB", how)
                yield Measurement(f"{kind}, {tagger}, {size:g} MB, processor time", done[-1].cpu_seconds, "s", how)
            if len(done) > 1:
                yield Measurement(f"{kind}, {tagger}, growth of the time", growth(done), "exponent", "1 is linear")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures; return 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_line", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=float, default=SIZES, help="megabytes (1 5 20)")
    parser.add_argument("--kind", action="append", choices=list(KINDS), default=[], help="only this one; repeat")
    parser.add_argument("--tagger", action="append", choices=list(TAGGERS), default=[], help="only this one; repeat")
    options = parser.parse_args(arguments)
    for measurement in measure(options.sizes, options.kind, options.tagger):
        print(f"{measurement.what}: {measurement.value:.3g} {measurement.unit} ({measurement.how})", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
