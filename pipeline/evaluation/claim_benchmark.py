"""Claim tables through retrieval and the reader: each claim before its own novel, before nothing, and before another.

Retrieval is by words alone, so that no novel is streamed: forty novels take minutes. What was measured on the claims
about one novel is kept, and an interrupted run goes on with the next novel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.book import Book
from pipeline.errors import CharacterError, SettingError
from pipeline.evaluation.baselines import EvidenceKind
from pipeline.judging.claim_features import ClaimCase, make_case
from pipeline.judging.claim_model import passage_of
from pipeline.judging.expected_overlap import Background
from pipeline.judging.verifier import ClaimComparer, Comparison
from pipeline.records import Claim
from pipeline.retrieval.fusion import retrieve
from pipeline.run import Pipeline
from pipeline.storage.cache import ReadingCache, make_key
from pipeline.tables.rows import Row, group_by_book, row_text
from pipeline.text.novels import Shelf

QUESTIONS = 4
"""Steps of a claim that progress counts: its passages, and the reader before each of three kinds of evidence."""
_OPEN_BOOKS = 4
_VERSION = 1

Cases = dict[EvidenceKind, ClaimCase]
OnQuestions = Callable[[int], object]


@dataclass(frozen=True)
class BookPlan:
    """The rows about one novel, and the novel that is the wrong one for them; None where there is no other."""

    novel: Path
    wrong: Path | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class MeasuredClaim:
    """A row with its claim before each kind of evidence; ``book`` is the name of its novel, however the row spells it.

    ``character_found`` is true, too, where the row names nobody.
    """

    row: Row
    book: str
    character_found: bool
    scene: dict[EvidenceKind, tuple[ClaimCase, Comparison]]


@dataclass(frozen=True)
class ClaimTools:
    """What the claims of a table are measured with; ``reader_sha256`` is that of the comparer's weights."""

    pipeline: Pipeline
    background: Background
    background_sha256: str
    comparer: ClaimComparer
    reader_sha256: str
    cache: ReadingCache

    def key(self, plan: BookPlan, right: str, wrong: str | None) -> str:
        """Return the name under which the measured claims of a book are kept: a hash over all that made them."""
        config = self.pipeline.config
        return make_key(
            {
                "claims": [[row.id, row.char, row_text(row)] for row in plan.rows],
                "novels": [right, wrong],
                "aliases": [list(alias) for alias in self.pipeline.aliases],
                "text": asdict(config.text),
                "retrieval": asdict(config.retrieval),
                "machine": [config.reading.device, config.reading.dtype],
                "background": self.background_sha256,
                "reader": self.reader_sha256,
                "version": _VERSION,
            }
        )


def plan_books(
    rows: Sequence[Row], novels_dir: Path, *, seed: int, limit: int | None = None, spare: Path
) -> list[BookPlan]:
    """Return the rows by novel, in order of first appearance, each with a wrong novel drawn by seed and book.

    The wrong novel is another of the table's; a table about one novel has ``spare`` for it, where that is another.
    ``limit`` keeps the first so many novels; which novel is wrong for which does not depend on it. Raises NovelError
    for a book that is not in ``novels_dir``, SettingError for a limit below 1.
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
    tools: ClaimTools,
    plans: Sequence[BookPlan],
    *,
    on_book: Callable[[Book], object] = lambda book: None,
    on_questions: OnQuestions = lambda done: None,
) -> list[MeasuredClaim]:
    """Measure every claim of every plan, in the plans' order; what was kept from a run before is taken from there."""
    opened = lru_cache(maxsize=_OPEN_BOOKS)(tools.pipeline.open_book)
    found: list[MeasuredClaim] = []
    for plan in plans:
        right = opened(plan.novel)
        wrong = None if plan.wrong is None else opened(plan.wrong)
        on_book(right)
        key = tools.key(plan, right.novel.sha256, None if wrong is None else wrong.novel.sha256)
        kept = tools.cache.load_claims(key)
        if kept is None:
            measured = _measure_book(tools, plan.rows, right, wrong, on_questions)
            tools.cache.store_claims(key, [_as_numbers(claim) for claim in measured])
        else:
            measured = [_from_numbers(row, right, numbers) for row, numbers in zip(plan.rows, kept, strict=True)]
            on_questions(QUESTIONS * len(plan.rows))
        found += measured
    return found


def _measure_book(
    tools: ClaimTools, rows: Sequence[Row], right: Book, wrong: Book | None, on_questions: OnQuestions
) -> list[MeasuredClaim]:
    prepared = []
    for case in make_cases(tools.pipeline, rows, right, wrong, background=tools.background):
        prepared.append(case)
        on_questions(1)
    questions = [case.question for _, cases in prepared for case in cases.values()]
    answers = iter(tools.comparer.compare(questions, on_progress=on_questions))
    if wrong is None:
        on_questions(len(rows))
    return [
        MeasuredClaim(row, right.novel.name, found, {kind: (case, next(answers)) for kind, case in cases.items()})
        for row, (found, cases) in zip(rows, prepared, strict=True)
    ]


def make_cases(
    pipeline: Pipeline, rows: Sequence[Row], right: Book, wrong: Book | None, *, background: Background
) -> Iterator[tuple[bool, Cases]]:
    """Yield for each row whether its character is in the novel, and its claim before each kind of evidence."""
    people: dict[str, tuple[int, ...] | None] = {}
    for row in rows:
        if row.char not in people:
            people[row.char] = chunks_with(pipeline, right, row.char)
        present = people[row.char]
        claim = Claim(row.id, row.char, "event", "unspecified", "unspecified", row_text(row))
        cases: Cases = {
            "right": _case(pipeline, right, claim, present or (), background),
            "none": nothing_before(claim.text, right, background),
        }
        if wrong is not None:
            cases["wrong"] = _case(pipeline, wrong, claim, (), background)
        yield present is not None or not row.char, cases


def nothing_before(text: str, book: Book, background: Background) -> ClaimCase:
    """Return a claim before no evidence."""
    index = book.index
    return make_case(text, (), first_sentences=(), weight=index.weight, stems=index.stems, background=background)


def chunks_with(pipeline: Pipeline, book: Book, name: str) -> tuple[int, ...] | None:
    """Return the chunks that name somebody, None where the novel knows nobody of that name."""
    try:
        return pipeline.find_character(book, name).chunks if name else None
    except CharacterError:
        return None


def _case(pipeline: Pipeline, book: Book, claim: Claim, present: Sequence[int], background: Background) -> ClaimCase:
    found = retrieve(
        [claim],
        index=book.index,
        content_vectors=None,
        claim_vectors=None,
        present=present,
        config=pipeline.config.retrieval,
    )
    chunks = [book.chunks[item.chunk_index] for item in found[claim.id]]
    return make_case(
        claim.text,
        [passage_of(book.novel, chunk) for chunk in chunks],
        first_sentences=[chunk.first_sentence for chunk in chunks],
        weight=book.index.weight,
        stems=book.index.stems,
        background=background,
    )


def _as_numbers(claim: MeasuredClaim) -> dict[str, Any]:
    """Return what is kept of a measured claim; the sentences, which the novel has, are not."""
    scene = {
        kind: {"lexical": case.lexical, "comparison": asdict(comparison)}
        for kind, (case, comparison) in claim.scene.items()
    }
    return {"character_found": claim.character_found, "scene": scene}


def _from_numbers(row: Row, book: Book, numbers: Mapping[str, Any]) -> MeasuredClaim:
    scene: dict[EvidenceKind, tuple[ClaimCase, Comparison]] = {
        kind: (ClaimCase(row_text(row), (), kept["lexical"]), Comparison(**kept["comparison"]))
        for kind, kept in numbers["scene"].items()
    }
    return MeasuredClaim(row, book.novel.name, numbers["character_found"], scene)
