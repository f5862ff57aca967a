"""EPUB 2 and 3: the documents in reading order, with the parts that its navigation (nav or NCX) names."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from fast_ebook import ITEM_COVER, ITEM_NAVIGATION, EpubItem, TocEntry, epub

from pipeline.errors import NovelError
from pipeline.formats.archive import open_archive
from pipeline.formats.builder import SECTION, TextBuilder
from pipeline.formats.front_matter import FRONT_MATTER_LIMIT, is_front_matter
from pipeline.formats.html import add_html, decode_html, left_out_notices
from pipeline.formats.manuscript import Manuscript, Mark

_HEAD = re.compile(r"<head\b.*?</head>", re.S | re.I)
_LINK = re.compile(r"<a\b[^>]*\bhref\s*=[^>]*>(.*?)</a>", re.S | re.I)
_TAG = re.compile(r"<[^>]*>")
_ENCRYPTION = "META-INF/encryption.xml"
_ENCRYPTED_PAGE = re.compile(rb"""URI\s*=\s*["'][^"']*\.x?html?["']""", re.I)
_FEWEST_LINKS = 3
_RIGHTS = re.compile(r"all rights reserved|\bISBN\b|(?:©|&copy;|copyright)\s*(?:\(c\)\s*)?(?:by\s+)?\d{4}", re.I)
_RIGHTS_LIMIT = 3000
_LINKED_SHARE = 0.7


def read_epub(data: bytes, source: str) -> Manuscript:
    """Read an EPUB; pages of the title, of rights, of contents and of the maker are left out."""
    with open_archive(data, source) as archive:
        _check_protection(archive, source)
    book = epub.read_epub(io.BytesIO(data))
    entries = list(_entries(book.toc, 1))
    builder, left_out = TextBuilder(), list[str]()
    missing = [name for name, *_ in book.get_spine() if not _content(book.get_item_with_id(name))]
    for item in _documents(book):
        page, _, _ = decode_html(_content(item), f"{item.get_name()} in {source}")
        reason = _why_left_out(page, item, entries)
        if reason:
            left_out.append(reason)
            continue
        builder.owe(SECTION)
        left_out += add_html(builder, page, prefix=posixpath.normpath(item.get_name()))
    notices = (*left_out_notices(left_out, "EPUB"), *_missing(missing))
    navigation, apart = _marks(builder, entries), tuple(builder.set_apart)
    return Manuscript(builder.text, "epub", tuple(builder.headings), navigation, apart, notices=notices)


def _content(item: EpubItem | None) -> bytes:
    return b"" if item is None else bytes(item.get_content())


def _check_protection(archive: zipfile.ZipFile, source: str) -> None:
    """Raise NovelError for a book whose pages are encrypted; encrypted fonts are no matter."""
    if _ENCRYPTION in archive.namelist() and _ENCRYPTED_PAGE.search(archive.read(_ENCRYPTION)):
        raise NovelError(f"{source} is protected (DRM), and its pages cannot be read: give a copy without protection")


def _missing(documents: Sequence[str]) -> tuple[str, ...]:
    """Return a notice of documents that the book lists and does not hold."""
    if not documents:
        return ()
    return (
        f"the EPUB lists parts that are not in it: {', '.join(documents)}; the text may be incomplete: get it anew",
    )


def _documents(book: epub.EpubBook) -> Iterator[EpubItem]:
    for name, *_ in book.get_spine():
        item = book.get_item_with_id(name)
        if item is not None and item.get_type() not in {ITEM_NAVIGATION, ITEM_COVER}:
            yield item


def _entries(toc: Sequence[object], level: int) -> Iterator[tuple[str, str, int]]:
    """Yield the entries of the navigation: file and anchor, title, and level."""
    for entry in toc:
        assert isinstance(entry, TocEntry), "a book that was read has no others"
        file, _, anchor = unquote(entry.href).partition("#")
        yield f"{posixpath.normpath(file)}#{anchor}", " ".join(entry.title.split()), level
        yield from _entries(entry.children, level + 1)


def _why_left_out(page: str, item: EpubItem, entries: Sequence[tuple[str, str, int]]) -> str:
    """Return what a short document is, by the navigation, if it is not part of the story, else nothing."""
    if _is_contents(page):
        return "contents"
    file = f"{posixpath.normpath(item.get_name())}#"
    titles = [title for place, title, _ in entries if place.startswith(file)]
    known = bool(titles) and all(map(is_front_matter, titles)) and _letters(page) <= FRONT_MATTER_LIMIT
    if known:
        return titles[0]
    return "page of rights" if _letters(page) <= _RIGHTS_LIMIT and _RIGHTS.search(_HEAD.sub("", page)) else ""


def _is_contents(page: str) -> bool:
    """Return True for a page that is little more than links to places in the book."""
    links = _LINK.findall(_HEAD.sub("", page))
    return len(links) >= _FEWEST_LINKS and _letters("".join(links)) > _LINKED_SHARE * _letters(page)


def _letters(page: str) -> int:
    """Return the number of characters of a page that are printed."""
    return len("".join(_TAG.sub("", _HEAD.sub("", page)).split()))


def _marks(builder: TextBuilder, entries: Sequence[tuple[str, str, int]]) -> tuple[Mark, ...]:
    """Return the entries whose places are in the text, in order of the text."""
    placed = ((builder.anchors.get(place), title, level) for place, title, level in entries)
    return tuple(sorted(Mark(start, start, level, title) for start, title, level in placed if start is not None))
