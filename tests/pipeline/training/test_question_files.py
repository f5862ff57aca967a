"""Files of questions: written whole or not at all, read by name, refused where they are damaged."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TableError
from pipeline.training.question_files import SUFFIX, read_questions, write_questions


def test_questions_come_back(tmp_path: Path) -> None:
    books = [{"book": "Mühle", "sentences": ["Ein\nSatz."]}, {"book": "Fähre"}]
    write_questions(tmp_path / "deep" / f"b{SUFFIX}", books)
    assert list(read_questions(tmp_path / "deep" / f"b{SUFFIX}")) == books


def test_folder_of_questions_is_read_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_questions(tmp_path / f"{name}{SUFFIX}", [{"book": name}])
    (tmp_path / "notes.txt").write_text("no questions")
    assert [book["book"] for book in read_questions(tmp_path)] == ["a", "b", "c"]


def test_writing_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    write_questions(path, [{"book": "a"}])

    def broken() -> Iterator[dict[str, Any]]:
        yield {"book": "b"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_questions(path, broken())
    assert list(read_questions(tmp_path)) == [{"book": "a"}]


@pytest.mark.parametrize("content", [b"", b"no archive", lzma.compress(b'{"book":')[:-4], lzma.compress(b"{\n")])
def test_damaged_questions_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"a{SUFFIX}"
    path.write_bytes(content)
    with pytest.raises(TableError, match="prepare it again") as caught:
        list(read_questions(tmp_path))
    assert str(path) in str(caught.value)


def test_missing_questions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        list(read_questions(tmp_path / f"none{SUFFIX}"))
    with pytest.raises(TableError, match="expected what train-reader prepares"):
        list(read_questions(tmp_path))
