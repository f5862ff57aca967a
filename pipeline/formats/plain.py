"""Plain text, as it is."""

from __future__ import annotations

from pipeline.formats.manuscript import Manuscript
from pipeline.storage.encoding import decode


def read_plain(data: bytes, source: str) -> Manuscript:
    """Read plain text in any encoding."""
    text, encoding, notices = decode(data, source=source)
    return Manuscript(text, encoding, notices=notices)
