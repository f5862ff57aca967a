"""Backstories are read from files in any encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.claims.files import read_backstory
from pipeline.errors import BackstoryError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_read_backstory_reads_the_encodings_that_users_have(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "backstory.txt"
    path.write_bytes("Edmond Dantès fled.\r\nIl était né ici.\r\n".encode(encoding))
    assert read_backstory(path).text.split() == ["Edmond", "Dantès", "fled.", "Il", "était", "né", "ici."]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a binary file"),
        (b"plain\0text", "is a binary file"),
        (bytes(range(128, 256)) * 3, "is a binary file"),
    ],
)
def test_read_backstory_names_the_fault_on_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "backstory.txt"
    path.write_bytes(data)
    with pytest.raises(BackstoryError) as caught:
        read_backstory(path)
    assert message in str(caught.value)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.txt", "."])
def test_read_backstory_refuses_a_missing_file_and_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackstoryError, match="cannot be read"):
        read_backstory(tmp_path / name)
