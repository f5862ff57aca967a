"""Files of examples are written whole or not at all, read by name, and refused if they are damaged."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TableError
from pipeline.training.example_files import SUFFIX, read_examples, write_examples


def test_examples_come_back(tmp_path: Path) -> None:
    books = [{"book": "Mühle", "sentences": ["Ein\nSatz."]}, {"book": "Fähre"}]
    write_examples(tmp_path / "deep" / f"b{SUFFIX}", books)
    assert list(read_examples(tmp_path / "deep" / f"b{SUFFIX}")) == books


def test_folder_of_examples_is_read_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_examples(tmp_path / f"{name}{SUFFIX}", [{"book": name}])
    (tmp_path / "other.txt").write_text("no examples")
    assert [book["book"] for book in read_examples(tmp_path)] == ["a", "b", "c"]


def test_writing_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / f"a{SUFFIX}"
    write_examples(path, [{"book": "a"}])

    def broken() -> Iterator[dict[str, Any]]:
        yield {"book": "b"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_examples(path, broken())
    assert list(read_examples(tmp_path)) == [{"book": "a"}]


@pytest.mark.parametrize("content", [b"", b"no archive", lzma.compress(b'{"book":')[:-4], lzma.compress(b"{\n")])
def test_damaged_examples_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"a{SUFFIX}"
    path.write_bytes(content)
    with pytest.raises(TableError, match="prepare it again") as caught:
        list(read_examples(tmp_path))
    assert str(path) in str(caught.value)


def test_missing_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        list(read_examples(tmp_path / f"none{SUFFIX}"))
    with pytest.raises(TableError, match="expected a folder that train-reader prepared"):
        list(read_examples(tmp_path))
