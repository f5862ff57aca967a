"""Read a backstory from a file."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import BackstoryError, EncodingError
from pipeline.storage.encoding import decode

LONGEST = 200_000
"""Characters of the longest backstory; a longer text is a novel given by mistake."""
_MOST_BYTES = 4 * LONGEST
"""Bytes that are read of a file, whatever its size; no encoding needs more than four for a character."""


def read_backstory(path: str | Path) -> str:
    """Return the text of a backstory file: UTF-8 with or without a byte order mark, or in a detected encoding.

    Raises BackstoryError when the file is missing, a folder, binary, empty, or far too long.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BackstoryError(
            f"{path} cannot be read ({error.strerror}); expected a text file with a backstory; check the path"
        ) from error
    if len(data) > _MOST_BYTES:
        raise BackstoryError(
            f"{path} has more than {_MOST_BYTES} bytes; expected at most {LONGEST} characters; give the backstory, not "
            "the novel"
        )
    try:
        text = decode(data, source=str(path)).text.strip()
    except EncodingError as error:
        raise BackstoryError(f"{path} is a binary file; expected a text file; save it as UTF-8 text") from error
    if not text:
        raise BackstoryError(f"{path} is empty; expected a backstory of at least one sentence; write one into it")
    return text
