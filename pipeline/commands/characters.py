"""``python -m pipeline characters``: the cast of a novel."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pipeline.commands.progress import say
from pipeline.commands.session import given_aliases
from pipeline.config import PipelineConfig, TextConfig
from pipeline.run import Pipeline
from pipeline.text.novels import find_novel

_WIDEST = 60


def list_characters(arguments: argparse.Namespace) -> int:
    """Print who is in a novel: name, mentions, chunks, other names; most mentioned first; return 0."""
    pipeline = Pipeline(PipelineConfig(text=TextConfig(arguments.spacy_model)), given_aliases(arguments))
    book = pipeline.open_book(find_novel(arguments.novels_dir, arguments.novel))
    rows = [("name", "mentions", "chunks", "aliases")]
    for person in book.cast:
        aliases = _shortened(", ".join(person.aliases))
        rows.append((person.name, str(len(person.mentions)), str(len(person.chunks)), aliases))
    for line in _columns(rows):
        say(line)
    return 0


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    width = max(len(name) for name, *_ in rows)
    return [
        f"{name:<{width}}  {mentions:>8}  {chunks:>6}  {aliases}".rstrip() for name, mentions, chunks, aliases in rows
    ]
