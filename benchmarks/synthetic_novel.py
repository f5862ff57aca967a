"""A synthetic novel of any size with a thousand people, made from a seed, for benchmarks."""

from __future__ import annotations

import random
from pathlib import Path

_FIRST = ("Anna", "Tom", "Ruth", "Jory", "Hester", "Edmund", "Clara", "Silas", "Nora", "Piers", "Agnes", "Hugh", "Ida")
_STARTS = "Bar Cald Dun El Fair Gar Hal Ing Jas Kel Lan Mor Nor Ox Pen Ro Sed Tre Ul Var Wes Yar Zel"
_ENDS = "by combe den field ford gate ham hurst kin ley low mere moor ney sey stow ton vale well wick"
_PLACES = ("the quay", "the mill", "the lower road", "the chapel yard", "the long room", "the ferry", "the lighthouse")
_VERBS = ("waited at", "walked to", "looked across", "came back from", "was seen near", "never spoke of", "had left")
_TAILS = (
    "and the rain did not stop",
    "as they had agreed in the spring of 18{year}",
    "though nobody had asked for it",
    "with a lantern and {count} letters",
    "because the tide had turned at last",
    "and said nothing, which was worse",
)


def cast(people: int) -> list[str]:
    """Return ``people`` full names, at most 1,380, each with a different surname."""
    surnames = [
        start + middle + end for middle in ("", "er", "in") for start in _STARTS.split() for end in _ENDS.split()
    ]
    return [f"{_FIRST[number % len(_FIRST)]} {surnames[number % len(surnames)]}" for number in range(people)]


def write_novel(path: Path, *, size: int, people: int = 1000, seed: int = 0) -> Path:
    """Write a novel of about ``size`` bytes in chapters; the first of the cast is in every chapter."""
    rng, names, written, chapter = random.Random(seed), cast(people), 0, 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        while written < size:
            chapter += 1
            present = [names[0], *rng.sample(names, min(12, people))]
            text = f"Chapter {chapter}. The year {1800 + chapter % 90}\n\n"
            for _ in range(60):
                text += " ".join(_sentence(rng, present) for _ in range(rng.randrange(2, 7))) + "\n\n"
            written += file.write(text)
    return path


def _sentence(rng: random.Random, present: list[str]) -> str:
    name = rng.choice(present)
    who = rng.choice([name, name, name.split()[0], f"Mr {name.split()[1]}", "He", "She"])
    tail = rng.choice(_TAILS).format(year=rng.randrange(10, 99), count=rng.randrange(2, 40))
    lead = rng.choice(["", "", "At noon ", "That year ", "For once "]) if who not in {"He", "She"} else ""
    return f"{lead}{who} {rng.choice(_VERBS)} {rng.choice(_PLACES)}, {tail}."
