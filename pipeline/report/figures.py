"""The geometry of the page's figures: numbers for inline SVG, no markup.

Positions in the book are percentages of its body, so that the drawing stretches with the page while its text and marks
keep their size. Numbers are rounded, so that equal runs draw equal figures.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.records import Chunk, Novel, PairLabel
from pipeline.states import CharacterState, Reading

_BARS = 200
_POINTS = 300
_CHAPTER_LABELS = 8
# Closer than this share of the width, two labels would touch on a phone.
_LABEL_ROOM = 8.0


@dataclass(frozen=True)
class Bar:
    """A slice of the book and the share, in percent, of its chunks that name the character."""

    x: float
    width: float
    height: float


@dataclass(frozen=True)
class Tick:
    """Where a chapter begins; ``label`` is empty where there is no room for one."""

    x: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A passage on a figure: its position, its label, and the anchor of its text on the page."""

    x: float
    label: PairLabel
    anchor: str
    description: str


@dataclass(frozen=True)
class Curve:
    """A line over the book: an SVG path in a box 1000 wide and 100 high, and the values at its bottom and top."""

    title: str
    explanation: str
    path: str
    low: str
    high: str


def percent_through(novel: Novel, offset: float) -> float:
    """Return how far through the body of ``novel`` an offset is, in percent from 0 to 100."""
    length = max(novel.body.end - novel.body.start, 1)
    return round(min(max(100 * (offset - novel.body.start) / length, 0.0), 100.0), 2)


def presence_bars(novel: Novel, chunks: Sequence[Chunk], present: Collection[int]) -> tuple[Bar, ...]:
    """Return the slices of the book that name the character; ``present`` are indices of chunks."""
    width = 100 / _BARS
    total, named = [0] * _BARS, [0] * _BARS
    for chunk in chunks:
        slot = min(int(percent_through(novel, (chunk.start + chunk.end) / 2) / width), _BARS - 1)
        total[slot] += 1
        named[slot] += chunk.index in present
    return tuple(
        Bar(round(slot * width, 2), round(width, 2), round(100 * named[slot] / total[slot], 1))
        for slot in range(_BARS)
        if named[slot]
    )


def chapter_ticks(novel: Novel) -> tuple[Tick, ...]:
    """Return a tick for each chapter, about eight of them with the chapter's number."""
    step = _round_step(len(novel.chapters) / _CHAPTER_LABELS)
    ticks: list[Tick] = []
    labelled = -_LABEL_ROOM
    for chapter in novel.chapters:
        x = percent_through(novel, chapter.start)
        fits = (chapter.number - 1) % step == 0 and x - labelled >= _LABEL_ROOM
        labelled = x if fits else labelled
        ticks.append(Tick(x, str(chapter.number) if fits else ""))
    return tuple(ticks)


def reading_curves(novel: Novel, chunks: Sequence[Chunk], reading: Reading) -> tuple[Curve, ...]:
    """Return the curves of surprisal and drift; none for an empty reading."""
    places = _places(novel, chunks, reading)
    if not places:
        return ()
    surprisal = [state.surprisal for state in reading.states]
    drift = [state.drift for state in reading.states]
    return (
        _curve("Surprisal", "bits per byte: how unexpected the text was for the language model", places, surprisal),
        _curve("Drift", "how much the state of the language model changed from one chunk to the next", places, drift),
    )


def memory_curves(novel: Novel, chunks: Sequence[Chunk], reading: Reading) -> dict[str, Curve]:
    """Return for each tracked character the curve of the drift of its own state; none for an empty reading."""
    places = _places(novel, chunks, reading)
    explanation = "how much the state changed when only this character's passages are read"
    return {
        name: _curve(f"Drift for {name}", explanation, places, _movement(own))
        for name, own in reading.characters.items()
        if places
    }


def chunks_a_point(reading: Reading) -> int:
    """Return how many neighbouring chunks are averaged in a point of a curve."""
    return max(math.ceil(len(reading.states) / _POINTS), 1)


def _places(novel: Novel, chunks: Sequence[Chunk], reading: Reading) -> list[float]:
    starts = {chunk.index: percent_through(novel, chunk.start) for chunk in chunks}
    return [starts[state.chunk_index] for state in reading.states]


def _round_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is at least ``least``."""
    power = 1
    while 5 * power < least:
        power *= 10
    return next(step for step in (power, 2 * power, 5 * power) if step >= least)


def _curve(title: str, explanation: str, places: Sequence[float], values: Sequence[float]) -> Curve:
    x, y = _averaged(places), _averaged(values)
    low, high = min(y), max(y)
    height = (high - low) or 1.0
    points = (f"{10 * at:.1f},{100 - 100 * (value - low) / height:.1f}" for at, value in zip(x, y, strict=True))
    return Curve(title, explanation, "M" + " L".join(points), f"{low:.3g}", f"{high:.3g}")


def _averaged(values: Sequence[float]) -> list[float]:
    """Return at most 300 means of neighbouring values."""
    bins = np.array_split(np.asarray(values, dtype=np.float64), min(_POINTS, len(values)))
    return [float(part.mean()) for part in bins]


def _movement(own: Sequence[CharacterState]) -> list[float]:
    """Return the cosine distance of each vector from the previous one; 0 for the first and after a zero vector."""
    return [0.0, *(_cosine_distance(before, after) for before, after in pairwise(own))]


def _cosine_distance(before: CharacterState, after: CharacterState) -> float:
    first, second = before.vector.astype(np.float64), after.vector.astype(np.float64)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return max(1 - float(first @ second) / length, 0.0) if length else 0.0
