"""Prepare one novel with its plain claims, as ``prepare-claims`` writes it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline.book import Book
from pipeline.commands.progress import print_notice
from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.device import choose_machine
from pipeline.errors import TableError
from pipeline.evaluation.claim_benchmark import find_quotation, single_claim
from pipeline.evaluation.tables import find_people
from pipeline.judging.sentence_encoder import SentenceEncoder
from pipeline.judging.window_finder import WindowFinder
from pipeline.narration.given import narrators_path
from pipeline.records import Claim, Evidence
from pipeline.run import Pipeline
from pipeline.storage.cache import make_key
from pipeline.storage.files import sha256_of
from pipeline.tables.plain_claims import PlainClaim
from pipeline.text.aliases import aliases_path
from pipeline.text.persons import RULES
from pipeline.text.version import ANALYSIS_VERSION
from pipeline.training.example_files import read_examples, write_examples
from pipeline.training.negatives import Changes
from pipeline.training.prepared_claims import PreparedClaim, pool_claims, prepare_rows, sentences_at

_FORMAT = 1


@dataclass(frozen=True)
class NovelToPrepare:
    """A novel with its labelled claims, or with the statements of a novel of the pool, and the file to write."""

    novel: Path
    title: str
    target: Path
    claims: tuple[PlainClaim, ...] = ()
    statements: tuple[tuple[str, str], ...] = ()
    labelled: bool = True


def searching(config: PipelineConfig) -> PipelineConfig:
    """Return the settings by which a pipeline finds the candidates of a claim, and no persons but those of claims."""
    retrieval = replace(config.retrieval, ranker="none", top_k=config.retrieval.candidates)
    return replace(config, retrieval=retrieval, text=replace(config.text, spacy_model=RULES))


def open_finder(config: PipelineConfig) -> WindowFinder:
    """Return the finder of the judge that the settings name, or one by words alone; raises ModelError."""
    folder = config.retrieval.ranker
    if folder == "none":
        return WindowFinder(None)
    device, dtype = choose_machine(config.reading.device, config.reading.dtype)
    return WindowFinder(SentenceEncoder.load(resolve_model_dir(folder) / "finder", device=device, dtype=dtype))


@dataclass(frozen=True)
class NovelPreparer:
    """Prepares novels with one pipeline and one finder."""

    pipeline: Pipeline
    finder: WindowFinder
    arguments: argparse.Namespace
    changes: Changes

    def prepare(self, job: NovelToPrepare) -> None:
        """Write the claims of a novel, unless they are there."""
        key = self._key(job)
        if _key_in(job.target) == key:
            return
        book = self.pipeline.open_book(job.novel)
        self.finder.encode_whole(book, self.pipeline.models.cache)
        shown = self.arguments.shown if job.labelled else 0
        rows = prepare_rows(book, job.title, self._claims(job, book), shown=shown, seed=self._seed)
        write_examples(job.target, [{**rows, "key": key}])

    @property
    def _seed(self) -> int:
        return self.pipeline.config.seed

    def _key(self, job: NovelToPrepare) -> str:
        """Return a hash over all that the file of a novel depends on."""
        config, encoder = self.pipeline.config, self.finder.encoder
        files = sorted(job.novel.rglob("*")) if job.novel.is_dir() else [job.novel]
        files += [aliases_path(job.novel), narrators_path(job.novel)]
        reader = config.reading.model_dir if config.retrieval.state_weight else ""
        settings = (self.arguments.near, self.arguments.shown, self.arguments.own_statements, config.seed, reader)
        parts = {
            "format": [_FORMAT, ANALYSIS_VERSION],
            "novel": [sha256_of(file) for file in files if file.is_file()],
            "claims": [asdict(claim) for claim in job.claims],
            "statements": [] if job.labelled else [job.statements, sorted(self.changes.items())],
            "settings": [settings, asdict(config.retrieval), asdict(config.text)],
            "aliases": self.pipeline.aliases,
            "finder": None if encoder is None else encoder.identity,
        }
        return make_key({"prepared claims": parts})

    def _claims(self, job: NovelToPrepare, book: Book) -> list[PreparedClaim]:
        if job.labelled:
            golden = dict(_with_evidence(job, book))
            claims = [claim for claim in job.claims if claim.id in golden]
        else:
            most = self.arguments.own_statements
            claims = pool_claims(book, job.statements, self.changes, most=most, seed=self._seed)
            golden = {}
        singles = [single_claim(claim.id, claim.character, claim.text) for claim in claims]
        found = self._evidence(book, singles)
        windows = self.finder.choose(book, singles, found)
        return [
            PreparedClaim(claim, golden.get(claim.id, ()), tuple(one.sentence for one in own[: self.arguments.near]))
            for claim, own in zip(claims, windows, strict=True)
        ]

    def _evidence(self, book: Book, claims: Sequence[Claim]) -> dict[str, tuple[Evidence, ...]]:
        """Return the candidates of each claim by its id."""
        reading = self.pipeline.read(book) if self.pipeline.config.retrieval.state_weight else None
        people = find_people(self.pipeline, book, [claim.character for claim in claims])
        return {
            claim.id: self.pipeline.find_evidence(book, reading, people[claim.character], [claim])[claim.id].evidence
            for claim in claims
        }


def _key_in(target: Path) -> str | None:
    """Return the key of a prepared novel, None where there is none that can be read."""
    if not target.exists():
        return None
    with suppress(TableError):
        for book in read_examples(target):
            return str(book.get("key"))
    return None


def _with_evidence(job: NovelToPrepare, book: Book) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the id of each claim with the sentences of its evidence; a fact whose evidence is missing is left out."""
    missing = []
    for claim in job.claims:
        spans = [find_quotation(book.novel.text, text) for text in claim.evidence]
        if all(spans) and (spans or claim.label == "not_stated"):
            yield claim.id, sentences_at(book, (span for own in spans for span in own))
        else:
            missing.append(claim.id)
    if missing:
        print_notice(f"{job.title}: claims whose evidence is not in the novel are left out: {', '.join(missing)}")
