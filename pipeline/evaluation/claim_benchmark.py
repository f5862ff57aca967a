"""Judge the claims of a table with the shipped pipeline: given their own novel, no evidence, and another novel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pipeline.book import Book
from pipeline.claims.attributes import claim_type, stability, time_scope
from pipeline.claims.fact_types import fact_type
from pipeline.errors import SettingError
from pipeline.evaluation.tables import find_people
from pipeline.judging.interface import ClaimQuestion
from pipeline.language.words import across_lines
from pipeline.records import Character, Claim, ClaimVerdict, Span
from pipeline.run import Pipeline, Question
from pipeline.tables.rows import Row, group_by_book, row_text
from pipeline.text.novels import Shelf

EvidenceKind = Literal["right", "none", "wrong"]
KINDS: tuple[EvidenceKind, ...] = ("right", "none", "wrong")
"""The kinds of evidence a claim is judged given: that of its novel, none, or that of another novel."""
_OPEN_BOOKS = 4

OnClaims = Callable[[int], object]
"""Receives the number of newly judged claims; a claim counts once for each kind of evidence."""


@dataclass(frozen=True)
class BookPlan:
    """The rows about one novel, and the wrong novel for them; None if there is no other."""

    novel: Path
    wrong: Path | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class MeasuredClaim:
    """A row with the verdict on its claim for each kind of evidence.

    ``book`` is the name of its novel, whatever the spelling in the row. ``character_found`` is also true if the row
    names no character. ``words`` are its lexical features for the baseline, ``gold`` the ranges of the row's evidence
    in the novel, ``chunks`` those of the retrieved passages, best first.
    """

    row: Row
    book: str
    character_found: bool
    verdicts: Mapping[EvidenceKind, ClaimVerdict]
    words: Mapping[str, float] = field(default_factory=dict)
    gold: tuple[Span, ...] = ()
    chunks: tuple[Span, ...] = ()


def plan_books(
    rows: Sequence[Row], novels_dir: Path, *, seed: int, limit: int | None = None, spare: Path
) -> list[BookPlan]:
    """Return the rows by novel, in order of first appearance, each with a wrong novel drawn by seed and book.

    The wrong novel is another of the table's; for a table about one novel it is ``spare``, if that is another.
    ``limit`` is how many novels are used; the choice of wrong novels does not depend on it. Raises NovelError for a
    book that is not in ``novels_dir``, SettingError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"limit is {limit}; it must be at least 1 novel")
    shelf, novels = Shelf(novels_dir), dict[Path, list[Row]]()
    for name, group in group_by_book(rows).items():
        novels.setdefault(shelf.find(name, paths=False).resolve(), []).extend(group)
    return [
        BookPlan(novel, _wrong_novel(novel, list(novels), seed=seed, spare=spare.resolve()), tuple(group))
        for novel, group in list(novels.items())[:limit]
    ]


def _wrong_novel(novel: Path, novels: Sequence[Path], *, seed: int, spare: Path) -> Path | None:
    others = sorted((other for other in novels if other != novel), key=lambda other: other.name)
    if not others:
        return spare if spare != novel and spare.is_file() else None
    digest = hashlib.sha256(f"{seed}\n{novel.name}".encode(errors="surrogatepass")).digest()
    return others[int.from_bytes(digest[:8], "big") % len(others)]


def measure_claims(
    pipeline: Pipeline,
    plans: Sequence[BookPlan],
    *,
    kinds: Sequence[EvidenceKind] = KINDS,
    words: Callable[[Book, ClaimVerdict], dict[str, float]] = lambda book, verdict: {},
    on_book: Callable[[Book], object] = lambda book: None,
    on_claims: OnClaims = lambda done: None,
) -> list[MeasuredClaim]:
    """Judge every claim of every plan, in the plans' order.

    Readings and verifier outputs are cached, so an interrupted run repeats neither. Claims without a wrong novel have
    no verdict of that kind.
    """
    opened = lru_cache(maxsize=_OPEN_BOOKS)(pipeline.open_book)
    measured: list[MeasuredClaim] = []
    for plan in plans:
        right = opened(plan.novel)
        on_book(right)
        people = find_people(pipeline, right, [row.char for row in plan.rows])
        claims = [single_claim(row.id, row.char, row_text(row)) for row in plan.rows]
        verdicts: dict[EvidenceKind, Sequence[ClaimVerdict]] = {}
        for kind in kinds:
            if kind == "right":
                questions = [Question((claim,), people[claim.character]) for claim in claims]
                verdicts[kind] = [verdict for (verdict,) in pipeline.judge_claims(right, questions, track=None).answers]
            elif kind == "none":
                verdicts[kind] = list(pipeline.judge_questions(right, [ClaimQuestion(claim, ()) for claim in claims]))
            elif plan.wrong is not None:
                (verdicts[kind],) = pipeline.judge_claims(
                    opened(plan.wrong), [Question(tuple(claims))], track=None
                ).answers
            on_claims(len(claims))
        measured += _join(plan, right, people, verdicts, words)
    return measured


def _join(
    plan: BookPlan,
    book: Book,
    people: Mapping[str, Character | None],
    verdicts: Mapping[EvidenceKind, Sequence[ClaimVerdict]],
    words: Callable[[Book, ClaimVerdict], dict[str, float]],
) -> list[MeasuredClaim]:
    right = verdicts.get("right")
    return [
        MeasuredClaim(
            row=row,
            book=book.novel.name,
            character_found=people[row.char] is not None or not row.char,
            verdicts={kind: own[place] for kind, own in verdicts.items()},
            words={} if right is None else words(book, right[place]),
            gold=tuple(span for text in row.evidence for span in find_quotation(book.novel.text, text)),
            chunks=() if right is None else _chunks(book, right[place]),
        )
        for place, row in enumerate(plan.rows)
    ]


def _chunks(book: Book, verdict: ClaimVerdict) -> tuple[Span, ...]:
    ranked = sorted(verdict.pairs, key=lambda pair: pair.evidence.rank)
    chunks = [book.chunks[pair.evidence.chunk_index] for pair in ranked]
    return tuple(Span(chunk.start, chunk.end) for chunk in chunks)


def find_quotation(text: str, quotation: str) -> tuple[Span, ...]:
    """Return the range of a verbatim quotation whose line breaks may differ; empty where it is not in the text."""
    found = across_lines(quotation.split()).search(text) if quotation.strip() else None
    return (Span(*found.span()),) if found else ()


def single_claim(key: str, character: str, text: str) -> Claim:
    """Return a text as one claim, with the type and the times that a backstory's claim gets."""
    kind = claim_type(text, about_person=bool(character.strip()))
    return Claim(key, character, kind, time_scope(text), stability(text, kind), text, fact_type(text, character))
