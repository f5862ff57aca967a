"""Who judges claims: the fitted verdict with the claim reader or a judge in its place, and the explicit checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from pipeline.book import Book
from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.device import choose_machine
from pipeline.judging.check_shifts import CheckShifts, apply_checks
from pipeline.judging.checks.hold import run_checks
from pipeline.judging.claim_features import ClaimCase, make_case
from pipeline.judging.claim_model import Heard, Judge, passage_of, relabel
from pipeline.judging.pair.interface import PairJudge
from pipeline.judging.pair.registry import judge_by_pairs, open_pair_judge
from pipeline.judging.passage import Passage
from pipeline.judging.verdict import DecisionRule
from pipeline.judging.verifier import Comparison, ReaderQuestion, TrainedReader
from pipeline.records import Check, Claim, ClaimVerdict, Evidence, PairLabel
from pipeline.storage.cache import ReadingCache, make_key
from pipeline.text.aliases import Alias, names_of

Asked = tuple[Claim, tuple[Evidence, ...]]
"""A claim with its retrieved chunks."""
Relabel = Callable[[Claim, tuple[str, ...]], list[dict[PairLabel, float]] | None]
"""Labels of a claim's passages by somebody else, None where nobody is asked."""


@dataclass(frozen=True)
class Bench:
    """The judges with their models, each loaded when it is first asked."""

    config: PipelineConfig
    aliases: tuple[Alias, ...] = ()
    cache: ReadingCache | None = None

    @cached_property
    def claim_reader(self) -> TrainedReader:
        """The loaded claim reader."""
        device, dtype = choose_machine(self.config.reading.device, self.config.reading.dtype)
        return TrainedReader.load(resolve_model_dir(self.config.reading.model_dir), device=device, dtype=dtype)

    @cached_property
    def judge(self) -> Judge:
        """The fitted verdict."""
        return Judge.load(resolve_model_dir(self.config.scoring.verdict_dir), rule=DecisionRule(band=self.band))

    @cached_property
    def check_shifts(self) -> CheckShifts:
        """What the explicit checks weigh."""
        return CheckShifts.load(resolve_model_dir(self.config.scoring.checks_dir))

    @cached_property
    def pair_judge(self) -> PairJudge | None:
        """The judge of single passages in the place of the claim reader, None where the claim reader judges."""
        name = self.config.scoring.judge
        if name in {"bdh", "groq"}:
            return None
        device, dtype = choose_machine(self.config.reading.device, self.config.reading.dtype)
        return open_pair_judge(name, device=device, dtype=dtype)

    def load(self) -> None:
        """Load what judges claims: the fitted verdict, the claim reader or the judge in its place, the checks."""
        _ = self.judge, self.pair_judge or self.claim_reader, self.check_shifts

    @property
    def band(self) -> float:
        """Half the width of the range of probabilities that counts as undecided."""
        return self.config.scoring.uncertain_below - 0.5

    def judge_claims(
        self,
        book: Book,
        questions: Sequence[Asked],
        *,
        labels: Relabel,
        on_progress: Callable[[int], object] = lambda read: None,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim with its evidence; the reader is asked about all of them together.

        A judge of passages that the settings name takes the reader's place; where ``labels`` gives labels of the
        passages, they take that of the reader's. The explicit checks that fire stand beside any judge and move the
        verdict by the rule of ``pipeline.judging.check_shifts``.
        """
        judged = self._judge(book, questions, labels, on_progress)
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
        questions: Sequence[Asked],
        labels: Relabel,
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
            (verdict, self.judge.claim_model.threshold) if others is None else (relabel(verdict, others), 0.5)
            for verdict, (claim, evidence) in zip(judged, questions, strict=True)
            for others in [labels(claim, tuple(passage.text for passage in _passages(book, evidence)))]
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
        questions: Sequence[Asked],
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
        told = iter(self._compare(asked, on_progress))
        return [
            Heard(case, next(told), tuple(next(told) for _ in evidence))
            for case, (_, evidence) in zip(cases, questions, strict=True)
        ]

    def _compare(self, asked: Sequence[ReaderQuestion], on_progress: Callable[[int], object]) -> list[Comparison]:
        """Return the claim reader's answer to each question; the answers to the same questions in a row are kept."""
        reader = self.claim_reader
        if self.cache is None:
            return reader.compare(asked, on_progress=on_progress)
        told = json.dumps([[question.claim, question.sentences] for question in asked]).encode()
        key = make_key({"answers": hashlib.sha256(told).hexdigest(), "reader": reader.identity})
        kept = _answers(self.cache.load_claims(key), len(asked))
        if kept is None:
            kept = reader.compare(asked, on_progress=on_progress)
            self.cache.store_claims(key, [asdict(comparison) for comparison in kept])
        else:
            on_progress(len(asked))
        return kept

    def _case(self, book: Book, claim: Claim, evidence: Sequence[Evidence]) -> ClaimCase:
        return make_case(
            claim.text,
            _passages(book, evidence),
            first_sentences=[book.chunks[item.chunk_index].first_sentence for item in evidence],
            weight=book.lexicon.weight,
            stems=book.lexicon.stems,
            background=self.judge.background,
        )


def _passages(book: Book, evidence: Sequence[Evidence]) -> list[Passage]:
    return [passage_of(book.novel, book.chunks[item.chunk_index]) for item in evidence]


def _answers(kept: object, count: int) -> list[Comparison] | None:
    """Return ``count`` comparisons as they were kept; None where there are none, or where they are something else."""
    if not isinstance(kept, list) or len(kept) != count:
        return None
    try:
        return [Comparison(**numbers) for numbers in kept]
    except TypeError:
        return None
