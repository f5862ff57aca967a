"""``python -m pipeline characters``: the cast of a novel."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.progress import print_line, print_notice
from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import NOVELS_DIR, CommandParser, add_aliases, add_settings
from pipeline.config import TextConfig

if TYPE_CHECKING:
    from pipeline.text.aliases import Alias

SUMMARY = "list the characters of a novel, to find the name to judge by"
_WIDEST = 60


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("novel", metavar="NOVEL", help="title, file name or path")
    parser.add_argument("--novels_dir", metavar="DIR", default=NOVELS_DIR, help="folder of novels (%(default)s)")
    add_aliases(parser)
    parser.add_argument(
        "--confirm",
        metavar="ALIAS=NAME",
        action="append",
        default=[],
        help="store a proposed name in --aliases_file, else in <novel>.aliases next to the novel; repeat",
    )
    add_settings(parser, TextConfig)


def run(arguments: argparse.Namespace) -> int:
    """Print who is in a novel and who tells it, names that the text explains, and names misread; return 0."""
    from pipeline.commands.session import given_aliases
    from pipeline.run import Pipeline
    from pipeline.text.aliases import aliases_path, parse_alias
    from pipeline.text.epithets import sentence_around
    from pipeline.text.novels import find_novel

    novel = find_novel(arguments.novels_dir, arguments.novel)
    confirmed = [parse_alias(text) for text in arguments.confirm]
    if confirmed:
        _store(confirmed, Path(arguments.aliases_file) if arguments.aliases_file else aliases_path(novel))
    pipeline = Pipeline(pipeline_config(arguments), given_aliases(arguments))
    book = pipeline.open_book(novel)
    for notice in book.novel.notices:
        print_notice(notice)
    rows = [("name", "mentions", "chunks", "aliases")]
    for person in book.cast:
        told = f"[told by this character: {len(person.told)} sentences] " if person.told else ""
        aliases = told + _shortened(", ".join(person.aliases))
        rows.append((person.name, str(len(person.mentions)), str(len(person.chunks)), aliases))
    for line in _columns(rows):
        print_line(line)
    if book.epithets:
        print_line("The text explains these names; none counts until you confirm it with --confirm:")
    for proposal in book.epithets:
        quotation = sentence_around(book.novel, proposal.span, book.sentences)
        print_line(f"  --confirm '{proposal.alias.alias}={proposal.alias.name}'  “{quotation}”")
    for alike in book.look_alikes(book.cast):
        print_notice(str(alike))
    return 0


def _store(confirmed: Sequence[Alias], path: Path) -> None:
    """Add confirmed names to an aliases file."""
    from pipeline.text.aliases import add_alias

    for alias in confirmed:
        done = "stored in" if add_alias(path, alias) else "already in"
        print_line(f"{alias.alias}={alias.name}: {done} {path}")


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    width = max(len(name) for name, *_ in rows)
    return [
        f"{name:<{width}}  {mentions:>8}  {chunks:>6}  {aliases}".rstrip() for name, mentions, chunks, aliases in rows
    ]
