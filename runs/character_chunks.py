"""Score the chunks in which characters are found against manual annotations. See runs/persons.md.

    python runs/character_chunks.py --novels_dir DIR MARKS.json ... [--alias 'Ben Joyce=Tom Ayrton']

A file of annotations has ``character``, ``novel`` and ``chunks``: for chunk indices, with the default chunking, whether
the chunk names the character. Prints precision and recall over the marked chunks, and where they differ.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pipeline.book import Book
from pipeline.config import PipelineConfig, TextConfig
from pipeline.run import Pipeline
from pipeline.text.aliases import parse_alias
from pipeline.text.novels import find_novel
from pipeline.text.persons import RULES


def main() -> None:
    """Print one line per character."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("marks", type=Path, nargs="+")
    parser.add_argument("--novels_dir", required=True)
    parser.add_argument("--alias", action="append", default=[], metavar="ALIAS=NAME")
    parser.add_argument("--show", action="store_true", help="print the chunks that differ")
    arguments = parser.parse_args()
    rules = PipelineConfig(text=TextConfig(RULES))  # characters are searched by name, without a tagger
    pipeline = Pipeline(rules, aliases=tuple(parse_alias(text) for text in arguments.alias))

    @cache
    def open_book(novel: str) -> Book:
        return pipeline.open_book(find_novel(arguments.novels_dir, novel))

    for path in arguments.marks:
        marks = json.loads(path.read_text(encoding="utf-8"))
        book = open_book(marks["novel"])
        if marks.get("novel_sha256", book.novel.sha256) != book.novel.sha256:
            raise SystemExit(f"{path} was made for a different text of {marks['novel']!r}; its chunks do not fit")
        found = set(pipeline.find_character(book, marks["character"]).chunks)
        given = {int(index): bool(mark) for index, mark in marks["chunks"].items()}
        right = sum(mark and index in found for index, mark in given.items())
        named, answered = sum(given.values()), sum(index in found for index in given)
        print(
            f"{marks['character']}: {len(given)} chunks, {named} name the character; "
            f"precision {_share(right, answered)}, recall {_share(right, named)}"
        )
        for index, mark in sorted(given.items()) if arguments.show else ():
            if mark != (index in found):
                chunk = book.chunks[index]
                print(f"  {index} {'missed' if mark else 'wrong'}: {book.novel.text[chunk.start : chunk.end]!r}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f} ({part}/{whole})" if whole else "undefined (none)"


if __name__ == "__main__":
    main()
