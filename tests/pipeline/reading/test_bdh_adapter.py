"""Any model folder that ``bdh.load`` reads can encode novels: here one with the neuro variant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import bdh
from bdh.evaluation import stream_losses
from pipeline.cli import judge_main
from pipeline.config import ReadingConfig
from pipeline.reading.bdh_adapter import load_encoder
from pipeline.reading.encoder import Encoder
from pipeline.reading.novel_encoder import NovelEncoder
from pipeline.reading.stream import Stream
from pipeline.storage.cache import ReadingCache
from tests.pipeline.command_line import run
from tests.pipeline.reading.conftest import Story, same_readings

TEXTS = ("\n\nAnna kept the ferry.", " Tom came late.", "\n\nIt rained for eleven days.")


class StoppedError(Exception):
    """Ends a reading in the middle."""


@pytest.fixture
def neuro(neuro_folder: Path, tmp_path: Path) -> NovelEncoder:
    """The neuro model with an empty cache."""
    config = ReadingConfig(str(neuro_folder), "cpu", "fp32", segment=64, save_every_seconds=0)
    return NovelEncoder(load_encoder(config, folder=neuro_folder), ReadingCache(tmp_path / "cache"), config)


def finish(stream: Stream) -> dict[str, object]:
    while stream.done < stream.total:
        stream.advance()
    return {name: array.tolist() for name, array in stream.finish().to_arrays().items()}


def test_neuro_surprisal_and_vectors_are_those_of_the_whole_text(neuro: NovelEncoder, neuro_folder: Path) -> None:
    model, _ = bdh.load(neuro_folder)
    tokens = np.frombuffer("".join(TEXTS).encode(), np.uint8).astype(np.int32)
    losses = stream_losses(model, [tokens], segment=11)[0].astype(np.float64)
    ends = np.cumsum([len(text.encode()) for text in TEXTS])
    expected = [part.sum() for part in np.split(np.concatenate([[np.log(256)], losses]), ends[:-1])]
    hidden = model(torch.from_numpy(tokens)[None]).hidden[0].detach().numpy()
    stream = Stream(neuro.encoder, TEXTS, segment=7)
    finish(stream)
    reading = stream.finish()
    assert reading.nats == pytest.approx(expected, abs=1e-3)
    assert reading.hidden[1] == pytest.approx(hidden[ends[0] : ends[1]].mean(axis=0), abs=2e-3)
    assert (reading.norm > 0).all() and ((reading.activity > 0) & (reading.activity < 1)).all()


@pytest.mark.parametrize("stop", [0, 1, 4, 8])
def test_neuro_stream_goes_on_as_if_never_stopped(neuro: NovelEncoder, stop: int) -> None:
    whole, stopped, resumed = (Stream(neuro.encoder, TEXTS, segment=7) for _ in range(3))
    for _ in range(stop):
        stopped.advance()
    assert resumed.restore({name: array.copy() for name, array in stopped.to_arrays().items()})
    assert finish(resumed) == finish(whole)


def test_neuro_reading_that_was_interrupted_equals_one_that_was_not(
    neuro: NovelEncoder, story: Story, tmp_path: Path
) -> None:
    def stop_late(name: str, read: int, total: int) -> None:
        if name == "Anna Reed":
            raise StoppedError

    chunks = story.chunks[:5]
    anna = replace(story.anna, chunks=tuple(number for number in story.anna.chunks if number < len(chunks)))
    stopped = replace(neuro, cache=ReadingCache(tmp_path / "stopped"), on_progress=stop_late)
    with pytest.raises(StoppedError):
        stopped.read(story.novel, chunks, [anna])
    resumed = replace(stopped, on_progress=neuro.on_progress).read(story.novel, chunks, [anna])
    assert same_readings(resumed, neuro.read(story.novel, chunks, [anna]))


def test_stream_is_not_restored_from_the_state_of_another_variant(neuro: NovelEncoder, encoder: Encoder) -> None:
    stream = Stream(neuro.encoder, TEXTS, segment=7)
    assert not stream.restore(Stream(encoder, TEXTS, segment=7).to_arrays())
    assert stream.done == 0


def test_neuro_model_folder_judges_a_backstory_through_the_whole_run(
    neuro_folder: Path, shelf: Path, tmp_path: Path
) -> None:
    (tmp_path / "backstory.txt").write_text("Anna Reed kept the ferry for twenty years.", encoding="utf-8")
    places = ["--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "readings", "--model_dir", neuro_folder]
    first, _ = (shelf / "Low Water.txt").read_text(encoding="utf-8").split("Chapter 2.")
    (tmp_path / "Low Water.txt").write_text(first, encoding="utf-8")
    novel = ["--novel", tmp_path / "Low Water.txt", "--target_character", "Anna Reed"]
    settings = ["--backstory_file", tmp_path / "backstory.txt", "--judge", "heuristic", "--spacy_model", "rules"]
    finished = run(judge_main, *novel, *places, *settings, "--device", "cpu", "--dtype", "fp32")
    assert finished.status == 0, finished.err
    states = json.loads((tmp_path / "out" / "Low Water.states.json").read_text(encoding="utf-8"))
    assert {len(state["global_state"]) for state in states} == {16}
    assert all(state["surprisal"] > 0 and state["state_norm"] > 0 for state in states)
