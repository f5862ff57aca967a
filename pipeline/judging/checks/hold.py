"""A claim held to its passages by every explicit check; which fire, and on which words.

A check is made to be silent. It fires only where claim and passage speak of the same person, by name in the sentence
or the one before, and of the same fact: the words around the statement, weighed by how rare they are in the book, must
come back in that sentence or the one before. Beside words of doubt (negation, condition, dream, hearsay, deceit) it is
silent, and it finds no conflict where another passage of the claim bears it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.judging.checks.held import Finding, Held, Sentence
from pipeline.judging.checks.kinship import name_words
from pipeline.judging.checks.rules import find_all
from pipeline.judging.checks.words import Stems, View, Weight
from pipeline.records import Check, CheckKind, Chunk, Claim, Novel

LONGEST_PASSAGE = 240


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
    (inverse document frequency) are those of the novel's word index. The passage of a check stands verbatim in
    ``novel.text``.
    """
    view = View(claim.text, stems)
    character = frozenset(word for name in names for word in name_words(name.replace("/", " ")) if word[0].isalpha())
    sentences = tuple(_sentences(novel, chunks, stems))
    held = Held(claim, view, view.names | character, character, sentences, weight)
    kept = _one_each(find_all(held))
    return tuple(_check(finding, held, novel) for finding in sorted(kept, key=lambda one: (one.agrees, one.claimed)))


def _sentences(novel: Novel, chunks: Sequence[Chunk], stems: Stems) -> Iterator[Sentence]:
    """Yield every sentence of the chunks once, with the sentence before it where the chunk has it."""
    seen: set[int] = set()
    for chunk in chunks:
        passage = novel.text[chunk.start : chunk.end]
        views = [View(novel.text[start:end], stems, start) for start, end in chunk.sentences]
        for before, view in zip([None, *views], views, strict=False):
            if view.start not in seen:
                seen.add(view.start)
                yield Sentence(view, before, chunk, passage)


def _one_each(found: Iterable[Finding]) -> list[Finding]:
    """Return for each kind and statement of the claim what agrees best, or else what conflicts best."""
    best: dict[tuple[CheckKind, tuple[int, int]], Finding] = {}
    for finding in found:
        key = (finding.kind, finding.claimed)
        if key not in best or (finding.agrees, finding.strength) > (best[key].agrees, best[key].strength):
            best[key] = finding
    return list(best.values())


def _check(finding: Finding, held: Held, novel: Novel) -> Check:
    view = finding.sentence.view
    start, end = _window(view.text, *finding.told)
    start, end = view.start + start, view.start + end
    claimed = held.claim.text[slice(*finding.claimed)]
    index = finding.sentence.chunk.index
    return Check(
        finding.kind, finding.agrees, claimed, novel.text[start:end], index, start, end, novel.chapter_at(start)
    )


def _window(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the whole sentence, or of a long one the words around a range, no longer than ``LONGEST_PASSAGE``."""
    if len(text) <= LONGEST_PASSAGE:
        return 0, len(text)
    room = max(LONGEST_PASSAGE - (end - start), 0)
    first, last = max(start - room // 2, 0), min(end + room // 2, len(text))
    while first and first < start and not text[first - 1].isspace():
        first += 1
    while last < len(text) and last > end and not text[last].isspace():
        last -= 1
    return first, last
