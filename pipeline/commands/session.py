"""The stages as a command opens them, and the record of what a run was made with."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol

from pipeline.commands.progress import Bars, print_line, print_notice
from pipeline.config import LLMTask, PipelineConfig
from pipeline.device import set_threads
from pipeline.records import Character
from pipeline.report.manifest import Manifest
from pipeline.report.summaries import SUMMARY_METHOD
from pipeline.run import Pipeline
from pipeline.text.aliases import Alias, load_aliases, parse_alias

_METHODS = {
    "claims": "heuristic splitter over spaCy's rule-based sentences",
    "characters": "persons by the tagger of spacy_model and a vote of the whole book on each name, or with the word "
    "rules by a finder of capitalised names; joined by first name, surname, title and the user's aliases",
    "retrieval": "BM25 over stems fused with the distance of the encoder's vectors (reciprocal ranks), then ordered by "
    "a bi-encoder and a cross-encoder",
}
_TO_BACKSTORY = "; from claims to a backstory the model that was fitted on the claims of the shipped verifier"
_BY_GROQ: tuple[tuple[LLMTask, str, str], ...] = (
    ("claims", "claims", "split by {model} on Groq, {answered} of {wanted} backstories; else {own}"),
    (
        "judge",
        "scorer",
        "every passage of a claim labelled by {model} on Groq, {answered} of {wanted} claims; the highest support s "
        "and contradict c among them give the claim's probability (1 + s - c) / 2 and its label; else, and for the "
        "step from claims to a backstory, {own}",
    ),
    (
        "summaries",
        "summary",
        "of chunks in evidence a sentence written by {model} on Groq, {answered} of {wanted} chunks; else {own}",
    ),
)


@contextmanager
def open_pipeline(arguments: argparse.Namespace, config: PipelineConfig) -> Iterator[Pipeline]:
    """Yield the stages with their models loaded, and with progress bars on standard error."""
    with open_stages(arguments, config) as pipeline:
        pipeline.load_models()
        yield pipeline


@contextmanager
def open_stages(arguments: argparse.Namespace, config: PipelineConfig) -> Iterator[Pipeline]:
    """Yield the stages without loading a model, for commands that do not need all of them."""
    set_threads(arguments.threads)
    aliases = given_aliases(arguments)
    with Bars("token") as bars:
        yield Pipeline(config, aliases, arguments.cache_dir or None, bars.show, print_notice)


def given_aliases(arguments: argparse.Namespace) -> tuple[Alias, ...]:
    """Return the names that the user gave, by flag and by file; raise SettingError for a malformed one."""
    aliases = tuple(parse_alias(text) for text in arguments.alias)
    return aliases + (load_aliases(arguments.aliases_file) if arguments.aliases_file else ())


class HasCast(Protocol):
    """A novel with its people."""

    @property
    def cast(self) -> tuple[Character, ...]:
        """The people of the novel, most mentioned first."""


def cast_with(book: HasCast, tracked: Sequence[Character]) -> list[Character]:
    """Return the cast with the tracked characters as they were resolved, instead of the same persons of the cast.

    A person of the cast is a tracked character if the name is the same, or most mentions are.
    """
    own = {person.name: person for person in tracked}
    places = {mention.start for person in tracked for mention in person.mentions}
    others = (
        person
        for person in book.cast
        if person.name not in own
        and 2 * sum(mention.start in places for mention in person.mentions) <= len(person.mentions)
    )
    return [*own.values(), *others]


def make_manifest(pipeline: Pipeline) -> Manifest:
    """Return what this run was made with."""
    ranker = pipeline.models.ranker
    weights = {
        "reader": pipeline.encoder.weights_sha256,
        **pipeline.judge.weights,
        **(ranker.weights if ranker else {}),
    }
    weights["verdict"] = pipeline.models.backstory_model.sha256
    settings = asdict(pipeline.config)
    if pipeline.groq_client is None:
        del settings["llm"]  # it had no part in the run
    methods = {"scorer": _scorer(pipeline)} | _METHODS | _methods_of_groq(pipeline)
    return Manifest(settings, pipeline.config.seed, weights, methods)


def _scorer(pipeline: Pipeline) -> str:
    """Return how claims were judged, and by which model backstories, which was fitted on the default judge's claims."""
    method = pipeline.judge.method
    return method if pipeline.config.scoring.judge in {"joint", "bdh", "groq"} else method + _TO_BACKSTORY


def _methods_of_groq(pipeline: Pipeline) -> dict[str, str]:
    """Return how each of Groq's tasks was done, and how often by Groq."""
    own = {"scorer": pipeline.judge.method, **_METHODS, "summary": SUMMARY_METHOD}
    llm = pipeline.config.llm
    return {
        step: way.format(model=llm.model, **asdict(pipeline.llm.tally(task)), own=own[step])
        for task, step, way in _BY_GROQ
        if task in pipeline.config.groq_tasks
    }


def print_usage(pipeline: Pipeline, output: Callable[[str], None] = print_line) -> None:
    """Print what Groq has used and costs, where it has a task."""
    if pipeline.groq_client is not None:
        output(str(pipeline.groq_client.usage))
