"""The plain-claims data set is sound, its card counts what is there, and its splits share no novel."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from data.plain_claims import check
from pipeline.tables.rows import read_table

FILES = [path for split in check.SPLITS for path in check.files(split)]
FULL_NAME = re.compile(r"(?!(?:Mrs?|Miss|Dr|Sir|Lady|Lord|The)\b)[A-Z]\S+(?: [A-Z]\S+)+")


@pytest.mark.parametrize("split", check.SPLITS)
def test_files_have_no_fault(split: str) -> None:
    assert [f"{path.name}: {fault}" for path in check.files(split) for fault in check.faults(path)] == []


def test_splits_share_no_novel_and_no_claim() -> None:
    assert len({path.stem for path in FILES}) == len({check.load(path)["book"] for path in FILES}) == len(FILES)


def test_list_of_novels_is_that_of_the_files() -> None:
    with (check.HERE / "novels.csv").open(encoding="utf-8", newline="") as file:
        listed = {(row["split"], row["slug"], row["title"]) for row in csv.DictReader(file)}
    assert listed == {(path.parent.name, path.stem, check.load(path)["book"]) for path in FILES}


def test_train_and_dev_share_no_full_name() -> None:
    names = {
        split: {name for path in check.files(split) for name in _full_names(check.load(path))} for split in check.SPLITS
    }
    assert names["train"] & names["dev"] <= {"Thomas Gordon"}  # two different people; the card says so


def _full_names(book: check.Book) -> set[str]:
    return {item["character"] for item in book["facts"] + book["not_stated"] if FULL_NAME.fullmatch(item["character"])}


def test_faults_are_named(tmp_path: Path) -> None:
    book = check.load(check.files("dev")[0])
    book["facts"][0] |= {"contradicted": book["facts"][0]["supported"], "evidence": ["Nobody ever wrote this."]}
    book["facts"][1]["type"] = "mood"
    broken = tmp_path / check.files("dev")[0].name
    broken.write_text(json.dumps(book), encoding="utf-8")
    found = "\n".join(check.faults(broken, "A novel of one sentence."))
    assert "differ in 0 words" in found and "unknown type 'mood'" in found and "not verbatim" in found


def test_table_of_a_split_is_one_that_evaluate_claims_reads(tmp_path: Path) -> None:
    count = check.table("dev", tmp_path / "dev.csv")
    rows = read_table(tmp_path / "dev.csv", labelled="optional")
    books = [check.load(path) for path in check.files("dev")]
    facts, left_open = (sum(len(book[part]) for book in books) for part in ("facts", "not_stated"))
    assert len(rows) == count == 2 * facts + left_open
    assert [sum(row.label == label for row in rows) for label in ("consistent", "inconsistent", None)] == [
        facts,
        facts,
        left_open,
    ]
    for row in rows:
        assert row.left_open == (row.label is None) == (row.pair is None) == (not row.evidence)
        assert bool(row.kind) == bool(row.difficulty) == (row.label is not None)


def test_evidence_of_a_table_is_that_of_the_files(tmp_path: Path) -> None:
    check.table("dev", tmp_path / "dev.csv")
    facts = {fact["id"]: fact for path in check.files("dev") for fact in check.load(path)["facts"]}
    for row in read_table(tmp_path / "dev.csv", labelled="optional"):
        if row.pair:
            assert row.evidence == tuple(" ".join(text.split()) for text in facts[row.pair]["evidence"])
            assert (row.kind, row.difficulty) == (facts[row.pair]["type"], facts[row.pair]["difficulty"])
