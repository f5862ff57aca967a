"""Read a backstory from a file: text, Markdown, Word, OpenDocument, HTML, YAML, JSON or a CSV table of fields."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.claims.documents import PACKED, html_to_markdown, unpack
from pipeline.claims.sheet import Layout, SheetText
from pipeline.claims.structured import looks_like_json
from pipeline.errors import BackstoryError, EncodingError
from pipeline.formats.html import decode_html
from pipeline.formats.signature import why_not
from pipeline.storage.encoding import decode

LONGEST = 200_000
"""Characters of the longest backstory; a longer text is a novel given by mistake."""
_MOST_BYTES = 4 * LONGEST
"""Bytes that are read of a file of text, whatever its size; no encoding needs more than four for a character."""
_MOST_PACKED = 20_000_000
"""Bytes that are read of a zipped document, which may hold pictures."""
_LAYOUTS: dict[str, Layout] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "csv", ".tsv": "csv"}
_FENCED = re.compile(r"(?P<before>\s*)(?:```|~~~)(?P<kind>json|ya?ml)\s*\n(?P<inside>.*\n)\s*(?:```|~~~)\s*", re.S)
KINDS = (".txt", ".md", ".docx", ".odt", ".html", ".yaml", ".json", ".csv")
"""The suffixes of the files that hold backstories; a file with any other is read as text."""


def read_backstory(path: str | Path) -> SheetText:
    """Return the text of a backstory file and its layout; text is UTF-8, or in a detected encoding.

    Raises BackstoryError when the file is missing, a folder, binary, empty, damaged, or far too long.
    """
    most = _MOST_PACKED if Path(path).suffix.lower() in PACKED else _MOST_BYTES
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BackstoryError(
            f"{path} cannot be read ({error.strerror}); expected a text file with a backstory; check the path"
        ) from error
    if len(data) > most:
        raise BackstoryError(
            f"{path} has more than {most} bytes; expected at most {LONGEST} characters; give the backstory, not "
            "the novel"
        )
    return decode_backstory(data, str(path))


def decode_backstory(data: bytes, source: str) -> SheetText:
    """Return the text of a backstory from the bytes of a file whose name is, or ends, ``source``."""
    suffix = Path(source).suffix.lower()
    if reason := why_not(data, suffix):
        raise BackstoryError(f"{source} {reason}")
    is_packed = suffix in PACKED
    sheet = unpack(data, suffix, source) if is_packed else _decoded(data, suffix, source)
    if not sheet.text.strip():
        raise BackstoryError(f"{source} is empty; expected a backstory of at least one sentence; write one into it")
    return sheet


def _decoded(data: bytes, suffix: str, source: str) -> SheetText:
    is_page = suffix in {".html", ".htm", ".xhtml"}
    try:
        text, _, notices = decode_html(data, source) if is_page else decode(data, source=source)
    except EncodingError as error:
        raise BackstoryError(f"{source} is a binary file; expected a text file; save it as UTF-8 text") from error
    told = tuple(f"the backstory was {notice}" if notice.startswith("read as") else notice for notice in notices)
    if is_page:
        return SheetText(html_to_markdown(text), notices=told)
    return sheet_of(text.rstrip(), layout=_LAYOUTS.get(suffix, "text"), notices=told)


def sheet_of(text: str, *, layout: Layout = "text", notices: tuple[str, ...] = ()) -> SheetText:
    """Return a text with its layout; a text that is JSON, or one block of code, is read as such."""
    fenced = _FENCED.fullmatch(text) if layout == "text" else None
    if fenced:  # blank lines in the place of the fence keep the numbers of the others
        text, layout = f"{fenced['before']}\n{fenced['inside']}", "yaml" if fenced["kind"].startswith("y") else "text"
    return SheetText(text, "json" if layout == "text" and looks_like_json(text) else layout, notices)
