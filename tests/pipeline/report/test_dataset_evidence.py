"""The evidence of a table: every row with all that decided it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import OutputError
from pipeline.report.dataset_evidence import RowEvidence, write_dataset_evidence
from tests.pipeline.report.small_world import World, make_row


def _write(folder: Path, world: World, *rows: RowEvidence, also: tuple[Path, ...] = ()) -> tuple[Path, ...]:
    return write_dataset_evidence(
        folder, train=rows, test=(), metrics={}, novels={"The Ferry": "0" * 64}, manifest=world.manifest, also=also
    )


def test_rows_are_keyed_by_id_in_order(world: World, tmp_path: Path) -> None:
    train, *_ = _write(tmp_path, world, make_row(world, "9"), make_row(world, "1"))
    assert list(json.loads(train.read_text(encoding="utf-8"))) == ["9", "1"]


def test_row_holds_claims_with_verdicts_and_their_pairs(world: World, tmp_path: Path) -> None:
    train, *_ = _write(tmp_path, world, make_row(world, "1", given_label="inconsistent"))
    row = json.loads(train.read_text(encoding="utf-8"))["1"]
    assert row["given_label"] == "inconsistent" and row["label"] == "consistent"
    assert [(claim["id"], claim["label"]) for claim in row["claims"]] == [
        ("c-born", "supported"),
        ("c-her", "contradicted"),
    ]
    assert {claim: len(pairs) for claim, pairs in row["pairs"].items()} == {"c-born": 2, "c-her": 1}


def test_table_without_rows_is_an_empty_mapping(world: World, tmp_path: Path) -> None:
    _, test, *_ = _write(tmp_path, world)
    assert test.name == "test_evidence.json" and json.loads(test.read_text(encoding="utf-8")) == {}


def test_rows_that_share_an_id_are_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="2 rows share 1 ids"):
        _write(tmp_path, world, make_row(world, "1"), make_row(world, "1"))


def test_manifest_lists_files_written_elsewhere(world: World, tmp_path: Path) -> None:
    table = tmp_path / "test_predictions.csv"
    table.write_text("id\n", encoding="utf-8")
    *_, manifest = _write(tmp_path, world, make_row(world, "1"), also=(table,))
    files = [file["name"] for file in json.loads(manifest.read_text(encoding="utf-8"))["files"]]
    assert files == ["test_predictions.csv", "train_evidence.json", "test_evidence.json", "train_metrics.json"]
