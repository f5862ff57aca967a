"""Run the checks of a claim on its passages, and attach those that fire to its verdict.

Checks are shown with the words that they compare and have no weight in the verdict: their measured effect was none
(docs/decisions/0011-checks.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pipeline.book import Book
from pipeline.judging.checks.context import AnalysedText, CheckContext, Finding, Sentence, Stems, Weight
from pipeline.judging.checks.kinship import name_words
from pipeline.judging.checks.rules import find_all
from pipeline.judging.interface import ClaimQuestion
from pipeline.records import Check, CheckKind, Chunk, Claim, ClaimVerdict, Novel, Span
from pipeline.text.aliases import Alias, names_of

LONGEST_PASSAGE = 240
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
    """Return one sentence that names the check and quotes the words of the claim and of the book."""
    side = "agrees" if check.agrees else "conflicts"
    chapter = f"chapter {check.chapter}, " if check.chapter else ""
    book = " ".join(check.passage.split())
    return (
        f"The check of {_PLURALS[check.kind]} {side}: the claim says “{check.claimed}”, "
        f"the book ({chapter}characters {check.start}-{check.end}): “{book}”"
    )


def run_checks(
    claim: Claim,
    names: Sequence[str],
    *,
    novel: Novel,
    chunks: Sequence[Chunk],
    stems: Stems,
    weight: Weight,
) -> tuple[Check, ...]:
    """Return the checks that fire on a claim, conflicts first; each statement of the claim is checked at most once.

    ``names`` are those of the claim's character, ``chunks`` the claim's passages, best first. ``stems`` and ``weight``
    (inverse document frequency) are those of the novel's word index. The passage of a check is verbatim from
    ``novel.text``.
    """
    content = AnalysedText(claim.text, stems)
    character = frozenset(word for name in names for word in name_words(name.replace("/", " ")) if word[0].isalpha())
    sentences = tuple(_sentences(novel, chunks, stems))
    context = CheckContext(claim, content, content.names | character, character, sentences, weight)
    best = sorted(_best_of_each(find_all(context)), key=lambda one: (one.agrees, one.claim_span))
    return tuple(_to_check(finding, claim, novel) for finding in best)


def _sentences(novel: Novel, chunks: Sequence[Chunk], stems: Stems) -> Iterator[Sentence]:
    """Yield every sentence of the chunks once, with the previous sentence if the chunk has one."""
    seen: set[int] = set()
    for chunk in chunks:
        passage = novel.text[chunk.start : chunk.end]
        contents = [AnalysedText(novel.text[start:end], stems, start) for start, end in chunk.sentences]
        for previous, content in zip([None, *contents], contents, strict=False):
            if content.start not in seen:
                seen.add(content.start)
                yield Sentence(content, previous, chunk, passage)


def _best_of_each(findings: Iterable[Finding]) -> list[Finding]:
    """Return the best finding of each kind and statement of the claim: an agreement if any, then the strongest."""
    best: dict[tuple[CheckKind, Span], Finding] = {}
    for finding in findings:
        key = (finding.kind, finding.claim_span)
        if key not in best or (finding.agrees, finding.strength) > (best[key].agrees, best[key].strength):
            best[key] = finding
    return list(best.values())


def _to_check(finding: Finding, claim: Claim, novel: Novel) -> Check:
    content = finding.sentence.content
    window = _window(content.text, finding.sentence_span)
    start, end = content.start + window.start, content.start + window.end
    return Check(
        kind=finding.kind,
        agrees=finding.agrees,
        claimed=claim.text[slice(*finding.claim_span)],
        passage=novel.text[start:end],
        chunk_index=finding.sentence.chunk.index,
        start=start,
        end=end,
        chapter=novel.chapter_at(start),
    )


def _window(text: str, span: Span) -> Span:
    """Return the whole sentence, or of a long one the words around a range, no longer than ``LONGEST_PASSAGE``."""
    if len(text) <= LONGEST_PASSAGE:
        return Span(0, len(text))
    start, end = span
    room = max(LONGEST_PASSAGE - (end - start), 0)
    first, last = max(start - room // 2, 0), min(end + room // 2, len(text))
    while first and first < start and not text[first - 1].isspace():
        first += 1
    while last < len(text) and last > end and not text[last].isspace():
        last -= 1
    return Span(first, last)
