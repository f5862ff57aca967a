"""The verdict that is read back from artefacts is the one that was written, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.changes import summarise_answer
from pipeline.report.entries import answer_entry
from pipeline.report.stored import load_summary
from tests.pipeline.report.small_world import World


def test_stored_verdict_is_the_one_that_was_written(world: World, tmp_path: Path) -> None:
    world.write(tmp_path)
    assert load_summary(tmp_path, novel="The Ferry", character="Ada Vane") == summarise_answer(
        answer_entry(world.novel, world.verdict, ())
    )


def test_verdict_on_another_character_or_novel_is_none(world: World, tmp_path: Path) -> None:
    world.write(tmp_path)
    assert load_summary(tmp_path, novel="The Ferry", character="Tom Hale") is None
    assert load_summary(tmp_path, novel="Low Water", character="Ada Vane") is None
    assert load_summary(tmp_path / "nowhere", novel="The Ferry", character="Ada Vane") is None


@pytest.mark.parametrize("name", ["backstory.claims.json", "claim_chunk_pairs.json", "backstory_consistency.json"])
def test_files_of_two_runs_are_no_verdict(name: str, world: World, tmp_path: Path) -> None:
    world.write(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert load_summary(tmp_path, novel="The Ferry", character="Ada Vane") is None


@pytest.mark.parametrize("manifest", ["{", "[]", '{"files": 3}', '{"files": [{"sum": ""}]}'])
def test_damaged_manifest_is_no_verdict(manifest: str, world: World, tmp_path: Path) -> None:
    world.write(tmp_path)
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    assert load_summary(tmp_path, novel="The Ferry", character="Ada Vane") is None
