"""Plain text, as it is."""

from __future__ import annotations

from pipeline.errors import NovelError
from pipeline.formats.manuscript import Manuscript
from pipeline.storage.encoding import decode

_RICH_TEXT = b"{\\rtf"


def read_plain(data: bytes, source: str) -> Manuscript:
    """Read plain text in any encoding."""
    if data.startswith(_RICH_TEXT):
        raise NovelError(f"{source} is rich text (RTF), not plain text: save it as .docx, .odt or .txt")
    text, encoding, notices = decode(data, source=source)
    return Manuscript(text, encoding, notices=notices)
