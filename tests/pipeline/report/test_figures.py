"""Figures stand where the book says, inside their frame, with few enough points to draw."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Chapter, Chunk, Novel, Span
from pipeline.report.figures import (
    chapter_ticks,
    chunks_a_point,
    memory_curves,
    percent_through,
    presence_bars,
    reading_curves,
)
from pipeline.states import CharacterState, ChunkState, Reading
from tests.pipeline.report.small_world import World, make_vector


def _book(length: int, chapters: int = 0) -> Novel:
    parts = tuple(Chapter(n + 1, "", n * length // chapters, (n + 1) * length // chapters) for n in range(chapters))
    return Novel("B", "b.txt", "", Span(0, length), parts, "utf-8", "0" * 64)


def _chunks(count: int) -> tuple[Chunk, ...]:
    return tuple(Chunk(n, 10 * n, 10 * n + 10, 0, n, (Span(10 * n, 10 * n + 10),)) for n in range(count))


def _reading(values: list[float]) -> Reading:
    vector = make_vector(1, 0)
    return Reading(tuple(ChunkState(n, vector, vector, value, 0.1, 1.0, value) for n, value in enumerate(values)))


def _points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def test_along_counts_from_the_body(world: World) -> None:
    body = world.novel.body
    assert [percent_through(world.novel, place) for place in (0, body.start, body.end)] == [0.0, 0.0, 100.0]
    assert percent_through(world.novel, (body.start + body.end) / 2) == 50.0


def test_presence_bars_show_the_share_of_chunks_that_name_the_character() -> None:
    bars = presence_bars(_book(4000), _chunks(400), {0, 2, 3})
    assert [(bar.x, bar.height) for bar in bars] == [(0.0, 50.0), (0.5, 100.0)]


def test_presence_of_nobody_has_no_bars() -> None:
    assert presence_bars(_book(4000), _chunks(400), ()) == ()


def test_every_chapter_has_a_tick_and_few_have_labels() -> None:
    ticks = chapter_ticks(_book(117_000, chapters=117))
    assert len(ticks) == 117
    assert [tick.label for tick in ticks if tick.label] == ["1", "21", "41", "61", "81", "101"]


@given(chapters=st.integers(1, 400))
def test_labels_of_chapters_never_touch(chapters: int) -> None:
    places = [tick.x for tick in chapter_ticks(_book(100_000, chapters=chapters)) if tick.label]
    assert places[0] == 0.0
    assert all(after - before >= 8 for before, after in pairwise(places))


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=700))
def test_curve_stays_in_its_frame_for_any_values(values: list[float]) -> None:
    curve = reading_curves(_book(10 * len(values)), _chunks(len(values)), _reading(values))[0]
    points = _points(curve.path)
    assert len(points) == min(len(values), 300)
    assert all(0 <= x <= 1000 and 0 <= y <= 100 for x, y in points)


def test_curve_names_its_bounds() -> None:
    curve = reading_curves(_book(30), _chunks(3), _reading([2.0, 1.0, 1.5]))[0]
    assert (curve.low, curve.high) == ("1", "2")
    assert [y for _, y in _points(curve.path)] == [0.0, 100.0, 50.0]


def test_empty_reading_has_no_curves() -> None:
    assert reading_curves(_book(30), (), Reading(())) == ()
    assert memory_curves(_book(30), (), replace(Reading(()), characters={"Ada": ()})) == {}


def test_tracked_character_has_a_curve_of_its_own() -> None:
    vectors = [make_vector(0, 0), make_vector(1, 0), make_vector(0, 1), make_vector(0, 1)]
    own = tuple(CharacterState(n, vector, True) for n, vector in enumerate(vectors))
    reading = replace(_reading([1.0] * 4), characters={"Ada": own})
    curve = memory_curves(_book(40), _chunks(4), reading)["Ada"]
    assert curve.title == "Drift for Ada"
    assert [y for _, y in _points(curve.path)] == [100.0, 100.0, 0.0, 100.0]


def test_chunks_a_point_counts_what_is_averaged() -> None:
    assert [chunks_a_point(_reading(list(np.zeros(n)))) for n in (1, 300, 301, 6998)] == [1, 1, 2, 24]
