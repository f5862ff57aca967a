"""Reading a file as a novel, and finding novels on a shelf."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import NovelError
from pipeline.text import novels
from pipeline.text.novels import Shelf, find_novel, list_novels, load_novel

STORY = "Edmond Dantès came home.\n\nNobody knew him; “who is it?” they said."


def _file(folder: Path, content: bytes | str, name: str = "story.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _body(folder: Path, content: str) -> str:
    novel = load_novel(_file(folder, content))
    return novel.text[novel.body.start : novel.body.end]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "mac_roman"])
def test_load_novel_reads_the_encodings_users_have(tmp_path: Path, encoding: str) -> None:
    # Enough accents for a detector to distinguish code pages.
    story = STORY + " L’été, à Genève, le garçon naïf mangeait une crème brûlée; où était l’hôtel?" * 5
    assert load_novel(_file(tmp_path, story.encode(encoding))).text == story


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_load_novel_reads_utf16_by_its_mark(tmp_path: Path, codec: str) -> None:
    novel = load_novel(_file(tmp_path, ("\ufeff" + STORY).encode(codec)))
    assert (novel.text, novel.notices) == (STORY, ())


def test_load_novel_reads_latin1_with_a_notice(tmp_path: Path) -> None:
    novel = load_novel(_file(tmp_path, "Edmond Dantès was in the café.".encode("latin-1")))
    assert novel.text == "Edmond Dantès was in the café."
    assert novel.encoding == "cp1252"
    assert novel.notices[0].startswith("read as cp1252")


def test_load_novel_prefers_damaged_utf8_to_a_wrong_code_page(tmp_path: Path) -> None:
    novel = load_novel(_file(tmp_path, (STORY * 20).encode() + "é".encode()[:1]))
    assert novel.text == STORY * 20 + "\ufffd"
    assert "1 broken place" in novel.notices[0]


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_load_novel_normalises_newlines(tmp_path: Path, newline: str) -> None:
    assert load_novel(_file(tmp_path, STORY.replace("\n", newline))).text == STORY


def test_load_novel_hashes_the_bytes_and_names_the_stem(tmp_path: Path) -> None:
    path = _file(tmp_path, STORY, "A Tale.txt")
    novel = load_novel(path)
    assert (novel.name, novel.path) == ("A Tale", str(path))
    assert novel.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("content", [b"", b" \r\n\t \n", b"\xef\xbb\xbf", b"12345 !!", "😀 😀".encode()])
def test_load_novel_refuses_a_file_without_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NovelError, match="is empty: it holds no words"):
        load_novel(_file(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(200),
        b"A story with a \0 in it.",
        b"\x89PNG\r\n\x1a\n" + os.urandom(2000).replace(b"\0", b"\x01"),
        b"%PDF-1.4 " + bytes(range(1, 32)) * 20,
        b"\xff\xfeA",
        b"\xef\xbb\xbfcaf\xe9 au lait",
    ],
)
def test_load_novel_refuses_binary_files(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(NovelError, match=r"plain text|as UTF-8"):
        load_novel(_file(tmp_path, content))


def test_load_novel_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NovelError, match="does not exist"):
        load_novel(tmp_path / "none.txt")
    with pytest.raises(NovelError, match="holds no chapters"):
        load_novel(tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000 + ".txt", "a\0b.txt"])
def test_load_novel_refuses_an_impossible_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(NovelError, match="not a usable path"):
        load_novel(tmp_path / name)


def test_load_novel_refuses_a_special_file() -> None:
    if not Path(os.devnull).exists():
        pytest.skip("no device file here")
    with pytest.raises(NovelError, match="not a regular file"):
        load_novel(os.devnull)


def test_load_novel_composes_accents_with_a_notice(tmp_path: Path) -> None:
    novel = load_novel(_file(tmp_path, unicodedata.normalize("NFD", STORY)))
    assert novel.text == STORY
    assert novel.notices == ("accents that followed their letters were joined to them",)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_load_novel_reads_any_bytes_or_gives_one_clear_line(tmp_path: Path, data: bytes) -> None:
    try:
        novel = load_novel(_file(tmp_path, data))
    except NovelError as error:
        assert "\n" not in str(error)
    else:
        assert "\r" not in novel.text
        assert 0 <= novel.body.start < novel.body.end <= len(novel.text)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_load_novel_keeps_any_utf8_text(tmp_path: Path, words: str) -> None:
    text = unicodedata.normalize("NFC", "مرحبا 😀 " + words)
    assert load_novel(_file(tmp_path, text)).text == text


HEADER = "The Project Gutenberg eBook of X\n\nTitle: The Tale of X\n\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n",
            "\n\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nlicence",
        ),
        ("***START OF THIS PROJECT GUTENBERG EBOOK X***\n", "\n***END OF THIS PROJECT GUTENBERG EBOOK X***\nlicence"),
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK X\nAND Y ***\n",
            "\n\nEnd of Project Gutenberg's X, by Y\n\n*** END OF",
        ),
        (
            "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04*END*\n",
            "\n\nEnd of The Project Gutenberg Etext of X\n",
        ),
        (
            "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n\n\nProduced by A and\nB\n\n",
            "\n\nEnd of the Project Gutenberg EBook of X\n\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n",
        ),
    ],
)
def test_body_leaves_out_what_project_gutenberg_prints_around_it(tmp_path: Path, before: str, after: str) -> None:
    assert _body(tmp_path, HEADER + before + STORY + after) == STORY


def test_body_is_the_trimmed_text_where_there_is_no_header(tmp_path: Path) -> None:
    assert _body(tmp_path, f"\n\n  {STORY}\n\n") == STORY


def test_body_without_words_is_refused(tmp_path: Path) -> None:
    around = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n"
    with pytest.raises(NovelError, match="no words between"):
        load_novel(_file(tmp_path, around))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with three novels, and things that are none."""
    for name in ("The Count of Monte-Cristo.txt", "café_stories.TXT", "pg46597.txt", "notes.md", ".hidden.txt"):
        _file(tmp_path, HEADER.replace("Tale of X", "Castaways") + STORY if "pg" in name else STORY, name)
    (tmp_path / "folder.txt").mkdir()
    return tmp_path


def test_list_novels_lists_text_files_sorted(shelf: Path) -> None:
    assert [path.name for path in list_novels(shelf)] == [
        "café_stories.TXT",
        "pg46597.txt",
        "The Count of Monte-Cristo.txt",
    ]


def test_list_novels_refuses_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(NovelError, match="does not exist"):
        list_novels(tmp_path / "none")


@pytest.mark.parametrize(
    "name",
    [
        "The Count of Monte-Cristo.txt",
        "the count of monte cristo",
        "THE_COUNT_OF_MONTE_CRISTO",
        "Count of Monte Cristo",
        "The Cöunt, of Monte Cristo!",
    ],
)
def test_find_novel_does_not_mind_the_spelling(shelf: Path, name: str) -> None:
    assert find_novel(shelf, name).name == "The Count of Monte-Cristo.txt"


def test_find_novel_accepts_a_path(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = _file(tmp_path_factory.mktemp("elsewhere"), STORY, "other.txt")
    assert find_novel(shelf, str(elsewhere)) == elsewhere


def test_find_novel_takes_a_path_inside_the_folder(shelf: Path) -> None:
    (shelf / "more").mkdir()
    inner = _file(shelf / "more", STORY, "inner.txt")
    assert find_novel(shelf, "more/inner.txt") == inner


@pytest.mark.parametrize("name", ["", "...", "A title. " * 600, "a\0b.txt", "../.."])
def test_find_novel_lists_the_novels_for_an_unknown_name(shelf: Path, name: str) -> None:
    with pytest.raises(NovelError, match=r"there are 'café_stories\.TXT'"):
        find_novel(shelf, name)


def test_find_novel_reads_the_title_of_a_header(shelf: Path) -> None:
    assert find_novel(shelf, "Castaways").name == "pg46597.txt"


def test_find_novel_names_the_nearest_of_an_unknown_title(shelf: Path) -> None:
    with pytest.raises(NovelError, match=r"no novel 'Cafe story'.*nearest: 'café_stories.TXT'; there are"):
        find_novel(shelf, "Cafe story")


def test_find_novel_lists_what_an_ambiguous_name_means(shelf: Path) -> None:
    _file(shelf, STORY, "The_Count_of_Monte_Cristo.txt")
    with pytest.raises(
        NovelError, match=r"several novels.*'The Count of Monte-Cristo.txt', 'The_Count_of_Monte_Cristo"
    ):
        find_novel(shelf, "the count of monte cristo")


def test_find_novel_reports_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(NovelError, match="holds no novel"):
        find_novel(tmp_path, "anything")


def test_shelf_looks_once_for_any_number_of_names(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, opened = list[Path](), list[Path]()
    open_file = Path.open

    def note_list(folder: Path) -> tuple[Path, ...]:
        listed.append(folder)
        return list_novels(folder)

    def note_open(self: Path, *arguments: Any, **named: Any) -> Any:
        opened.append(self)
        return open_file(self, *arguments, **named)

    monkeypatch.setattr(novels, "list_novels", note_list)
    monkeypatch.setattr(Path, "open", note_open)
    names = ["Castaways", "the count of monte cristo", "Count of Monte Cristo", "Castaways"] * 3
    one = Shelf(shelf)
    assert [one.find(name, paths=False) for name in names] == [find_novel(shelf, name) for name in names]
    assert listed.count(shelf) == 1 + len(names)
    assert len(opened) == (1 + names.count("Castaways")) * len(list_novels(shelf)), "titles are read once, too"


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (("1.md", "2.md"), True),
        (("Chapter One.txt", "Chapter Two.txt", "Epilogue.txt"), True),
        (("contents.txt", "The Lamp.md", "The Storm.md"), True),
        (("Emma.txt", "Persuasion.txt"), False),
        (("1.md",), False),
        (("1.png", "2.png"), False),
    ],
)
def test_folder_counts_as_a_novel_where_its_names_say_so(tmp_path: Path, names: tuple[str, ...], listed: bool) -> None:
    (tmp_path / "My Book").mkdir()
    for name in names:
        _file(tmp_path / "My Book", STORY, name)
    _file(tmp_path, STORY, "README.md")
    assert [path.name for path in list_novels(tmp_path)] == (["My Book"] if listed else [])


@pytest.mark.parametrize("name", ["my book", "My Book", "{folder}/My Book"])
def test_folder_of_chapters_is_found_by_name_and_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "My Book").mkdir()
    for number in (1, 2):
        _file(tmp_path / "My Book", STORY, f"{number}.md")
    assert find_novel(tmp_path, name.format(folder=tmp_path)) == tmp_path / "My Book"
    assert load_novel(tmp_path / "My Book").name == "My Book"


def test_folder_without_numbers_is_found_where_it_is_named_outright(tmp_path: Path) -> None:
    (tmp_path / "Vault").mkdir()
    _file(tmp_path / "Vault", STORY, "The Lamp.md")
    _file(tmp_path, STORY, "Other.txt")
    assert find_novel(tmp_path, "Vault", paths=False) == tmp_path / "Vault"
    with pytest.raises(NovelError, match="no novel"):
        find_novel(tmp_path / "Vault", tmp_path.name, paths=False)


def test_hash_of_a_folder_changes_with_each_of_its_chapters(tmp_path: Path) -> None:
    hashes = set()
    for content in (STORY, STORY + " He left."):
        _file(tmp_path, STORY, "1.md")
        _file(tmp_path, content, "2.md")
        hashes.add(load_novel(tmp_path).sha256)
    assert len(hashes) == 2


def test_paragraphs_are_counted_in_their_chapter(tmp_path: Path) -> None:
    text = "A tale.\n\nChapter 1\n\nit rained.\n\nit\nstopped.\n\nChapter 2\nit snowed.\n\n\nit thawed.\n"
    novel = load_novel(_file(tmp_path, text))
    words = ("A tale", "Chapter 1", "it rained", "stopped", "Chapter 2", "it snowed", "it thawed")
    assert [(novel.title_at(place), novel.paragraph_at(place)) for place in map(text.index, words)] == [
        ("", 1),
        ("Chapter 1", 0),
        ("Chapter 1", 1),
        ("Chapter 1", 2),
        ("Chapter 2", 0),
        ("Chapter 2", 1),
        ("Chapter 2", 2),
    ]
