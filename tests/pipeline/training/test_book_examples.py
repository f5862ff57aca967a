"""Examples of a book are prepared from novel and tables: each text with sentences as its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language

from pipeline.errors import TableError
from pipeline.tables.rows import Row
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp
from pipeline.training import book_examples
from pipeline.training.book_examples import BookTables, group_tables, make_book_examples, pair_of, prepare_book
from pipeline.training.example_files import read_examples
from pipeline.training.examples import BookExamples

TRUE = Row("10", "Low Water", "Anna Reed", "", "Anna Reed took the oars at midnight.", "consistent", None)
FALSE = Row("11", "Low Water", "Anna Reed", "", "Anna Reed refused the oars at midnight.", "inconsistent", None)
TABLES = BookTables(((TRUE, "5"), (FALSE, "5")), ("Tom Hale lost his traps.", "The watch of Dr Moss had stopped."))


@pytest.fixture(scope="module")
def nlp() -> Language:
    return load_nlp(None)


def make(shelf: Path, nlp: Language, tables: BookTables = TABLES, **settings: int) -> dict[str, Any]:
    novel = load_novel(shelf / "Low Water.txt")
    return make_book_examples(novel, tables, nlp, **{"own_statements": 5, "seed": 0, **settings})


def test_pair_is_that_of_the_table_or_the_halved_id() -> None:
    assert pair_of(Row("x", "", "", "", "", None, "7")) == "7"
    assert pair_of(TRUE) == pair_of(FALSE) == "5"


def test_claim_without_a_pair_is_an_error() -> None:
    with pytest.raises(TableError, match="has no pair"):
        pair_of(Row("x1", "", "", "", "", None, None))


def test_claims_and_statements_have_evidence_of_their_own(shelf: Path, nlp: Language) -> None:
    made = make(shelf, nlp)
    true, false = made["claims"]
    assert (true["label"], false["label"], true["pair"]) == (1, 0, false["pair"])
    assert "oars" in made["sentences"][true["evidence"][0]]
    assert [item["text"] for item in made["statements"]] == list(TABLES.statements)
    watch = made["statements"][1]["evidence"]
    assert "watch had stopped" in " ".join(made["sentences"][number] for number in watch)


def test_evidence_is_numbered_within_the_sentences_used(shelf: Path, nlp: Language) -> None:
    made = make(shelf, nlp)
    used = {number for item in (*made["claims"], *made["statements"]) for number in item["evidence"]}
    assert used == set(range(len(made["sentences"]))) and len(made["places"]) == len(made["sentences"])
    text = " ".join(load_novel(shelf / "Low Water.txt").text.split())
    assert all(sentence in text for sentence in made["sentences"])
    order = [number for _, number in sorted(zip(made["places"], range(len(used)), strict=True))]
    places = [text.index(made["sentences"][number]) for number in order]
    assert places == sorted(places)


def test_outline_of_a_claim_is_made_of_statements(shelf: Path, nlp: Language) -> None:
    made = make(shelf, nlp)
    assert all(set(claim["outline"]) == {0, 1} for claim in made["claims"])


def test_without_statements_sentences_of_the_novel_are_used(shelf: Path, nlp: Language) -> None:
    made = make(shelf, nlp, BookTables(), own_statements=3)
    text = " ".join(load_novel(shelf / "Low Water.txt").text.split())
    assert 0 < len(made["statements"]) <= 3
    assert all(item["text"] in text and item["evidence"] for item in made["statements"])


def test_prepared_examples_of_a_book_can_be_loaded(shelf: Path, nlp: Language) -> None:
    import random

    book = BookExamples(make(shelf, nlp), {}, random.Random(0))
    assert len(book.pairs) == 1 and len(book.statements) == 2


def test_tables_are_grouped_by_the_novel_that_is_found() -> None:
    statement = Row("s", "low_water", "", "", " Tom Hale lost his traps. ", None, None)
    grouped = group_tables([TRUE, FALSE], [statement], lambda name: Path(name.lower().replace("_", " ")))
    assert grouped == {Path("low water"): BookTables(((TRUE, "5"), (FALSE, "5")), ("Tom Hale lost his traps.",))}


def test_second_preparation_does_nothing(
    shelf: Path, nlp: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = prepare_book(shelf / "Low Water.txt", TABLES, nlp, tmp_path, own_statements=5, seed=0)
    assert [book["book"] for book in read_examples(path)] == ["Low Water"]
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(book_examples, "make_book_examples", None)
    assert prepare_book(shelf / "Low Water.txt", TABLES, nlp, tmp_path, own_statements=5, seed=0) == path
    assert path.stat().st_mtime_ns == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
