"""Manuscripts of every kind become novels; other files are refused in one line and leave nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import NovelError
from pipeline.formats import archive
from pipeline.serve.uploads import import_novel
from pipeline.text.novels import load_novel
from tests.inputs.make_formats import FOLDER
from tests.pipeline.little_story import TEXT
from tests.pipeline.serve.sample_uploads import make_docx, make_epub, make_zip, paragraphs_of

SOURCES = {"txt": TEXT.encode("utf-8"), "epub": make_epub(), "docx": make_docx()}


def _import(folder: Path, data: bytes, name: str, *, replace: bool = False) -> Path:
    return import_novel(data, name, folder, replace=replace)


@pytest.mark.parametrize("kind", SOURCES)
def test_novel_of_each_kind_keeps_its_paragraphs_and_chapters(tmp_path: Path, kind: str) -> None:
    novel = load_novel(_import(tmp_path, SOURCES[kind], f"Low Water.{kind.upper()}"))
    assert novel.name == "Low Water"
    assert [chapter.title for chapter in novel.chapters] == [
        "Chapter 1. The ferry",
        "Chapter 2. The doctor",
        "Chapter 3. The letter",
    ]
    assert paragraphs_of(novel.text) == paragraphs_of(TEXT)


@pytest.mark.parametrize("name", ["titled.md", "headings.odt", "titled.html", "sections.fb2", "numbered.zip"])
def test_every_format_is_stored_as_it_is(tmp_path: Path, name: str) -> None:
    data = (FOLDER / name).read_bytes()
    path = _import(tmp_path, data, name)
    assert path.read_bytes() == data and load_novel(path).chapters


def test_format_that_is_not_read_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(NovelError, match=r"expected one of .*; for \.rtf, export it as \.docx or \.odt"):
        _import(tmp_path, b"x", "Old.rtf")


def test_file_keeps_its_bytes(tmp_path: Path) -> None:
    data = "Café at Dæmon’s.\r\nIt rained.".encode("cp1252")
    assert _import(tmp_path, data, "Old.txt").read_bytes() == data


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.txt", "passwd"),
        ("C:\\books\\My: Novel?.txt", "My_ Novel_"),
        ("..txt.txt", "txt"),
        ("con.txt", "novel_con"),
        ("a\x00\u202eb.txt", "a__b"),
    ],
)
def test_name_leads_only_to_the_folder_of_novels(tmp_path: Path, name: str, stem: str) -> None:
    path = _import(tmp_path / "shelf", SOURCES["txt"], name)
    assert path.parent == tmp_path / "shelf" and path.stem == stem
    assert [found.name for found in (tmp_path / "shelf").iterdir()] == [f"{stem}.txt"]


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"x", "novel.pdf", "expected one of .txt, .md"),
        (b"x", "novel", "expected one of .txt, .md"),
        (b"", "Empty.txt", "Empty.txt"),
        (b"\0\1\2" * 50, "Noise.txt", "Noise.txt"),
        (b"no archive", "Broken.epub", "cannot be read as EPUB"),
        (b"no archive", "Broken.docx", "cannot be read as DOCX"),
        (make_zip({"a": "b"}), "Other.epub", "cannot be read as EPUB"),
        (make_zip({"a": "b"}), "Other.docx", "cannot be read as DOCX"),
    ],
)
def test_file_that_is_not_a_novel_is_refused_and_leaves_nothing(
    tmp_path: Path, data: bytes, name: str, said: str
) -> None:
    with pytest.raises(NovelError) as error:
        _import(tmp_path, data, name)
    assert said in str(error.value) and "\n" not in str(error.value) and str(tmp_path) not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_UNPACKED", 1000)
    with pytest.raises(NovelError, match=r"unpacks to [\d,]+ bytes, more than 1,000"):
        _import(tmp_path, SOURCES["docx"], "Bomb.docx")


def test_novel_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = _import(tmp_path, SOURCES["txt"], "Low Water.txt")
    with pytest.raises(NovelError, match="exists already"):
        _import(tmp_path, b"Another novel.", "Low Water.txt")
    assert path.read_bytes() == SOURCES["txt"]
    _import(tmp_path, b"Another novel.", "Low Water.txt", replace=True)
    assert path.read_bytes() == b"Another novel."


def test_novel_takes_the_place_of_another_format_on_request_alone(tmp_path: Path) -> None:
    _import(tmp_path, SOURCES["txt"], "Low Water.txt")
    with pytest.raises(NovelError, match=r"Low Water\.txt exists already"):
        _import(tmp_path, SOURCES["epub"], "Low Water.epub")
    _import(tmp_path, SOURCES["epub"], "Low Water.epub", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["Low Water.epub"]


def test_failed_replacement_leaves_the_old_novel(tmp_path: Path) -> None:
    path = _import(tmp_path, SOURCES["txt"], "Low Water.txt")
    with pytest.raises(NovelError):
        _import(tmp_path, b"", "Low Water.txt", replace=True)
    assert path.read_bytes() == SOURCES["txt"]


def test_unwritable_folder_of_novels_is_explained(tmp_path: Path) -> None:
    (tmp_path / "shelf").write_text("a file", encoding="utf-8")
    with pytest.raises(NovelError, match=r"^Low Water\.txt cannot be stored \(.+\); free some space"):
        _import(tmp_path / "shelf", SOURCES["txt"], "Low Water.txt")
