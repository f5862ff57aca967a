"""Files of plain claims: each fact is a true claim and its false twin, the rest is what the book leaves open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.plain_claims import check
from pipeline.errors import TableError
from pipeline.tables.plain_claims import PlainClaim, read_plain_claims, read_titles

FACT: dict[str, Any] = {
    "id": "mill-1",
    "character": "Dimsdale",
    "supported": "He sold the mill.",
    "contradicted": "He sold the farm.",
    "evidence": ["he sold the\nmill", "In spring"],
    "type": "object",
    "difficulty": "easy",
}
OPEN = {"id": "mill-open-1", "character": "Hester", "claim": "She was born in Leeds."}
BOOK = {"book": "The Mill", "facts": [FACT], "not_stated": [OPEN]}


def written(folder: Path, book: object = BOOK, name: str = "mill.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


def test_fact_is_a_true_claim_and_its_false_twin(tmp_path: Path) -> None:
    rest = (tuple(FACT["evidence"]), "object", "easy", "mill-1")
    about = ("The Mill", "Dimsdale")
    assert read_plain_claims(written(tmp_path)) == [
        PlainClaim("mill-1-true", *about, "He sold the mill.", "supported", *rest),
        PlainClaim("mill-1-false", *about, "He sold the farm.", "contradicted", *rest),
        PlainClaim("mill-open-1", "The Mill", "Hester", "She was born in Leeds.", "not_stated"),
    ]


def test_files_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        written(tmp_path, {"book": name, "facts": [], "not_stated": [OPEN]}, f"{name}.json")
    written(tmp_path, [], "notes.txt")
    assert [claim.book for claim in read_plain_claims(tmp_path)] == ["a", "b"]


def test_folder_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"has no \*\.json; expected files of data/plain_claims"):
        read_plain_claims(tmp_path)


@pytest.mark.parametrize(
    "book",
    [
        [],
        "text",
        {"book": "The Mill", "facts": [FACT]},
        {"facts": [], "not_stated": []},
        {**BOOK, "facts": [{key: value for key, value in FACT.items() if key != "evidence"}]},
        {**BOOK, "facts": [{**FACT, "evidence": None}]},
        {**BOOK, "facts": ["x"]},
        {**BOOK, "not_stated": [{"id": "1"}]},
    ],
)
def test_file_of_another_form_is_named(tmp_path: Path, book: object) -> None:
    written(tmp_path, book)
    with pytest.raises(TableError, match=r"mill\.json is not a file of plain claims .*README\.md") as caught:
        read_plain_claims(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_file_that_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mill.json").write_bytes(content)
    with pytest.raises(TableError, match=r"mill\.json is not a file of plain claims"):
        read_plain_claims(tmp_path / "mill.json")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"none\.json is not a file of plain claims"):
        read_plain_claims(tmp_path / "none.json")


def test_published_files_can_be_read() -> None:
    claims = read_plain_claims(check.files("dev")[0].parent)
    books = [check.load(path) for path in check.files("dev")]
    assert len(claims) == sum(2 * len(book["facts"]) + len(book["not_stated"]) for book in books)
    assert len({claim.id for claim in claims}) == len(claims)
    assert all(bool(claim.evidence) == (claim.label != "not_stated") == (claim.pair is not None) for claim in claims)


def test_titles_are_one_a_line_and_known(tmp_path: Path) -> None:
    (tmp_path / "titles.txt").write_text("\nThe Mill\n  High Water \n", encoding="utf-8")
    file = str(tmp_path / "titles.txt")
    assert read_titles(file, ["The Mill", "High Water", "Another"]) == {"The Mill", "High Water"}
    with pytest.raises(TableError, match=r"names 'High Water', which is no title of the claims"):
        read_titles(file, ["The Mill"])
    with pytest.raises(TableError, match=r"none\.txt cannot be read"):
        read_titles(str(tmp_path / "none.txt"), ["The Mill"])
