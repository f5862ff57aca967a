"""What is written fits its schema, and docs/outputs.md names every field of every schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.records import Span
from pipeline.report.dataset_evidence import write_dataset_evidence
from pipeline.report.resources import read_schema, schema_names
from tests.pipeline.report.small_world import World, make_row

SCHEMA_OF = {
    "The Ferry.chunks.json": "chunks",
    "The Ferry.states.json": "states",
    "The Ferry.characters.json": "characters",
    "backstory.claims.json": "claims",
    "claim_chunk_pairs.json": "pairs",
    "backstory_consistency.json": "consistency",
    "reasoning.json": "reasoning",
    "manifest.json": "manifest",
}
UNCHECKED = ("report.html", "train_metrics.json", "test_predictions.csv", "The Ferry.waivers.json")
OUTPUTS = Path(__file__).resolve().parents[3] / "docs" / "outputs.md"


def _check(schema: str, path: Path) -> None:
    Draft202012Validator(read_schema(schema)).validate(json.loads(path.read_text(encoding="utf-8")))


def _fields(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _fields(inner)


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield from [schema] if "properties" in schema else []
        for inner in schema.values():
            yield from _objects(inner)


def _section(schema: str) -> str:
    parts = re.split(r"^### ", OUTPUTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = [part for part in parts if f"Schema: `{schema}.json`" in part]
    return found


@pytest.mark.parametrize("name", SCHEMA_OF)
def test_written_file_fits_its_schema(world: World, tmp_path: Path, name: str) -> None:
    _check(SCHEMA_OF[name], world.write(tmp_path)[name])


@pytest.mark.parametrize("name", SCHEMA_OF)
def test_hostile_text_fits_the_schema_too(hostile: World, tmp_path: Path, name: str) -> None:
    suffix = name.removeprefix("The Ferry")
    (path,) = [path for written, path in hostile.write(tmp_path).items() if written.endswith(suffix)]
    _check(SCHEMA_OF[name], path)


def test_decisive_words_and_waivers_fit_their_schemas_too(world: World, tmp_path: Path) -> None:
    judged = world.verdict.claims[0]
    pair = replace(judged.pairs[0], decisive=(Span(3, 7),))
    claim = replace(judged, pairs=(pair,), waiver="intended")
    written = replace(world, verdict=replace(world.verdict, claims=(claim,))).write(tmp_path)
    for name in ("claim_chunk_pairs.json", "backstory_consistency.json"):
        _check(SCHEMA_OF[name], written[name])
    pairs = json.loads(written["claim_chunk_pairs.json"].read_text(encoding="utf-8"))
    assert pairs[judged.claim.id][0]["decisive"] == [[3, 7]]


def test_dataset_files_fit_their_schemas(world: World, tmp_path: Path) -> None:
    rows = (make_row(world, "1", given_label="inconsistent"), make_row(world, "2"))
    figure = {"value": 0.5, "low": 0.4, "high": None}
    train, test, metrics, manifest = write_dataset_evidence(
        tmp_path,
        train=rows,
        test=rows[1:],
        metrics={"rows": 2, "figures": {"auc": figure}},
        novels={},
        manifest=world.manifest,
    )
    for path, schema in ((train, "evidence"), (test, "evidence"), (metrics, "metrics"), (manifest, "manifest")):
        _check(schema, path)


@pytest.mark.parametrize("name", schema_names())
def test_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(read_schema(name))


@pytest.mark.parametrize("name", schema_names())
def test_schema_describes_every_field(name: str) -> None:
    for described in _objects(read_schema(name)):
        bare = [field for field, about in described["properties"].items() if "description" not in about]
        assert not bare or set(bare) == {"support", "contradict", "irrelevant"}


@pytest.mark.parametrize("name", schema_names())
def test_outputs_page_names_every_field(name: str) -> None:
    section = _section(name)
    missing = {field for field in _fields(read_schema(name)) if f"`{field}`" not in section}
    assert not missing, f"docs/outputs.md does not name {sorted(missing)} in the section of {name}.json"


@pytest.mark.parametrize("name", [*SCHEMA_OF, *UNCHECKED])
def test_outputs_page_has_a_section_for_every_file(name: str) -> None:
    title = name.replace("The Ferry", "<novel>")
    assert f"### `{title}`\n" in OUTPUTS.read_text(encoding="utf-8")


def test_pairs_of_rows_have_the_shape_of_pairs() -> None:
    assert read_schema("evidence")["$defs"]["pair"] == read_schema("pairs")["$defs"]["pair"]
