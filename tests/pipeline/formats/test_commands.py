"""Novels in every format through the commands: judged, read as a library, and named in a table."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from pipeline.cli import dataset_main, judge_main, main
from pipeline.text.novels import load_novel
from tests.inputs.make_formats import FOLDER
from tests.pipeline.command_line import run

KINDS = ("titled.md", "navigation alone.epub", "headings.docx", "headings.odt", "titled.html", "sections.fb2")


@pytest.fixture
def machine(stand_in_reader: Path) -> list[str]:
    """The flags of the stand-in for the encoder."""
    words = ["--model_dir", str(stand_in_reader), "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    return [*words, "--spacy_model", "rules"]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a novel of each kind, and a folder of chapters."""
    folder = tmp_path / "library"
    for name in KINDS:
        folder.mkdir(exist_ok=True)
        shutil.copy(FOLDER / name, folder / f"{Path(name).suffix[1:]} novel{Path(name).suffix}")
    shutil.copytree(FOLDER / "numbered", folder / "numbered")
    return folder


@pytest.mark.parametrize("name", [*KINDS, "plain.txt", "numbered", "numbered.zip"])
def test_backstory_is_judged_against_a_novel_of_each_format(machine: list[str], tmp_path: Path, name: str) -> None:
    backstory = tmp_path / "backstory.txt"
    backstory.write_text("Ada Merrow kept the log in blue ink.", encoding="utf-8")
    given = ["--target_character", "Ada Merrow", "--backstory_file", backstory, "--novel", FOLDER / name, "--json"]
    said = run(judge_main, *given, *machine, "--out_dir", tmp_path / "out")
    assert said.status == 0, said.err
    novel = load_novel(FOLDER / name)
    pairs = json.loads((tmp_path / "out" / "claim_chunk_pairs.json").read_text(encoding="utf-8"))
    assert pairs and all(pairs.values())
    for pair in (pair for found in pairs.values() for pair in found):
        assert novel.text[pair["start"] : pair["end"]] == pair["quotation"]
        assert (pair["chapter_title"], pair["paragraph"]) == (
            novel.title_at(pair["start"]),
            novel.paragraph_at(pair["start"]),
        )


def test_library_of_all_formats_is_read(machine: list[str], library: Path, tmp_path: Path) -> None:
    said = run(main, "read", "--novels_dir", library, "--cache_dir", tmp_path / "cache", *machine)
    assert said.status == 0, said.err
    found = re.fullmatch(r"(\d+) novels read now \(.*\), (\d+) were cached already", said.out[-1])
    assert found, said.out[-1]
    assert int(found[1]) + int(found[2]) == len(KINDS) + 1, "novels of the same text share a reading"


def test_rows_of_a_table_name_novels_of_any_format(machine: list[str], library: Path, tmp_path: Path) -> None:
    books = ("docx novel", "EPUB Novel", "numbered", "fb2 novel.fb2")
    table = tmp_path / "train.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "book_name", "char", "content", "label"])
        for number, book in enumerate(books * 2):
            rows.writerow([number, book, "Ada Merrow", "She kept the log in blue ink.", number % 2])
    given = ["--train_csv", table, "--test_csv", table, "--novels_dir", library, "--folds", "2", "--repeats", "1"]
    said = run(dataset_main, *given, *machine, "--out_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache")
    assert said.status == 0, said.err
    evidence = json.loads((tmp_path / "out" / "train_evidence.json").read_text(encoding="utf-8"))
    assert len(evidence) == 2 * len(books) and all(row["character_found"] for row in evidence.values())
