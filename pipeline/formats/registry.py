"""The formats that are read: one file each, and one line here."""

from __future__ import annotations

from pathlib import PurePath

from pipeline.errors import EncodingError, NovelError
from pipeline.formats.docx import read_docx
from pipeline.formats.epub import read_epub
from pipeline.formats.fb2 import read_fb2
from pipeline.formats.html import read_html
from pipeline.formats.manuscript import Manuscript, Reader
from pipeline.formats.markdown import read_markdown
from pipeline.formats.odt import read_odt
from pipeline.formats.plain import read_plain
from pipeline.formats.signature import why_not

FORMATS: dict[str, Reader] = {
    ".txt": read_plain,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".epub": read_epub,
    ".docx": read_docx,
    ".odt": read_odt,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".fb2": read_fb2,
}
"""The suffix of a file to what reads it."""
_FOREIGN = {
    ".doc": ".docx",
    ".rtf": ".docx or .odt",
    ".pages": ".docx or .epub",
    ".pdf": ".docx, .epub or .txt",
    ".mobi": ".epub",
    ".azw": ".epub",
    ".azw3": ".epub",
    ".kfx": ".epub",
    ".lit": ".epub",
    ".prc": ".epub",
    ".fbz": ".fb2.zip",
    ".scriv": ".docx or a folder of .md files",
    ".fodt": ".odt",
    ".abw": ".odt",
    ".sxw": ".odt",
    ".wpd": ".docx",
    ".wps": ".docx",
    ".fdx": ".docx",
    ".tex": ".docx or .md",
    ".rst": ".docx or .md",
    ".adoc": ".docx or .md",
    ".org": ".md",
}


def remedy(suffix: str) -> str:
    """Return what to do with a file of a format that is not read, nothing where that is not known."""
    return f"; for {suffix}, export it as {_FOREIGN[suffix]}" if suffix in _FOREIGN else ""


def read_manuscript(data: bytes, file_name: str, *, source: str) -> Manuscript:
    """Read the bytes of a file by the suffix of its name, as plain text if it is another; ``source`` is for messages.

    Raises:
        NovelError: the format is not read, or the file is damaged.
    """
    suffix = PurePath(file_name).suffix.lower()
    if suffix in _FOREIGN:
        raise NovelError(f"{source} is of a format that is not read{remedy(suffix)}")
    if reason := why_not(data, suffix):
        raise NovelError(f"{source} {reason}")
    try:
        return FORMATS.get(suffix, read_plain)(data, source)
    except NovelError:
        raise
    except EncodingError as error:
        raise NovelError(str(error)) from error
    except Exception as error:  # a damaged file can raise anything in its library
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise NovelError(
            f"{source} cannot be read as {suffix[1:].upper()} ({reason}); open it in the program that wrote it and "
            "save it again, or use plain text"
        ) from error
