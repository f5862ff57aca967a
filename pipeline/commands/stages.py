"""The stages as a command opens them, and what a run was made with."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pipeline.commands.console import Bars
from pipeline.config import PipelineConfig
from pipeline.reading.encoder import set_threads
from pipeline.records import Character
from pipeline.report.manifest import Manifest
from pipeline.run import Book, Pipeline
from pipeline.scoring.judge import METHOD
from pipeline.text.aliases import load_aliases, parse_alias

_METHODS = {
    "scorer": METHOD,
    "claims": "heuristic splitter over spaCy's rule-based sentences",
    "characters": "capitalised-span finder with titles, or the PERSON entities of --spacy_model",
    "retrieval": "BM25 over stems fused with the distance of the reader's vectors (reciprocal ranks)",
}


@contextmanager
def open_pipeline(arguments: argparse.Namespace, config: PipelineConfig) -> Iterator[Pipeline]:
    """Yield the stages, with progress bars on standard error."""
    set_threads(arguments.threads)
    aliases = tuple(parse_alias(text) for text in arguments.alias)
    if arguments.aliases_file:
        aliases += load_aliases(arguments.aliases_file)
    cache = Path(arguments.cache_dir) if arguments.cache_dir else None
    with Bars("token") as bars:
        yield Pipeline(config, aliases, cache, bars.show)


def cast_with(book: Book, tracked: Sequence[Character]) -> list[Character]:
    """Return the cast with the tracked characters as they were resolved, in place of those of the same name."""
    own = {person.name: person for person in tracked}
    return [*own.values(), *(person for person in book.cast if person.name not in own)]


def make_manifest(pipeline: Pipeline) -> Manifest:
    """Return what this run was made with."""
    weights = {"reader": pipeline.encoder.weights_sha256, "verdict": pipeline.judge.sha256}
    return Manifest(asdict(pipeline.config), pipeline.config.seed, weights, _METHODS)
