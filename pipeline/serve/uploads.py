"""Convert uploaded manuscripts to novels: plain text as it is, EPUB and Word through libraries.

A novel becomes a ``.txt`` in the folder of novels, where the command line finds it too.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import mammoth
from fast_ebook import ITEM_NAVIGATION, epub

from pipeline.errors import NovelError
from pipeline.storage.files import replacing, safe_name
from pipeline.storage.locks import lock_of, locked
from pipeline.text.novels import load_novel

_LARGEST_UNPACKED = 400_000_000
_BLOCK = re.compile(
    "address|article|aside|blockquote|body|caption|center|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li|"
    "main|nav|ol|p|pre|section|table|td|th|tr|ul"
)
_UNREAD = frozenset({"head", "script", "style", "template"})
_GAPS = re.compile(r"\s*\n\s*\n\s*")


def import_novel(data: bytes, file_name: str, novels_dir: Path, *, replace: bool) -> Path:
    """Add a manuscript to the novels and return its path; an old file is replaced only by a valid new one.

    Raises:
        NovelError: the kind of file is unknown, it cannot be read, has no text, its name is taken, or the folder is
            not writable.
    """
    path = novels_dir / f"{_stem(file_name)}.txt"
    convert = _CONVERTERS.get(_suffix(file_name))
    if convert is None:
        raise NovelError(f"{file_name!r} is not a supported manuscript; expected a .txt, .epub or .docx file")
    _check_name_is_free(path, replace)
    _place(_converted(convert, data, file_name), path, file_name, replace)
    return path


def html_text(source: str) -> str:
    """Return the words of an HTML document, a blank line between its blocks."""
    reader = _TextOfHTML()
    reader.feed(source)
    reader.close()
    return _GAPS.sub("\n\n", "".join(reader.parts)).strip()


class _TextOfHTML(HTMLParser):
    """Collects words and breaks, without heads and scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        self._break(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD and self._unread > 0
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if _BLOCK.fullmatch(tag):
            self.parts.append("\n\n")
        elif tag == "br":
            self.parts.append("\n")


def _epub_text(data: bytes) -> str:
    book = epub.read_epub(io.BytesIO(data))
    items = (book.get_item_with_id(name) for name, *_ in book.get_spine())
    chapters = (item for item in items if item is not None and item.get_type() != ITEM_NAVIGATION)
    return "\n\n\n".join(html_text(bytes(item.get_content()).decode("utf-8", errors="replace")) for item in chapters)


def _docx_text(data: bytes) -> str:
    return html_text(mammoth.convert_to_html(io.BytesIO(data), ignore_empty_paragraphs=True).value)


def _packed(read: Callable[[bytes], str]) -> Callable[[bytes], bytes]:
    """Return a converter of a zipped format that checks the unpacked size first."""

    def convert(data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST_UNPACKED:
            raise ValueError(f"it unpacks to {size:,} bytes, more than {_LARGEST_UNPACKED:,}")
        return read(data).encode("utf-8", errors="replace")

    return convert


_CONVERTERS: dict[str, Callable[[bytes], bytes]] = {
    ".txt": lambda data: data,
    ".epub": _packed(_epub_text),
    ".docx": _packed(_docx_text),
}
KINDS = tuple(_CONVERTERS)
"""The suffixes of the files that can be uploaded."""


def _converted(convert: Callable[[bytes], bytes], data: bytes, file_name: str) -> bytes:
    try:
        return convert(data)
    except Exception as error:  # a damaged file can raise anything in its library
        reason = str(error) or type(error).__name__
        raise NovelError(
            f"{file_name!r} cannot be read as {_suffix(file_name)[1:].upper()} ({reason}); open it in the program that "
            "wrote it and save it again, or use plain text"
        ) from error


def _check_name_is_free(path: Path, replace: bool) -> None:
    if path.exists() and not replace:
        raise NovelError(f"{path.name} exists already; rename your file, or choose to replace the old one")


def _place(text: bytes, path: Path, file_name: str, replace: bool) -> None:
    """Write the text to ``path`` if it is a valid novel.

    Raises NovelError if the name is taken, even by a simultaneous upload.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock_of(path)), replacing(path) as scratch:
            scratch.write_bytes(text)
            load_novel(scratch)
            _check_name_is_free(path, replace)
    except NovelError as error:
        raise NovelError(str(error).replace(str(scratch), file_name)) from error
    except OSError as error:
        raise NovelError(
            f"{path.name} cannot be stored ({error.strerror or error}); free some space, or make the folder of "
            "novels writable"
        ) from error


def _stem(file_name: str) -> str:
    """Return a safe name for the novel, without the folders and characters that the sender put into it."""
    return safe_name(Path(file_name.replace("\\", "/").rsplit("/", 1)[-1]).stem)


def _suffix(file_name: str) -> str:
    return Path(file_name).suffix.lower()
