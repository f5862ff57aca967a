"""``python -m pipeline characters``: the cast of a novel."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pipeline.commands.progress import print_line, print_notice
from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import NOVELS_DIR, CommandParser, add_aliases, add_settings
from pipeline.config import TextConfig

SUMMARY = "list the characters of a novel, to find the name to judge by"
_WIDEST = 60


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("novel", metavar="NOVEL", help="title, file name or path")
    parser.add_argument("--novels_dir", metavar="DIR", default=NOVELS_DIR, help="folder of novels (%(default)s)")
    add_aliases(parser)
    add_settings(parser, TextConfig)


def run(arguments: argparse.Namespace) -> int:
    """Print who is in a novel, most mentioned first, and words that look like names misread; return 0."""
    from pipeline.commands.session import given_aliases
    from pipeline.run import Pipeline
    from pipeline.text.novels import find_novel

    pipeline = Pipeline(pipeline_config(arguments), given_aliases(arguments))
    book = pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    for notice in book.novel.notices:
        print_notice(notice)
    rows = [("name", "mentions", "chunks", "aliases")]
    for person in book.cast:
        aliases = _shortened(", ".join(person.aliases))
        rows.append((person.name, str(len(person.mentions)), str(len(person.chunks)), aliases))
    for line in _columns(rows):
        print_line(line)
    for alike in book.look_alikes(book.cast):
        print_notice(str(alike))
    return 0


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    width = max(len(name) for name, *_ in rows)
    return [
        f"{name:<{width}}  {mentions:>8}  {chunks:>6}  {aliases}".rstrip() for name, mentions, chunks, aliases in rows
    ]
