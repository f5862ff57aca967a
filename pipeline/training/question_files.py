"""Files of questions: JSON lines packed with xz, one line a book.

They hold all that training needs, so that it can happen on a machine that has neither the novels nor what prepares
them.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import TableError
from pipeline.storage.files import replacing

SUFFIX = ".questions.xz"


def write_questions(path: Path, books: Iterable[dict[str, Any]]) -> None:
    """Write the questions about some books at once or not at all."""
    with replacing(path) as scratch, lzma.open(scratch, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(book, ensure_ascii=False, separators=(",", ":")) + "\n" for book in books)


def read_questions(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the books of a file of questions, or of all such files in a folder, by name; raises TableError."""
    files = sorted(path.glob("*" + SUFFIX)) if path.is_dir() else [path]
    if not files:
        raise TableError(f"{path} holds no *{SUFFIX}; expected what train-reader prepares")
    for file in files:
        try:
            with lzma.open(file, "rt", encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
        except (OSError, ValueError, lzma.LZMAError, EOFError) as error:
            raise TableError(f"{file} cannot be read ({error}); remove it and prepare it again") from error
        yield from rows
