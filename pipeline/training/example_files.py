"""Files of examples: JSON lines compressed with xz, one line per book.

They contain all that training needs, so that it can run on a machine without the novels and without spaCy.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import TableError
from pipeline.storage.files import replacing

SUFFIX = ".examples.xz"


def write_examples(path: Path, books: Iterable[dict[str, Any]]) -> None:
    """Write the examples of some books, all of them or none."""
    with replacing(path) as scratch, lzma.open(scratch, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(book, ensure_ascii=False, separators=(",", ":")) + "\n" for book in books)


def read_examples(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the books of a file of examples, or of all such files in a folder, by name; raises TableError."""
    files = sorted(path.glob("*" + SUFFIX)) if path.is_dir() else [path]
    if not files:
        raise TableError(f"{path} has no *{SUFFIX}; expected a folder that train-reader prepared")
    for file in files:
        try:
            with lzma.open(file, "rt", encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
        except (OSError, ValueError, lzma.LZMAError, EOFError) as error:
            raise TableError(f"{file} cannot be read ({error}); remove it and prepare it again") from error
        yield from rows
