"""A story whose words are broken as print breaks them is read, searched and named as the whole one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.api import judge
from pipeline.book import Book, BookOpener
from pipeline.cli import dataset_main, main
from pipeline.config import PipelineConfig, TextConfig
from pipeline.reading.novel_encoder import sentence_texts
from pipeline.storage.cache import ReadingCache
from pipeline.text.characters import resolve_character
from pipeline.text.persons import RULES
from pipeline.text.shelf import choose_novel
from tests.pipeline.command_line import run
from tests.pipeline.little_story import BACKSTORY, TEXT

ANNA = "Anna Reed"


def open_book(folder: Path, name: str, text: str) -> Book:
    path = folder / f"{name}.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return BookOpener(TextConfig(spacy_model=RULES), (), ReadingCache(folder / "cache")).open(path)


def break_words(text: str, mark: str) -> str:
    """Put a mark after two letters of every word of four letters or more, except in headings."""
    blocks = text.split("\n\n")
    long_word = re.compile(r"(?<![\w-])([A-Za-z]\w)(\w{2,})(?![\w-])")
    return "\n\n".join(
        block if block.startswith("Chapter") else long_word.sub(rf"\1{mark}\2", block) for block in blocks
    )


@pytest.mark.parametrize("mark", ["-\n", "-\n    ", "\u00ad", "\u00ad\n", "¬\n"])
def test_broken_story_is_read_as_the_whole_one(mark: str, tmp_path: Path) -> None:
    whole = open_book(tmp_path, "whole", TEXT)
    broken = open_book(tmp_path, "broken", break_words(TEXT, mark))
    texts = [sentence_texts(book.novel, book.sentences) for book in (whole, broken)]
    assert texts[0] == texts[1]
    people = [[(person.name, [mention.text for mention in person.mentions]) for person in book.cast]
              for book in (whole, broken)]  # fmt: skip
    assert people[0] == people[1]
    assert list(whole.index.scores(BACKSTORY)) == list(broken.index.scores(BACKSTORY))
    anna = resolve_character(ANNA, broken.novel, broken.sentences, broken.chunks)
    printed = {broken.novel.text[mention.start : mention.end] for mention in anna.mentions}
    assert f"An{mark}na Re{mark}ed" in printed


def test_novel_is_chosen_by_a_broken_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Here sat An-\nna Re-\ned, who rowed.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Nobody was there.", encoding="utf-8")
    assert choose_novel(tmp_path, ANNA).name == "a"


@pytest.fixture
def misread(tmp_path: Path) -> Path:
    """A novel that has the name once as a scanner misread it."""
    novel = tmp_path / "Low Water.txt"
    novel.write_text(TEXT.replace("He gave it to Anna Reed", "He gave it to Anna Recd"), encoding="utf-8")
    return novel


def test_verdict_and_characters_ask_about_a_misread_name(misread: Path, stand_in_config: PipelineConfig) -> None:
    [notice] = judge(misread, BACKSTORY, character=ANNA, config=stand_in_config).notices
    assert notice.startswith("'Recd' (once) looks like 'Reed' and is not counted as that name")
    assert notice.endswith("give the alias Recd=Anna Reed")
    said = run(main, "characters", misread)
    assert said.status == 0
    assert f"note: {notice}" in said.err


def test_rows_ask_about_a_misread_name(misread: Path, stand_in_reader: Path, tmp_path: Path) -> None:
    header = "id,book_name,char,content,label\n"
    rows = [f"{n},Low Water,{ANNA},Anna Reed had {n} boats.,{n % 2}\n" for n in range(8)]
    (tmp_path / "train.csv").write_text(header + "".join(rows), encoding="utf-8")
    machine = ["--model_dir", stand_in_reader, "--device", "cpu", "--threads", "1", "--folds", "2", "--repeats", "2"]
    tables = ["--train_csv", tmp_path / "train.csv", "--test_csv", tmp_path / "train.csv"]
    places = ["--novels_dir", misread.parent, "--out_dir", tmp_path / "out"]
    said = run(dataset_main, *machine, *tables, *places)
    assert said.status == 0
    [line] = [line for line in said.out if "looks like" in line]
    assert line.startswith("note: rows 0, 1, 2, 3, 4, 5, 6, 7, ...: 'Recd' (once) looks like 'Reed'")
