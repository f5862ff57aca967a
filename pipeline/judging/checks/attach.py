"""Checks that fired, attached to the verdict on a claim: shown with their words, without weight in the verdict.

Their effect was measured once and was none (docs/decisions/0011-checks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.book import Book
from pipeline.judging.checks.hold import run_checks
from pipeline.judging.interface import ClaimQuestion
from pipeline.records import Check, CheckKind, ClaimVerdict
from pipeline.text.aliases import Alias, names_of

_PLURALS: dict[CheckKind, str] = {
    "date": "dates",
    "age": "ages",
    "number": "numbers",
    "kinship": "kinship",
    "life": "life and death",
}


def attach_checks(verdict: ClaimVerdict, checks: Sequence[Check]) -> ClaimVerdict:
    """Return the verdict with its checks; the rationale adds the first conflict, else the first agreement."""
    if not checks:
        return verdict
    first = min(checks, key=lambda check: check.agrees)
    return replace(verdict, checks=tuple(checks), rationale=f"{verdict.rationale} {describe_check(first)}")


def find_checks(book: Book, question: ClaimQuestion, aliases: Sequence[Alias]) -> tuple[Check, ...]:
    """Return the checks that fire on a claim and its passages, conflicts first."""
    return run_checks(
        question.claim,
        names_of(question.claim.character, tuple(aliases)),
        novel=book.novel,
        chunks=[book.chunks[item.chunk_index] for item in question.evidence],
        stems=book.index.stems,
        weight=book.index.weight,
    )


def describe_check(check: Check) -> str:
    """Return one sentence that says which check fired, on which words of the claim and of the book."""
    side = "agrees" if check.agrees else "conflicts"
    chapter = f"chapter {check.chapter}, " if check.chapter else ""
    book = " ".join(check.passage.split())
    return (
        f"The check of {_PLURALS[check.kind]} {side}: the claim says “{check.claimed}”, "
        f"the book ({chapter}characters {check.start}-{check.end}): “{book}”"
    )
