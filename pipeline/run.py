"""The order of the stages, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from spacy.language import Language

from pipeline.checks.hold import run_checks
from pipeline.claims import extract_claims
from pipeline.config import PipelineConfig, TextConfig
from pipeline.llm import GroqDoor, load_key
from pipeline.llm_steps import LLMSteps
from pipeline.narrative_time import told_time
from pipeline.reading.cache import ReadingCache, default_folder, make_key
from pipeline.reading.encoder import Encoder, choose_machine, load_encoder
from pipeline.reading.read import OnProgress, Reader, ignore_progress
from pipeline.records import (
    Character,
    Check,
    Chunk,
    Claim,
    ClaimVerdict,
    Evidence,
    Mention,
    Novel,
    Reading,
    Span,
    TimeScope,
    Verdict,
    Waiver,
)
from pipeline.report.waivers import apply_waivers
from pipeline.retrieval import LexicalIndex, retrieve
from pipeline.scoring.checked import CheckShifts, apply_checks
from pipeline.scoring.claims import ClaimCase, make_case
from pipeline.scoring.features import Passage
from pipeline.scoring.judge import Heard, Judge, Lexicon, describe_claims, passage_of, relabel
from pipeline.scoring.judges import judge_by_pairs, open_pair_judge
from pipeline.scoring.pair_judge import PairJudge
from pipeline.scoring.reader import ReaderQuestion, TrainedReader
from pipeline.scoring.verdict import DecisionRule, backstory_rationale, label_backstory
from pipeline.text.aliases import Alias, names_of
from pipeline.text.characters import build_cast, find_mentions, resolve_character
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.persons import RULES, load_tagger, tagger_sum
from pipeline.text.sentences import load_nlp, split_sentences

OnNotice = Callable[[str], object]

_ALL_WAIVED = "The author marked every claim as intentional, so nothing is left that could contradict the book."

ROOT = Path(__file__).resolve().parents[1]
"""The project's folder: what ships with it is found from any working folder."""


@dataclass(frozen=True)
class Book:
    """A novel ready to be asked about: its sentences, chunks, names, word index, and the names that the user gave."""

    novel: Novel
    sentences: tuple[Span, ...]
    chunks: tuple[Chunk, ...]
    mentions: tuple[Mention, ...]
    index: LexicalIndex
    aliases: tuple[Alias, ...] = ()

    @cached_property
    def cast(self) -> tuple[Character, ...]:
        """The people of the novel, most mentioned first."""
        return build_cast(self.mentions, self.chunks, aliases=self.aliases)

    @cached_property
    def told_times(self) -> tuple[TimeScope, ...]:
        """The time of life that each chunk tells of."""
        return tuple(told_time(self.novel.text[chunk.start : chunk.end]) for chunk in self.chunks)

    @property
    def lexicon(self) -> Lexicon:
        """The word analysis of this novel."""
        return Lexicon(self.index.stems, self.index.weight)


@dataclass(frozen=True)
class Pipeline:
    """All stages with their models loaded once; ``aliases`` are the names that the user gave.

    ``on_notice`` is told at once what the user should know; the same notices stand in the verdicts. Made with a key
    missing that ``config.llm`` needs, it raises LLMError before anything is read.
    """

    config: PipelineConfig = field(default_factory=PipelineConfig)
    aliases: tuple[Alias, ...] = ()
    cache_dir: Path | None = None
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
        return self.cache_dir or default_folder()

    @cached_property
    def nlp(self) -> Language:
        """What parts sentences: the rules, or the parser of a spaCy model that the user names."""
        name = self.config.text.spacy_model
        return load_nlp(None if name in {RULES, TextConfig.spacy_model} else name)

    @cached_property
    def tagger(self) -> Language | None:
        """What finds persons, None for the rules; loaded when a novel is opened that was never opened before."""
        return load_tagger(self._tagger_name)

    @property
    def _tagger_name(self) -> str:
        folder = shipped(self.config.text.spacy_model)
        return str(folder) if folder.is_dir() else self.config.text.spacy_model

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded reader."""
        return load_encoder(self.config.reading, folder=shipped(self.config.reading.model_dir))

    @cached_property
    def claim_reader(self) -> TrainedReader:
        """The loaded claim reader."""
        device, dtype = choose_machine(self.config.reading)
        return TrainedReader.load(shipped(self.config.reading.model_dir), device=device, dtype=dtype)

    @cached_property
    def judge(self) -> Judge:
        """The fitted verdict."""
        return Judge.load(shipped(self.config.scoring.verdict_dir), rule=DecisionRule(band=self.band))

    @cached_property
    def check_shifts(self) -> CheckShifts:
        """What the explicit checks weigh."""
        return CheckShifts.load(shipped(self.config.scoring.checks_dir))

    @cached_property
    def pair_judge(self) -> PairJudge | None:
        """The judge of single passages in the place of the claim reader, None where the claim reader judges."""
        name = self.config.scoring.judge
        if name in {"bdh", "groq"}:
            return None
        device, dtype = choose_machine(self.config.reading)
        return open_pair_judge(name, device=device, dtype=dtype)

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
        self.load_judge()

    def load_judge(self) -> None:
        """Load what judges claims: the fitted verdict, the claim reader or the judge in its place, the checks."""
        _ = self.judge, self.pair_judge or self.claim_reader, self.check_shifts

    @property
    def band(self) -> float:
        """Half the width of the range of probabilities that counts as undecided."""
        return self.config.scoring.uncertain_below - 0.5

    @cached_property
    def reader(self) -> Reader:
        """The reader with its cache."""
        return Reader(self.encoder, self._cache, self.config.reading, self.on_progress)

    @property
    def _cache(self) -> ReadingCache:
        return ReadingCache(self._folder)

    def open_book(self, novel: Novel | Path) -> Book:
        """Return a novel with its sentences, chunks, mentions and index."""
        if isinstance(novel, Path):
            novel = load_novel(novel)
        sentences, mentions = self._split(novel)
        chunks = make_chunks(novel, sentences, self.config.text.chunks)
        index = LexicalIndex([novel.text[chunk.start : chunk.end] for chunk in chunks])
        return Book(novel, sentences, chunks, mentions, index, self.aliases)

    def _split(self, novel: Novel) -> tuple[tuple[Span, ...], tuple[Mention, ...]]:
        """Return the sentences and mentions of a novel, found now or kept from a run before."""
        tagger = tagger_sum(self._tagger_name)
        key = make_key({"text": novel.sha256, "tagger": tagger, "spacy": self.nlp.meta, "code": _text_code()})
        kept = self._cache.load_spans(key)
        if kept is None:
            sentences = split_sentences(novel, self.nlp)
            mentions = find_mentions(novel, sentences, tagger=self.tagger)
            named = [(mention.start, mention.end, mention.sentence) for mention in mentions]
            self._cache.store_spans(key, {"sentences": sentences, "mentions": named}, about={"novel": novel.name})
            return sentences, mentions
        places = (Mention(novel.text[start:end], start, end, number) for start, end, number in kept["mentions"])
        return tuple(Span(start, end) for start, end in kept["sentences"]), tuple(places)

    def find_character(self, book: Book, name: str) -> Character:
        """Return the named character of the book; raises CharacterError when nobody is called so."""
        return resolve_character(name, book.novel, book.sentences, book.chunks, aliases=self.aliases)

    def read(self, book: Book, characters: Sequence[Character] = ()) -> Reading:
        """Stream the book through the reader, or take it from the cache."""
        return self.reader.read(book.novel, book.chunks, characters)

    def extract(self, backstory: str, character: str) -> tuple[Claim, ...]:
        """Return the claims of a backstory, by Groq or by the heuristic."""
        found = self.llm.claims(backstory, character)
        return extract_claims(backstory, character, self.nlp) if found is None else found

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
        questions: Sequence[tuple[Claim, tuple[Evidence, ...]]],
        *,
        on_progress: Callable[[int], object] = lambda read: None,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim with its evidence; the reader is asked about all of them together.

        Groq's labels of the passages, where it is asked for them, take the place of the reader's; a judge of passages
        that the settings name takes the reader's own. The explicit checks that fire stand beside any
        judge and move the verdict by the rule of ``pipeline.scoring.checked``.
        """
        judged = self._judge(book, questions, on_progress)
        return [
            apply_checks(
                verdict,
                self.check_claim(book, claim, evidence),
                self.check_shifts,
                threshold=threshold,
                band=self.judge.rule.band,
            )
            for (verdict, threshold), (claim, evidence) in zip(judged, questions, strict=True)
        ]

    def _judge(
        self,
        book: Book,
        questions: Sequence[tuple[Claim, tuple[Evidence, ...]]],
        on_progress: Callable[[int], object],
    ) -> list[tuple[ClaimVerdict, float]]:
        """Return the judge's verdict on each claim, with the probability from which on it says supported."""
        if self.pair_judge is not None:
            by_pairs = judge_by_pairs(
                self.pair_judge,
                questions,
                [self._case(book, claim, evidence).lexical for claim, evidence in questions],
                novel=book.novel,
                chunks=book.chunks,
                lexicon=book.lexicon,
                on_progress=on_progress,
            )
            return [(verdict, 0.5) for verdict in by_pairs]
        heard = self._hear(book, questions, on_progress)
        judged = [
            self.judge.judge_claim(claim, evidence, told, novel=book.novel, chunks=book.chunks, lexicon=book.lexicon)
            for (claim, evidence), told in zip(questions, heard, strict=True)
        ]
        return [
            (verdict, self.judge.claim_model.threshold) if labels is None else (relabel(verdict, labels), 0.5)
            for verdict, (claim, evidence) in zip(judged, questions, strict=True)
            for labels in [self.llm.labels(claim, tuple(passage.text for passage in _passages(book, evidence)))]
        ]

    def check_claim(self, book: Book, claim: Claim, evidence: Sequence[Evidence]) -> tuple[Check, ...]:
        """Return the explicit checks that fire on a claim and its passages, conflicts first."""
        return run_checks(
            claim,
            names_of(claim.character, self.aliases),
            novel=book.novel,
            chunks=[book.chunks[item.chunk_index] for item in evidence],
            stems=book.index.stems,
            weight=book.index.weight,
        )

    def _hear(
        self,
        book: Book,
        questions: Sequence[tuple[Claim, tuple[Evidence, ...]]],
        on_progress: Callable[[int], object],
    ) -> list[Heard]:
        """Return what the claim reader says of each claim: before all its evidence, and before each passage."""
        cases = [self._case(book, claim, evidence) for claim, evidence in questions]
        asked = [
            question
            for case, (claim, evidence) in zip(cases, questions, strict=True)
            for question in (
                case.question,
                *(ReaderQuestion(claim.text, passage.sentences) for passage in _passages(book, evidence)),
            )
        ]
        told = iter(self.claim_reader.compare(asked, on_progress=on_progress))
        return [
            Heard(case, next(told), tuple(next(told) for _ in evidence))
            for case, (_, evidence) in zip(cases, questions, strict=True)
        ]

    def _case(self, book: Book, claim: Claim, evidence: Sequence[Evidence]) -> ClaimCase:
        return make_case(
            claim.text,
            _passages(book, evidence),
            first_sentences=[book.chunks[item.chunk_index].first_sentence for item in evidence],
            weight=book.lexicon.weight,
            stems=book.lexicon.stems,
            background=self.judge.background,
        )

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
        model = self.judge.backstory_model
        probability = model.probability(features)
        label = label_backstory(probability, threshold=model.threshold, band=self.band)
        rationale = backstory_rationale(label, counted)
        return Verdict(novel, character, label, probability, rationale, judged, features, notices)


def _passages(book: Book, evidence: Sequence[Evidence]) -> list[Passage]:
    return [passage_of(book.novel, book.chunks[item.chunk_index]) for item in evidence]


def describe(claims: Sequence[ClaimVerdict]) -> dict[str, float]:
    """Return the features of a backstory from the verdicts on its claims."""
    return describe_claims(
        [claim.probability for claim in claims], [claim.label for claim in claims], [claim.features for claim in claims]
    )


@cache
def _text_code() -> str:
    """Return a hash of the code that finds sentences and names: what it found before a change is not used after."""
    files = sorted((Path(__file__).parent / "text").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def shipped(name: str) -> Path:
    """Return a folder of models: as named from the working folder, else as named from the project's folder."""
    path = Path(name)
    return path if path.exists() or path.is_absolute() else ROOT / path
