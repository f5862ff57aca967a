"""Recognise a file whose first bytes are those of another format than its name says."""

from __future__ import annotations

import io
import re
import zipfile

_SAVE = "save it as .docx, .odt or .txt"
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"{\\rtf", "rich text (RTF)", _SAVE),
    (b"%PDF-", "a PDF", "save it as .docx, .odt or .txt in the program that wrote it"),
    (b"%!PS", "PostScript", _SAVE),
    (b"\xd0\xcf\x11\xe0", "an old or password-protected Office file", "save it as .docx without a password"),
    (b"BOOKMOBI", "a MOBI book", "convert it to .epub"),
)
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype html|<html[\s>])", re.I)
_FICTION_BOOK = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<FictionBook\b")
_PARTS = (("word/", ".docx"), ("xl/", ".xlsx"), ("META-INF/container.xml", ".epub"), ("content.xml", ".odt"))
_NAMES = {
    ".docx": "a Word document",
    ".xlsx": "an Excel workbook",
    ".epub": "an EPUB",
    ".odt": "an OpenDocument file",
    ".html": "a web page (HTML)",
    ".fb2": "a FictionBook",
    ".zip": "a ZIP archive",
}
_OWN = frozenset({".rtf", ".pdf", ".ps", ".doc", ".xls", ".ppt", ".mobi", ".prc"})
_MARKUP = frozenset({".html", ".htm", ".xhtml", ".md", ".markdown", ".fb2"})
_ZIPPED = frozenset({".docx", ".epub", ".odt"})


def why_not(data: bytes, suffix: str) -> str:
    """Return what a file is, and what to do, if it is not of the format of its suffix; nothing if it may be.

    >>> why_not(b"%PDF-1.7", ".txt")
    'is a PDF, not plain text: save it as .docx, .odt or .txt in the program that wrote it'
    """
    named = "not plain text" if suffix in {"", ".txt"} else f"not {suffix}"
    for beginning, kind, remedy in _BEGINNINGS:
        if data.startswith(beginning):
            return f"is {kind}, {named}: {remedy}" if suffix not in _OWN else f"is {kind}, which is not read: {remedy}"
    found = _found(data)
    may_be = (found in {".html", ".fb2"} and suffix in _MARKUP) or (found == ".zip" and suffix in _ZIPPED)
    if not found or found == suffix or may_be:
        return ""
    remedy = "save the sheet that you need as .csv" if found == ".xlsx" else f"let its name end with {found}"
    return f"is {_NAMES[found]}, {named}: {remedy}"


def _found(data: bytes) -> str:
    """Return the suffix that fits the bytes, nothing where they may be any text."""
    if data.startswith(b"PK\x03\x04"):
        try:
            names = zipfile.ZipFile(io.BytesIO(data)).namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            return ""  # its reader says what is wrong with it
        return next((suffix for part, suffix in _PARTS if any(name.startswith(part) for name in names)), ".zip")
    return ".fb2" if _FICTION_BOOK.match(data) else ".html" if _PAGE.match(data) else ""
