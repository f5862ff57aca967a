"""The bundled story and its examples: the truth table is correct, and the tables have the promised form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TRUTH: dict[str, dict[str, Any]] = json.loads((EXAMPLES / "truth.json").read_text(encoding="utf-8"))
CONSISTENT = sorted(name for name in TRUTH if name.endswith("_consistent.txt"))
INCONSISTENT = sorted(name for name in TRUTH if name.endswith("_inconsistent.txt"))
COLUMNS = ["id", "book_name", "char", "caption", "content"]


def _story(name: str) -> str:
    return (ROOT / "novels" / name).read_text(encoding="utf-8")


def _chapters(story: str) -> dict[int, str]:
    parts = re.split(r"^Chapter (\d+)\. .+$", story, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def _backstory(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def _labels(name: str) -> list[str]:
    return [claim["label"] for claim in TRUTH[name]["claims"]]


def _table(name: str) -> pd.DataFrame:
    return pd.read_csv(EXAMPLES / name, keep_default_na=False)


STORY_NAME: str = TRUTH["backstory_inconsistent.txt"]["novel"]
STORY = _story(STORY_NAME)


def test_story_is_long_enough() -> None:
    assert len(STORY.split()) >= 8000


def test_story_has_chapters_numbered_without_a_gap() -> None:
    numbers = list(_chapters(STORY))
    assert len(numbers) >= 10
    assert numbers == list(range(1, len(numbers) + 1))


def test_truth_names_every_backstory_file() -> None:
    assert sorted(TRUTH) == sorted(path.name for path in EXAMPLES.glob("*.txt"))


def test_truth_is_about_the_bundled_story() -> None:
    assert {entry["novel"] for entry in TRUTH.values()} == {STORY_NAME}


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_truth_claims_are_the_backstory_sentence_by_sentence(name: str) -> None:
    assert " ".join(claim["text"] for claim in TRUTH[name]["claims"]) == _backstory(name).strip()


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_truth_quotations_are_in_the_stated_chapter(name: str) -> None:
    chapters = _chapters(_story(TRUTH[name]["novel"]))
    stated = [claim for claim in TRUTH[name]["claims"] if claim["label"] != "not_stated"]
    assert [claim["text"] for claim in stated if claim["quotation"] not in chapters[claim["chapter"]]] == []


def test_truth_claims_not_stated_have_no_quotation() -> None:
    not_stated = [claim for entry in TRUTH.values() for claim in entry["claims"] if claim["label"] == "not_stated"]
    assert len(not_stated) >= 2
    assert {(claim["chapter"], claim["quotation"]) for claim in not_stated} == {(None, None)}


@pytest.mark.parametrize("name", INCONSISTENT)
def test_inconsistent_backstory_has_exactly_one_contradicted_claim(name: str) -> None:
    assert TRUTH[name]["label"] == "inconsistent"
    assert _labels(name).count("contradicted") == 1


@pytest.mark.parametrize("name", CONSISTENT)
def test_consistent_backstory_has_no_contradicted_claim(name: str) -> None:
    assert TRUTH[name]["label"] == "consistent"
    assert "contradicted" not in _labels(name)


@pytest.mark.parametrize("name", INCONSISTENT)
def test_inconsistent_backstory_differs_from_its_twin_in_one_sentence(name: str) -> None:
    twin = TRUTH[name.replace("_inconsistent", "_consistent")]["claims"]
    pairs = zip(TRUTH[name]["claims"], twin, strict=True)
    changed = [wrong["label"] for wrong, right in pairs if wrong["text"] != right["text"]]
    assert changed == ["contradicted"]


def test_tables_have_their_columns() -> None:
    assert list(_table("train.csv").columns) == [*COLUMNS, "label"]
    assert list(_table("test.csv").columns) == COLUMNS


def test_tables_share_no_id() -> None:
    ids = [*_table("train.csv")["id"], *_table("test.csv")["id"]]
    assert len(ids) == len(set(ids))


def test_tables_name_the_bundled_story() -> None:
    books = {*_table("train.csv")["book_name"], *_table("test.csv")["book_name"]}
    assert books == {STORY_NAME.removesuffix(".txt")}


def test_training_table_is_balanced() -> None:
    labels = _table("train.csv")["label"].value_counts()
    assert len(_table("train.csv")) >= 24
    assert labels["consistent"] == labels["contradict"] == labels.sum() // 2


def test_tables_hold_rows_that_name_no_one() -> None:
    rows = _table("train.csv")
    surnames = rows["char"].str.split().str[-1]
    pronouns = [s not in text for s, text in zip(surnames, rows["content"], strict=True)]
    assert sum(pronouns) >= 5
