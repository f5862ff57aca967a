"""Hostile input: an answer or a documented error of one line, never anything else."""

from __future__ import annotations

import csv
import io
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import PARSERS, outcome
from benchmarks.hostile import ENCODINGS
from pipeline.claims.extract import extract_claims
from pipeline.claims.files import LONGEST, read_backstory
from pipeline.cli import dataset_main, main
from pipeline.config import ChunkConfig
from pipeline.errors import BackstoryError, CharacterError, EncodingError, TableError
from pipeline.records import Novel, Span
from pipeline.storage.encoding import decode
from pipeline.tables.rows import read_predictions, read_table
from pipeline.text.characters import build_cast, find_mentions, resolve_character
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences
from tests.pipeline.command_line import refused

NLP = load_nlp(None)

CASES = 20
FOUND = {
    "csv_table": (478, 685),
    "training_place": (153, 324, 374, 548),
    "training_run": (19, 189, 253),
}
"""Cases that were faults when they were found."""


@pytest.mark.parametrize("name", PARSERS)
def test_parser_answers_or_says_what_is_wrong(name: str) -> None:
    faults = [(case, what) for case in range(CASES) if (what := outcome(name, case)).startswith("FAULT")]
    assert faults == []


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in FOUND.items() for case in cases])
def test_case_that_once_was_a_fault_is_none(name: str, case: int) -> None:
    assert not outcome(name, case).startswith("FAULT")


NOVELS = {
    "one line without a sentence's end": "it went on and on " * 20_000,
    "one word": "a" * 300_000,
    "a name and nothing else": "It began. " + "Anna Reed " * 20_000,
    "sentences of a letter": "A. " * 60_000,
    "asterisks": "It began. " + "*" * 300_000,
    "marks of many kinds": "It began. " + "(*).)" * 60_000,
    "headings": "It began.\n\n" + "CHAPTER I\n\n" * 20_000,
    "right to left": "قال يوسف إنه لن يعود. " * 8_000,
    "emoji": "👩‍👩‍👧 smiled at 🧛🏽. " * 8_000,
    "marks that turn the text": "\u202eHe read it\u202c backwards.\u200b " * 8_000,
    "accents on accents": "e" + "\u0301" * 100_000 + ".",
    "old Mac line ends": "He came.\rHe went.\r" * 8_000,
}
SECONDS = 30.0


@pytest.mark.parametrize("kind", NOVELS)
def test_novel_of_a_strange_kind_is_read_in_good_time(tmp_path: Path, kind: str) -> None:
    path, began = tmp_path / "novel.txt", time.process_time()
    path.write_text(NOVELS[kind], encoding="utf-8")
    novel = load_novel(path)
    sentences = split_sentences(novel, NLP)
    chunks = make_chunks(novel, sentences, ChunkConfig())
    people = build_cast(find_mentions(novel, sentences), chunks)
    assert sentences and all(len(person.name) <= 200 for person in people)
    assert "".join(novel.text[slice(*span)] for span in sentences).split() != []
    try:
        resolve_character("Anna Reed", novel, sentences, chunks)
    except CharacterError as error:
        assert "Anna Reed" in str(error)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n\t\r\n" * 500, "holds no words"),
        (b"A novel\0 with a hole.", "NUL bytes"),
        (bytes(range(1, 256)) * 40, "bytes that fit no text encoding"),
        ("\ufeff".encode("utf-16") + b"a", "byte order mark"),
        ("…!?… 1871 — 4711. " * 50, "holds no words"),
    ],
)
def test_file_that_is_no_novel_is_refused_in_one_line(tmp_path: Path, data: bytes | str, said: str) -> None:
    path = tmp_path / "novel.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    line = refused(main, "characters", path)
    assert said in line and str(path) in line


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_novel_in_every_encoding_that_we_claim(tmp_path: Path, encoding: str) -> None:
    text = ("Étienne Kéravel naïvely dined at the café with Zoë. He paid and left; the señora wept. " * 40).strip()
    path = tmp_path / "novel.txt"
    path.write_bytes(text.encode(encoding))
    novel = load_novel(path)
    if encoding in {"mac_roman", "cp850", "cp437"}:  # nothing in a file says which of them it is in
        assert len(novel.text) == len(text) and any("a guess" in notice for notice in novel.notices)
    else:
        assert novel.text == text


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_any_bytes_are_text_or_an_error_of_one_line(data: bytes) -> None:
    try:
        text = decode(data, source="it").text
    except EncodingError as error:
        assert "it" in str(error) and "\n" not in str(error)
    else:
        text.encode("utf-8")


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=300))
@settings(max_examples=60)
def test_sentences_of_any_text_hold_every_word_once(text: str) -> None:
    novel = Novel("x", "x.txt", text, Span(0, len(text)), (), "utf-8", "0")
    sentences = split_sentences(novel, NLP)
    assert all(left.end <= right.start for left, right in pairwise(sentences))
    assert "".join(text[slice(*span)] for span in sentences).split() == text.split() or "".join(
        "".join(text[slice(*span)].split()) for span in sentences
    ) == "".join(text.split())


@pytest.mark.parametrize("unit", ["1. ", "Mr. ", "*", "'s", "She rowed; she sat, and she, then, wept. ", "- x\n", "“"])
def test_backstory_of_a_strange_kind_is_parted_in_good_time(unit: str) -> None:
    began = time.process_time()
    try:
        assert extract_claims(unit * (40_000 // len(unit)), "Anna Reed", NLP)
    except BackstoryError as error:
        assert "\n" not in str(error)
    assert time.process_time() - began < SECONDS


def test_backstory_of_one_word_and_of_fifty_pages() -> None:
    assert [claim.text for claim in extract_claims("Ferrywoman", "", NLP)] == ["Ferrywoman."]
    pages = " ".join(f"Anna Reed rowed {n} miles in 18{n % 90 + 10}." for n in range(3_000))
    assert 100_000 < len(pages) < LONGEST
    assert len(extract_claims(pages, "Anna Reed", NLP)) == 3_000
    with pytest.raises(BackstoryError, match="not the novel"):
        extract_claims(pages * 2, "Anna Reed", NLP)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a file without an end is a thing of Unix")
def test_backstory_without_an_end_is_refused_and_not_read_for_ever() -> None:
    with pytest.raises(BackstoryError, match="more than 800000 bytes"):
        read_backstory("/dev/zero")


def _table(rows: list[list[str]], *, header: str = "id,book_name,char,content,label") -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return header + "\n" + text.getvalue()


GOOD = [["1", "Low Water", "Anna Reed", "She rowed.", "consistent"], ["2", "Low Water", "", "He sank.", "0"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_table(GOOD, header="id,book_name,char,text,label"), "has no column content"),
        (_table(GOOD, header="id,book_name,char,content,id"), "has no column label"),
        (_table([[*row, row[0]] for row in GOOD], header="id,book_name,char,content,label,id"), "twice"),
        (_table([*GOOD, GOOD[0]]), "duplicate id"),
        (_table([["", *GOOD[0][1:]]]), "empty id on line 2"),
        (_table([[*GOOD[0][:4], "perhaps"]]), "the label is 'perhaps'"),
        (_table([[*GOOD[0], "more"]]), "well-formed"),
        ('id,book_name,char,content,label\n1,"Low Water,Anna,She rowed.,1\n', "well-formed"),
        ("\n", "blank line"),
        ("id,book_name,char,content,label\n", "no rows"),
        ("id\0", "binary"),
    ],
)
def test_bad_table_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    line = refused(dataset_main, "--train_csv", path, "--test_csv", path, "--out_dir", tmp_path / "out")
    assert said in line and str(path) in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_table_with_a_mark_extra_columns_and_a_hundred_thousand_rows(tmp_path: Path) -> None:
    rows = [[str(n), "Low Water", "Anna", f"She rowed, {n} times.\nAnd sat.", "x", "1"] for n in range(100_000)]
    path, began = tmp_path / "table.csv", time.process_time()
    path.write_text("\ufeff" + _table(rows, header="id,book_name,char,content,more,label"), encoding="utf-8")
    found = read_table(path, labelled="required")
    assert len(found) == 100_000 and found[-1].content == "She rowed, 99999 times.\nAnd sat."
    assert time.process_time() - began < SECONDS


@given(st.lists(st.lists(st.text(max_size=12), min_size=5, max_size=5), max_size=6))
@settings(max_examples=60)
def test_any_cells_are_rows_or_an_error_of_one_line(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "table.csv"
    path.write_bytes(_table(rows).encode("utf-8", errors="surrogatepass"))
    try:
        found = read_table(path, labelled="optional")
    except TableError as error:
        assert "\n" not in " ".join(str(error).split())
    else:
        assert [row.id for row in found] == [row[0].strip() for row in rows if any(row)]


def test_predictions_with_a_column_twice_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("id,probability,label,label\n1,0.5,1,1\n", encoding="utf-8")
    with pytest.raises(TableError, match="twice"):
        read_predictions(path)
