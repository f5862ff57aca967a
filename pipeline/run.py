"""Run the stages in their order: every judgement of the project goes through ``Pipeline.judge_claims``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pipeline.book import Book, BookOpener
from pipeline.claims.extract import Backstory, Extracted, checked_part, read_claims
from pipeline.claims.sheet import Part
from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.device import choose_machine
from pipeline.judging.backstory import BackstoryModel
from pipeline.judging.checks.attach import attach_checks, find_checks
from pipeline.judging.interface import ClaimJudge, ClaimQuestion, JudgeContext, steps
from pipeline.judging.passage import passage_of
from pipeline.judging.ranking import EvidenceRanker
from pipeline.judging.registry import open_judge
from pipeline.llm.client import GroqClient, load_key
from pipeline.llm.fallback import LLMWithFallback
from pipeline.reading.bdh_adapter import load_encoder
from pipeline.reading.encoder import Encoder
from pipeline.reading.novel_encoder import NovelEncoder, OnProgress, ignore_progress
from pipeline.records import Character, Claim, ClaimVerdict, Novel, Verdict, Waiver
from pipeline.retrieval.fusion import retrieve
from pipeline.states import Reading
from pipeline.storage.answers import AnswerCache, open_answers
from pipeline.storage.cache import ReadingCache
from pipeline.storage.remote import open_cache
from pipeline.text.aliases import Alias
from pipeline.text.near_names import notices_on_names
from pipeline.waivers import apply_waivers

OnNotice = Callable[[str], object]
OnStep = Callable[[str], object]
OnClaims = Callable[[int, int], object]
"""Receives the number of steps of judging that are newly done, and of all steps."""


def ignore_step(step: str) -> None:
    """Discard the name of a step."""


def ignore_claims(done: int, total: int) -> None:
    """Discard progress."""


@dataclass(frozen=True)
class Question:
    """Claims about one character; without one (None), the whole novel is searched with no preference."""

    claims: tuple[Claim, ...]
    character: Character | None = None


@dataclass(frozen=True)
class Judged:
    """A novel with its reading and, for each question in order, the verdicts on its claims."""

    book: Book
    tracked: tuple[Character, ...]
    reading: Reading
    answers: tuple[tuple[ClaimVerdict, ...], ...]


class Models:
    """The models of a pipeline, each loaded at its first use and shared by the pipelines forked from it."""

    def __init__(self, config: PipelineConfig, aliases: tuple[Alias, ...], cache_dir: str | Path | None) -> None:
        self._config, self._aliases, self._cache_dir = config, aliases, cache_dir

    @cached_property
    def cache(self) -> ReadingCache:
        """Readings of earlier runs."""
        return open_cache(self._cache_dir)

    @cached_property
    def answers(self) -> AnswerCache:
        """Answers of the verifier and of Groq in earlier runs."""
        return open_answers(self.cache)

    @cached_property
    def books(self) -> BookOpener:
        """The opener of novels."""
        return BookOpener(self._config.text, self._aliases, self.cache)

    @cached_property
    def encoder(self) -> Encoder:
        """The language model that reads novels."""
        return load_encoder(self._config.reading, folder=resolve_model_dir(self._config.reading.model_dir))

    @cached_property
    def ranker(self) -> EvidenceRanker | None:
        """The models that order passages; None where the settings name none."""
        folder = self._config.retrieval.ranker
        if folder == "none":
            return None
        device, dtype = choose_machine(self._config.reading.device, self._config.reading.dtype)
        return EvidenceRanker.load(resolve_model_dir(folder), device=device, dtype=dtype, cache=self.answers)

    @cached_property
    def judge(self) -> ClaimJudge:
        """The judge of claims that the settings name."""
        context = JudgeContext(self._config, self.answers)
        return open_judge(self._config.scoring.judge, context)

    @cached_property
    def backstory_model(self) -> BackstoryModel:
        """The fitted model of backstories."""
        scoring = self._config.scoring
        return BackstoryModel.load(resolve_model_dir(scoring.judge_dir), band=scoring.band)


@dataclass(frozen=True)
class Pipeline:
    """All stages with their models loaded once; ``aliases`` are the names that the user gave.

    ``on_notice`` receives each notice at once; the verdicts hold the same notices. Raises LLMError when
    it is created without the key that ``config.llm`` needs.
    """

    config: PipelineConfig = field(default_factory=PipelineConfig)
    aliases: tuple[Alias, ...] = ()
    cache_dir: str | Path | None = None
    on_progress: OnProgress = ignore_progress
    on_notice: OnNotice = lambda notice: None

    def __post_init__(self) -> None:
        _ = self.groq_client

    @cached_property
    def models(self) -> Models:
        """The models, loaded when first used."""
        return Models(self.config, self.aliases, self.cache_dir)

    @cached_property
    def groq_client(self) -> GroqClient | None:
        """The client of Groq, None where Groq has no task."""
        if not self.config.groq_tasks:
            return None
        return GroqClient(self.config.llm, key=load_key(), answers=self.models.answers)

    @cached_property
    def llm(self) -> LLMWithFallback:
        """The tasks of Groq in this run."""
        return LLMWithFallback(self.groq_client, self.on_notice, self.config.groq_tasks)

    @property
    def judge(self) -> ClaimJudge:
        """The judge of claims."""
        return self.models.judge

    @property
    def encoder(self) -> Encoder:
        """The language model that reads novels."""
        return self.models.encoder

    @cached_property
    def novel_encoder(self) -> NovelEncoder:
        """The encoder with its cache of readings."""
        return NovelEncoder(self.encoder, self.models.cache, self.config.reading, self.on_progress)

    def fork(self, *, on_progress: OnProgress | None = None) -> Pipeline:
        """Return a pipeline with the same models and with counts, notices and progress of its own."""
        own = replace(self, on_progress=on_progress or self.on_progress)
        vars(own).update(models=self.models, groq_client=self.groq_client)
        return own

    def with_judge(self, judge: ClaimJudge) -> Pipeline:
        """Return a fork whose claims another judge judges."""
        own, models = self.fork(), copy(self.models)
        vars(models)["judge"] = judge
        vars(own)["models"] = models
        return own

    def with_aliases(self, aliases: tuple[Alias, ...]) -> Pipeline:
        """Return a fork for other names given by the user, with the same models."""
        own, models = replace(self, aliases=aliases), copy(self.models)
        vars(models)["books"] = replace(self.models.books, aliases=aliases)
        vars(own).update(models=models, groq_client=self.groq_client)
        return own

    def load_models(self) -> None:
        """Load every model now, so that a missing one is found before hours of work."""
        _ = self.encoder, self.models.ranker, self.models.backstory_model, self.judge

    def open_book(self, novel: Novel | Path) -> Book:
        """Return a novel with its sentences, chunks, mentions and index."""
        return self.models.books.open(novel)

    def find_character(self, book: Book, name: str) -> Character:
        """Return the named character of the book; raises CharacterError when the book has none of that name."""
        return book.find_character(name)

    def extract(self, backstory: str, character: str) -> tuple[Claim, ...]:
        """Return the claims of a backstory, by Groq or by rules."""
        return self.read_backstory(backstory, character).claims

    def read_backstory(self, backstory: Backstory, character: str) -> Extracted:
        """Return the claims of a backstory, by Groq or by rules, and notices of its lines that are no claims.

        Of a sheet on several characters only the part on this one is read.
        """
        part = backstory if isinstance(backstory, Part) else checked_part(backstory, character)
        found = self.llm.claims(part.text, character)
        return read_claims(part, character, self.models.books.nlp) if found is None else Extracted(found, part.notices)

    def notices_on(self, backstory: Backstory, character: str, claims: Sequence[Claim]) -> tuple[str, ...]:
        """Return the notices of a backstory whose claims were judged: of its lines, and of failures of Groq."""
        part = backstory if isinstance(backstory, Part) else checked_part(backstory, character)
        by_llm = self.llm.notices_on(character, part.text, claims)
        return (*read_claims(part, character, self.models.books.nlp).notices, *by_llm)

    def read(self, book: Book, characters: Sequence[Character] = ()) -> Reading:
        """Return the reading of a book, from the cache where it is stored."""
        return self.novel_encoder.read(book.novel, book.chunks, characters)

    def find_evidence(
        self, book: Book, reading: Reading | None, character: Character | None, claims: Sequence[Claim]
    ) -> dict[str, ClaimQuestion]:
        """Return each claim by its id with its retrieved chunks, best first, and the windows that the ranker chose."""
        settings, ranker = self.config.retrieval, self.models.ranker
        found = retrieve(
            claims,
            index=book.index,
            content_vectors=None if reading is None else reading.content_vectors,
            claim_vectors=None
            if reading is None
            else self.novel_encoder.claim_vectors(reading, [claim.text for claim in claims]),
            present=character.chunks if character else (),
            life_stages=book.life_stages,
            config=settings,
            most=settings.top_k if ranker is None else max(settings.top_k, settings.candidates),
        )
        if ranker is None:
            return {claim.id: ClaimQuestion(claim, found[claim.id]) for claim in claims}
        ranked = ranker.rank(book, claims, found, top_k=settings.top_k)
        return {claim.id: ClaimQuestion(claim, ranked[claim.id].evidence, ranked[claim.id].windows) for claim in claims}

    def judge_claims(
        self,
        book: Book,
        questions: Sequence[Question],
        *,
        track: Sequence[Character] | None = (),
        on_step: OnStep = ignore_step,
        on_claims: OnClaims = ignore_claims,
    ) -> Judged:
        """Read the book, find evidence, judge the claims and attach the explicit checks: the stages in their order.

        ``track`` names characters whose states to keep besides those of the questions; with None no character's states
        are read, which verdicts do not need.
        """
        tracked = () if track is None else _distinct([*(question.character for question in questions), *track])
        on_step("Reading")
        reading = self.read(book, tracked)
        on_step("Weighing the claims")
        with_evidence = [
            found[claim.id]
            for question in questions
            for found in [self.find_evidence(book, reading, question.character, question.claims)]
            for claim in question.claims
        ]
        verdicts = iter(self.judge_questions(book, with_evidence, on_claims=on_claims))
        answers = tuple(tuple(next(verdicts) for _ in question.claims) for question in questions)
        return Judged(book, tracked, reading, answers)

    def judge_questions(
        self, book: Book, questions: Sequence[ClaimQuestion], *, on_claims: OnClaims = ignore_claims
    ) -> Iterator[ClaimVerdict]:
        """Yield the verdict of the judge on each claim with its evidence, with the explicit checks that fire."""
        total = steps(questions)
        verdicts = self.judge.judge(
            book, questions, labels=self.llm.labels, on_progress=lambda done: on_claims(done, total)
        )
        for question, verdict in zip(questions, verdicts, strict=True):
            yield attach_checks(verdict, find_checks(book, question, book.aliases))

    def judge_backstory(
        self,
        book: Book,
        character: Character,
        backstory: Backstory,
        *,
        waivers: Sequence[Waiver] = (),
        track: Sequence[Character] = (),
        on_step: OnStep = ignore_step,
    ) -> tuple[Verdict, Judged]:
        """Return the verdict on a backstory of one character, and what it follows from.

        Claims that ``waivers`` mark as intentional are judged and left out of the verdict.
        """
        part = backstory if isinstance(backstory, Part) else checked_part(backstory, character.name)
        claims, told = self.read_backstory(part, character.name)
        for notice in told:
            self.on_notice(notice)
        judged = self.judge_claims(book, [Question(claims, character)], track=track, on_step=on_step)
        counted, stale = apply_waivers(judged.answers[0], waivers, book.novel)
        names = notices_on_names(book.novel, character.name, "\n".join(claim.text for claim in claims))
        for notice in names:
            self.on_notice(notice)
        alike = map(str, book.look_alikes([character]))
        by_llm = self.llm.notices_on(character.name, part.text, claims)
        notices = (*told, *by_llm, *alike, *stale, *names)
        verdict = self.models.backstory_model.conclude(book.novel.name, character.name, counted, notices)
        return replace(verdict, told=len(character.told)), judged

    def summarise(self, book: Book, verdicts: Sequence[ClaimVerdict]) -> dict[int, str]:
        """Return Groq's summaries of the chunks in evidence, by chunk index; empty where Groq has no such task."""
        shown = sorted({pair.evidence.chunk_index for verdict in verdicts for pair in verdict.pairs})
        return self.llm.summaries({index: passage_of(book.novel, book.chunks[index]).text for index in shown})


def _distinct(characters: Sequence[Character | None]) -> tuple[Character, ...]:
    """Return the characters that there are, each name once, in order."""
    return tuple({person.name: person for person in characters if person is not None}.values())
