"""The files of a run have the shapes that readers rely on, hold what the records say, and repeat byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from pipeline.errors import OutputError
from pipeline.report.entries import state_entries
from pipeline.storage.files import write_json
from tests.pipeline.command_line import contents
from tests.pipeline.report.small_world import World, make_vector

NAMES = [
    "The Ferry.chunks.json",
    "The Ferry.states.json",
    "The Ferry.characters.json",
    "backstory.claims.json",
    "claim_chunk_pairs.json",
    "backstory_consistency.json",
    "reasoning.json",
    "report.html",
    "manifest.json",
]


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_write_verdict_writes_every_file_and_returns_it(world: World, tmp_path: Path) -> None:
    paths = world.write(tmp_path / "new")
    assert list(paths) == NAMES
    assert sorted(os.listdir(tmp_path / "new")) == sorted(NAMES)


def test_runs_that_end_at_once_in_one_folder_do_not_mix(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_slowly(path: Path, value: object) -> Path:
        time.sleep(0.002)
        return write_json(path, value)

    monkeypatch.setattr("pipeline.report.artefacts.write_json", write_slowly)
    worlds = [replace(world, verdict=replace(world.verdict, probability=0.1 * number)) for number in range(1, 9)]
    with ThreadPoolExecutor(len(worlds)) as many:
        list(many.map(lambda each: each.write(tmp_path / "one"), worlds))
    last = _load(tmp_path / "one" / "backstory_consistency.json")["probability"]
    (own,) = (each for each in worlds if each.verdict.probability == pytest.approx(last))
    own.write(tmp_path / "alone")
    assert contents(tmp_path / "one") == contents(tmp_path / "alone")


def test_chunks_hold_the_verbatim_slice(world: World, tmp_path: Path) -> None:
    chunks = _load(world.write(tmp_path)["The Ferry.chunks.json"])
    assert list(chunks) == [str(chunk.index) for chunk in world.chunks]
    for entry in chunks.values():
        assert entry["raw_text"] == world.novel.text[entry["start"] : entry["end"]]


def test_chunks_name_their_characters(world: World, tmp_path: Path) -> None:
    chunks = _load(world.write(tmp_path)["The Ferry.chunks.json"])
    for entry in chunks.values():
        assert entry["characters"] == (["Ada Vane"] if "Ada" in entry["raw_text"] else [])


def test_states_are_rounded_and_keep_mappings(world: World, tmp_path: Path) -> None:
    states = _load(world.write(tmp_path)["The Ferry.states.json"])
    assert [entry["chunk_index"] for entry in states] == [chunk.index for chunk in world.chunks]
    assert states[1]["global_state"] == [0.1235, 0.0]
    assert states[1]["bdh_char_state"] == {"Ada Vane": [1.0, 1.0]}
    assert states[0]["character_present"] == {"Ada Vane": 0 in world.cast[0].chunks}
    assert states[1]["drift"] == round(1 / 9, 6)


def test_states_never_write_a_negative_zero(world: World, tmp_path: Path) -> None:
    assert world.reading.states[0].global_vector[1] < 0
    assert not re.search(r"-0\.0\b", world.write(tmp_path)["The Ferry.states.json"].read_text(encoding="utf-8"))


def test_states_without_a_tracked_character_have_empty_mappings(world: World, tmp_path: Path) -> None:
    untracked = replace(world, reading=replace(world.reading, characters={}))
    states = _load(untracked.write(tmp_path)["The Ferry.states.json"])
    assert states[0]["bdh_char_state"] == {} and states[0]["character_present"] == {}


def test_states_that_are_no_numbers_are_an_output_error(world: World, tmp_path: Path) -> None:
    broken = replace(world.reading.states[0], global_vector=make_vector(np.nan, 0))
    reading = replace(world.reading, states=(broken, *world.reading.states[1:]))
    with pytest.raises(OutputError, match="must be finite"):
        replace(world, reading=reading).write(tmp_path)


def test_characters_count_mentions(world: World, tmp_path: Path) -> None:
    (ada,) = _load(world.write(tmp_path)["The Ferry.characters.json"])
    assert ada == {"name": "Ada Vane", "aliases": ["Ada"], "mentions": 2, "chunks": list(world.cast[0].chunks)}


def test_pairs_are_listed_by_claim_best_rank_first(world: World, tmp_path: Path) -> None:
    judged = world.verdict.claims[0]
    shuffled = replace(judged, pairs=judged.pairs[::-1])
    turned = replace(world, verdict=replace(world.verdict, claims=(shuffled,)))
    pairs = _load(turned.write(tmp_path)["claim_chunk_pairs.json"])
    assert [pair["rank"] for pair in pairs[judged.claim.id]] == [1, 2]


def test_quotations_of_pairs_are_verbatim(world: World, tmp_path: Path) -> None:
    pairs = _load(world.write(tmp_path)["claim_chunk_pairs.json"])
    for pair in (pair for listed in pairs.values() for pair in listed):
        assert pair["quotation"] == world.novel.text[pair["start"] : pair["end"]]


def test_consistency_holds_the_verdict_and_that_of_each_claim(world: World, tmp_path: Path) -> None:
    verdict = _load(world.write(tmp_path)["backstory_consistency.json"])
    assert (verdict["verdict"], verdict["probability"]) == ("inconsistent", 0.134)
    assert verdict["notices"] == ["read on the CPU", "the header was cut"]
    assert verdict["claims"][0] == {
        "id": "c-born",
        "fact_type": "place",
        "label": "supported",
        "probability": 0.25,
        "features": {"reader_odds": 0.5},
        "checks": [],
    }


def test_numbers_of_numpy_are_written_as_numbers(world: World, tmp_path: Path) -> None:
    verdict = replace(world.verdict, probability=cast(float, np.float32(0.25)), features={"worst": np.float64(0.5)})
    written = _load(replace(world, verdict=verdict).write(tmp_path)["backstory_consistency.json"])
    assert (written["probability"], written["features"]) == (0.25, {"worst": 0.5})


def test_reasoning_names_each_claim_and_the_backstory(world: World, tmp_path: Path) -> None:
    reasoning = _load(world.write(tmp_path)["reasoning.json"])
    assert set(reasoning) == {"c-born", "c-her", "backstory"}
    assert reasoning["backstory"] == "One claim fails."


def test_manifest_lists_the_other_files_with_their_sums(world: World, tmp_path: Path) -> None:
    paths = world.write(tmp_path)
    files = {file["name"]: file["sha256"] for file in _load(paths["manifest.json"])["files"]}
    assert list(files) == NAMES[:-1]
    for name, digest in files.items():
        assert hashlib.sha256(paths[name].read_bytes()).hexdigest() == digest


def test_manifest_never_holds_a_secret(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk_from_the_environment")
    settings = {"llm": {"api_key": "gsk_from_the_settings", "model": "m", "max_tokens": 9}, "hub_token": "hf_secret"}
    paths = replace(world, manifest=replace(world.manifest, settings=settings)).write(tmp_path)
    assert _load(paths["manifest.json"])["settings"] == {"llm": {"model": "m", "max_tokens": 9}}
    for path in paths.values():
        assert "gsk_" not in path.read_text(encoding="utf-8") and "hf_secret" not in path.read_text(encoding="utf-8")


def test_equal_runs_write_equal_bytes(world: World, tmp_path: Path) -> None:
    first, second = world.write(tmp_path / "a"), world.write(tmp_path / "b")
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes()


def test_second_run_replaces_the_first(world: World, tmp_path: Path) -> None:
    world.write(tmp_path)
    surer = replace(world, verdict=replace(world.verdict, probability=0.01))
    assert _load(surer.write(tmp_path)["backstory_consistency.json"])["probability"] == 0.01
    assert sorted(os.listdir(tmp_path)) == sorted(NAMES)


def test_name_with_separators_stays_inside_the_folder(world: World, tmp_path: Path) -> None:
    paths = replace(world, novel=replace(world.novel, name="../up/Ferry")).write(tmp_path / "out")
    assert all(path.parent == tmp_path / "out" for path in paths.values())
    assert os.listdir(tmp_path) == ["out"]


def test_folder_that_is_a_file_is_an_output_error(world: World, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="choose another --out_dir"):
        world.write(tmp_path / "out")


def test_states_stand_on_a_line_each(world: World, tmp_path: Path) -> None:
    lines = world.write(tmp_path)["The Ferry.states.json"].read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(world.chunks) + 2
    assert json.loads(lines[1].rstrip(","))["chunk_index"] == 0


def test_states_are_made_one_at_a_time(world: World) -> None:
    entries = state_entries(world.reading)
    assert next(entries)["chunk_index"] == 0 and isinstance(entries, Iterator)
