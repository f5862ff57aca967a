"""Files are complete or untouched, and a disk that refuses them is an error of one line."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OutputError
from pipeline.storage.files import (
    prepare_folder,
    replacing,
    safe_name,
    sha256_of,
    write_json,
    write_json_lines_as_list,
    write_text,
    writing,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_write_json_keeps_order_and_letters(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"z": "Dantès", "a": 1})
    assert path.read_text(encoding="utf-8") == '{\n "z": "Dantès",\n "a": 1\n}\n'


@given(value=JSON)
def test_write_json_can_be_read_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = write_json(tmp_path_factory.getbasetemp() / "any.json", value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_write_json_survives_a_lone_surrogate(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", "\udc80")
    assert json.loads(path.read_text(encoding="utf-8")) == "\udc80"


def test_write_text_survives_a_lone_surrogate(tmp_path: Path) -> None:
    assert write_text(tmp_path / "a.html", "a\udc80b").read_text(encoding="utf-8") == "a?b"


@pytest.mark.parametrize("values", [[], [1], [{"a": [0.5]}, {"b": "é"}]])
def test_list_is_streamed_an_element_a_line(tmp_path: Path, values: list[object]) -> None:
    lines = write_json_lines_as_list(tmp_path / "a.json", iter(values)).read_text(encoding="utf-8").splitlines()
    assert json.loads("\n".join(lines)) == values
    assert len(lines) == max(len(values), 1) + 2 - (not values)


def test_number_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write a\.json: .* must be finite"):
        write_json(tmp_path / "a.json", [float("nan")])


def test_failed_writing_leaves_the_former_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "before")
    with pytest.raises(KeyboardInterrupt), writing(path) as handle:
        handle.write("after")
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_replacing_puts_the_scratch_file_in_the_place_of_the_former(tmp_path: Path) -> None:
    path = tmp_path / "made" / "a.bin"
    for data in (b"first", b"second"):
        with replacing(path) as scratch:
            assert scratch.parent == path.parent and scratch != path
            scratch.write_bytes(data)
        assert path.read_bytes() == data
    assert os.listdir(path.parent) == ["a.bin"]


def test_replacing_that_fails_leaves_the_former_file_and_no_other(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as scratch:
        scratch.write_text("after", encoding="utf-8")
        raise KeyboardInterrupt
    assert path.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_replacing_gives_each_writer_a_scratch_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as outer:
        outer.write_text("outer", encoding="utf-8")
        with replacing(path) as inner:
            inner.write_text("inner", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "inner"
    assert path.read_text(encoding="utf-8") == "outer"


def test_failing_stream_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_json_lines_as_list(tmp_path / "a.json", [1, float("inf")])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "permission denied"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_disk_that_refuses_a_file_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match=reason) as caught:
        write_text(tmp_path / "a.txt", "text")
    assert "--out_dir" in str(caught.value) and "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_folder_that_is_a_file_is_explained(tmp_path: Path) -> None:
    file = write_text(tmp_path / "outputs", "mine")
    with pytest.raises(OutputError, match="a file is in the place of a folder"):
        prepare_folder(file)
    with pytest.raises(OutputError, match="a file is in the place of a folder"):
        prepare_folder(file / "deeper")
    assert file.read_text(encoding="utf-8") == "mine"


def test_prepare_folder_makes_it_and_leaves_it_empty(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "a" / "b")
    assert folder.is_dir() and os.listdir(folder) == []


def test_sha256_of_a_missing_file_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        sha256_of(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("The Count of Monte Cristo", "The Count of Monte Cristo"),
        ("a/b\\c:d", "a_b_c_d"),
        ("line\nbreak\x00", "line_break_"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("right\u202eleft", "right_left"),
        ("...", "novel"),
        ("", "novel"),
        ("CON", "novel_CON"),
        ("Dante\u0300s", "Dant\u00e8s"),
    ],
)
def test_safe_name_replaces_what_no_name_may_hold(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@given(name=st.text(max_size=400))
def test_safe_name_is_one_writable_name_for_any_text(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "names"
    path = write_text(folder / f"{safe_name(name)}.characters.json", "")
    assert path.parent == folder and path.is_file()
    assert safe_name(safe_name(name)) == safe_name(name)
