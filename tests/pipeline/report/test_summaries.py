"""A summary is a sentence of its chunk, short, and the same on every run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Span
from pipeline.report.summaries import shorten, summarise
from tests.pipeline.report.small_world import World, make_chunks, make_novel

ROOT = Path(__file__).resolve().parents[3]


def test_summary_is_a_sentence_of_its_chunk(world: World) -> None:
    for index, summary in summarise(world.novel.text, world.chunks).items():
        sentences = [" ".join(world.novel.text[slice(*span)].split()) for span in world.chunks[index].sentences]
        assert summary in sentences


def test_summary_prefers_rare_words() -> None:
    text = "He went on and on and on. He went on. The astrolabe of Porth burned. He went on and on."
    novel = make_novel(text, body=Span(0, len(text)))
    assert summarise(text, make_chunks(novel))[0] == "The astrolabe of Porth burned."


def test_summary_covers_every_chunk(world: World) -> None:
    assert list(summarise(world.novel.text, world.chunks)) == [chunk.index for chunk in world.chunks]


def test_summary_does_not_depend_on_the_order_of_sets() -> None:
    script = (
        "from tests.pipeline.report.small_world import make_world; from pipeline.report.summaries import summarise; "
        "world = make_world(); print(summarise(world.novel.text, world.chunks))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_shorten_cuts_after_a_word() -> None:
    assert shorten("word " * 60) == "word " * 39 + "word…"


def test_shorten_cuts_a_word_without_end() -> None:
    assert shorten("a" * 500) == "a" * 199 + "…"


@given(sentence=st.text(max_size=600))
def test_shorten_gives_one_short_line_for_any_sentence(sentence: str) -> None:
    line = shorten(sentence)
    assert len(line) <= 201 and len(line.splitlines()) <= 1
