"""The order of the stages, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.book import Book, BookOpener
from pipeline.claims.extract import extract_claims
from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.judging.claim_judge import Asked, Bench
from pipeline.judging.claim_model import describe_claims, passage_of
from pipeline.judging.verdict import backstory_rationale, label_backstory
from pipeline.llm.client import GroqDoor, load_key
from pipeline.llm.fallback import LLMSteps
from pipeline.reading.encoder import Encoder, load_encoder
from pipeline.reading.read import OnProgress, Reader, ignore_progress
from pipeline.records import Character, Claim, ClaimVerdict, Evidence, Novel, Reading, Verdict, Waiver
from pipeline.retrieval.fusion import retrieve
from pipeline.storage.cache import ReadingCache
from pipeline.storage.remote import open_cache
from pipeline.text.aliases import Alias
from pipeline.text.characters import resolve_character
from pipeline.waivers import apply_waivers

OnNotice = Callable[[str], object]

_ALL_WAIVED = "The author marked every claim as intentional, so nothing is left that could contradict the book."


@dataclass(frozen=True)
class Pipeline:
    """All stages with their models loaded once; ``aliases`` are the names that the user gave.

    ``on_notice`` is told at once what the user should know; the same notices stand in the verdicts. Made with a key
    missing that ``config.llm`` needs, it raises LLMError before anything is read.
    """

    config: PipelineConfig = field(default_factory=PipelineConfig)
    aliases: tuple[Alias, ...] = ()
    cache_dir: str | Path | None = None
    on_progress: OnProgress = ignore_progress
    on_notice: OnNotice = lambda notice: None

    def __post_init__(self) -> None:
        _ = self.door

    @cached_property
    def door(self) -> GroqDoor | None:
        """The door to Groq, None where Groq is asked for nothing; its answers are kept beside the readings."""
        if not self.config.llm.asked:
            return None
        return GroqDoor(self.config.llm, key=load_key(), folder=self._folder / "answers")

    @cached_property
    def llm(self) -> LLMSteps:
        """The steps that Groq takes."""
        return LLMSteps(self.door, self.on_notice)

    @property
    def _folder(self) -> Path:
        return self._cache.folder

    @cached_property
    def books(self) -> BookOpener:
        """What opens novels."""
        return BookOpener(self.config.text, self.aliases, self._cache)

    @cached_property
    def bench(self) -> Bench:
        """The judges of claims."""
        return Bench(self.config, self.aliases, self._cache)

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded reader."""
        return load_encoder(self.config.reading, folder=resolve_model_dir(self.config.reading.model_dir))

    def anew(self, on_progress: OnProgress | None = None) -> Pipeline:
        """Return these stages with their models and with nothing counted yet, for a run that is watched by itself."""
        own = copy(self)
        object.__setattr__(own, "on_progress", on_progress or self.on_progress)
        for counted in ("llm", "reader"):
            own.__dict__.pop(counted, None)
        return own

    def load_models(self) -> None:
        """Load the readers and the fitted verdict now, so that a missing one is known before hours of work."""
        _ = self.encoder
        self.bench.load()

    @cached_property
    def reader(self) -> Reader:
        """The reader with its cache."""
        return Reader(self.encoder, self._cache, self.config.reading, self.on_progress)

    @cached_property
    def _cache(self) -> ReadingCache:
        return open_cache(self.cache_dir)

    def open_book(self, novel: Novel | Path) -> Book:
        """Return a novel with its sentences, chunks, mentions and index."""
        return self.books.open(novel)

    def find_character(self, book: Book, name: str) -> Character:
        """Return the named character of the book; raises CharacterError when nobody is called so."""
        return resolve_character(name, book.novel, book.sentences, book.chunks, aliases=self.aliases)

    def read(self, book: Book, characters: Sequence[Character] = ()) -> Reading:
        """Stream the book through the reader, or take it from the cache."""
        return self.reader.read(book.novel, book.chunks, characters)

    def extract(self, backstory: str, character: str) -> tuple[Claim, ...]:
        """Return the claims of a backstory, by Groq or by the heuristic."""
        found = self.llm.claims(backstory, character)
        return extract_claims(backstory, character, self.books.nlp) if found is None else found

    def find_evidence(
        self, book: Book, reading: Reading, character: Character | None, claims: Sequence[Claim]
    ) -> dict[str, tuple[Evidence, ...]]:
        """Return each claim's chunks, best first."""
        return retrieve(
            claims,
            index=book.index,
            content_vectors=np.stack([state.content_vector for state in reading.states]),
            claim_vectors=self.reader.claim_vectors(reading, [claim.text for claim in claims]),
            present=character.chunks if character else (),
            told=book.told_times,
            config=self.config.retrieval,
        )

    def judge_claims(
        self,
        book: Book,
        questions: Sequence[Asked],
        *,
        on_progress: Callable[[int], object] = lambda read: None,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim with its evidence; Groq labels the passages where it is asked to."""
        return self.bench.judge_claims(book, questions, labels=self.llm.labels, on_progress=on_progress)

    def summarise(self, book: Book, judged: Sequence[ClaimVerdict]) -> dict[int, str]:
        """Return Groq's summaries of the chunks that stand in evidence, by chunk index; none where it is not asked."""
        shown = sorted({pair.evidence.chunk_index for verdict in judged for pair in verdict.pairs})
        return self.llm.summaries({index: passage_of(book.novel, book.chunks[index]).text for index in shown})

    def judge_backstory(
        self,
        book: Book,
        reading: Reading,
        character: Character,
        backstory: str,
        waivers: Sequence[Waiver] = (),
    ) -> Verdict:
        """Return the verdict on a backstory of one character, whose reading is in ``reading``.

        Claims that ``waivers`` mark as intentional are judged and left out of the verdict.
        """
        claims = self.extract(backstory, character.name)
        evidence = self.find_evidence(book, reading, character, claims)
        judged = self.judge_claims(book, [(claim, evidence[claim.id]) for claim in claims])
        kept, stale = apply_waivers(judged, waivers, book.novel.text)
        notices = (*self.llm.notices_on(character.name, backstory, claims), *stale)
        return self._conclude(book.novel.name, character.name, kept, notices)

    def _conclude(
        self, novel: str, character: str, judged: tuple[ClaimVerdict, ...], notices: tuple[str, ...]
    ) -> Verdict:
        """Return the verdict that follows from the claims that count."""
        counted = [claim for claim in judged if not claim.waiver]
        if not counted:
            return Verdict(novel, character, "consistent", 1.0, _ALL_WAIVED, judged, {}, notices)
        features = describe(counted)
        model = self.bench.judge.backstory_model
        probability = model.probability(features)
        label = label_backstory(probability, threshold=model.threshold, band=self.bench.band)
        rationale = backstory_rationale(label, counted)
        return Verdict(novel, character, label, probability, rationale, judged, features, notices)


def describe(claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """Return the features of a backstory from the verdicts on its claims."""
    return describe_claims(
        [claim.probability for claim in claims], [claim.label for claim in claims], [claim.features for claim in claims]
    )
