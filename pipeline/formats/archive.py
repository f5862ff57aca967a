"""Zipped files, with limits on what they unpack to."""

from __future__ import annotations

import io
import zipfile

from pipeline.errors import NovelError

LARGEST_UNPACKED = 400_000_000


def open_archive(data: bytes, source: str) -> zipfile.ZipFile:
    """Open a zipped file; raises NovelError if it would unpack to too much, BadZipFile if it is not one."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_UNPACKED:
        raise NovelError(f"{source} unpacks to {size:,} bytes, more than {LARGEST_UNPACKED:,}; leave the pictures out")
    return archive
