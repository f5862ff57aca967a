"""A long novel: its memory and its time, at a size that tests can wait for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.long_novels import Run, growth
from benchmarks.one_line import KINDS, TAGGERS, write_line
from benchmarks.synthetic_novel import cast, write_novel
from pipeline.cli import judge_main
from pipeline.config import PipelineConfig, ReadingConfig
from pipeline.reading.bdh_adapter import load_encoder
from pipeline.reading.stream import Saving, Stream, stream_sentences
from pipeline.storage.cache import Arrays
from pipeline.text.characters import build_cast, find_mentions
from pipeline.text.novels import load_novel
from pipeline.text.sentences import LONGEST_SENTENCE, load_nlp, split_sentences
from tests.pipeline.command_line import run


def test_novel_of_a_thousand_people_finds_them_apart(tmp_path: Path) -> None:
    novel = load_novel(write_novel(tmp_path / "Long.txt", size=400_000))
    sentences = split_sentences(novel, load_nlp(None))
    people = build_cast(find_mentions(novel, sentences), ())
    named = {name for name in cast(1000) if name in novel.text}
    assert len(named) > 200
    found = {person.name for person in people} | {alias for person in people for alias in person.aliases}
    twice = {name for name in named if novel.text.count(name) > 1}
    assert len(twice - found) <= len(twice) // 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tagger", TAGGERS)
def test_novel_of_one_line_is_judged_through_the_whole_run(
    stand_in_reader: Path, tmp_path: Path, kind: str, tagger: str
) -> None:
    novel, (_, person) = write_line(tmp_path / "Line.txt", kind, size=20_000), KINDS[kind]
    (tmp_path / "backstory.txt").write_text(f"{person} was born in the mill.", encoding="utf-8")
    asked = ["--novel", novel, "--target_character", person, "--backstory_file", tmp_path / "backstory.txt"]
    places = ["--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache", "--model_dir", stand_in_reader]
    small = ["--top_k", 1, "--n_sent_per_chunk", 2, "--overlap", 1]
    said = run(judge_main, *asked, *places, *TAGGERS[tagger], "--device", "cpu", "--dtype", "fp32", *small)
    assert said.status == 0, said.err
    text = novel.read_text(encoding="utf-8")
    assert len(text) == 20_000 and "\n" not in text
    chunks = json.loads((tmp_path / "out" / "Line.chunks.json").read_text(encoding="utf-8"))
    assert all(chunk["raw_text"] == text[chunk["start"] : chunk["end"]] for chunk in chunks.values())
    assert max(len(chunk["raw_text"]) for chunk in chunks.values()) <= 2 * (LONGEST_SENTENCE + 1)
    (pairs,) = json.loads((tmp_path / "out" / "claim_chunk_pairs.json").read_text(encoding="utf-8")).values()
    assert [pair["quotation"] for pair in pairs] == [text[pair["start"] : pair["end"]] for pair in pairs]


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_growth_is_the_exponent_of_the_time(exponent: float) -> None:
    runs = [Run(size, 0.0, 3.0 * size**exponent, 1.0, 1) for size in (1, 2, 5, 20)]
    assert growth(runs) == pytest.approx(exponent)


def test_chapter_of_a_place_is_the_last_that_began(tmp_path: Path) -> None:
    novel = load_novel(write_novel(tmp_path / "Long.txt", size=120_000))
    assert len(novel.chapters) > 5
    for chapter in novel.chapters:
        assert novel.chapter_at(chapter.start) == chapter.number
        assert novel.chapter_at(chapter.end - 1) == chapter.number
        assert novel.chapter_at(chapter.start - 1) == chapter.number - 1


def _place(stream: Stream) -> int:
    return sum(array.nbytes for array in stream.to_arrays().values())


def test_kept_place_grows_with_what_was_read_and_not_with_the_novel(
    stand_in_reader: Path, stand_in_config: PipelineConfig
) -> None:
    encoder = load_encoder(stand_in_config.reading, folder=stand_in_reader)
    stream = Stream(encoder, ["A short sentence. "] * 20_000, segment=64)
    stream.advance()
    first = _place(stream)
    for _ in range(19):
        stream.advance()
    assert first < _place(stream) < first + 20 * 64 * 8
    assert sum(value.nbytes for value in (stream.finish().hidden, stream.finish().tokens)) < 20_000 * (16 * 2 + 8 + 1)


def test_reading_that_keeps_its_place_slowly_keeps_it_more_rarely(
    stand_in_reader: Path, stand_in_config: PipelineConfig, monkeypatch: object
) -> None:
    """A place that takes a second to keep is kept at most every twenty seconds, whatever was asked for."""
    encoder = load_encoder(ReadingConfig(str(stand_in_reader), "cpu", "fp32"), folder=stand_in_reader)
    now, kept = 0.0, []

    def clock() -> float:
        return now

    def store(place: Arrays) -> None:
        nonlocal now
        kept.append((now, int(place["done"])))
        now += 1.0

    def read(done: int, total: int) -> None:
        nonlocal now
        now += 1.0

    monkeypatch.setattr("pipeline.reading.stream.time.monotonic", clock)  # type: ignore[attr-defined]
    reading = stream_sentences(
        encoder, ["A short sentence. "] * 200, segment=64, started=None, saving=Saving(store, 2.0), on_progress=read
    )
    assert np.diff([moment for moment, _ in kept]).min() >= 20.0
    assert len(kept) == 3 and len(reading.tokens) == 200
