"""Prepare the plain claims of one novel for training: see ``pipeline.training.plain_claims`` for their form."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.book import Book
from pipeline.records import Span
from pipeline.tables.plain_claims import PlainClaim
from pipeline.training.negatives import Changes, NegativeMaker
from pipeline.training.statements import find_statements

AROUND = 2
"""Sentences on each side of the evidence that examples may take with it."""


@dataclass(frozen=True)
class PreparedClaim:
    """A claim with the sentences of its evidence, ascending, and the sentences near it, best first."""

    claim: PlainClaim
    gold: tuple[int, ...]
    near: tuple[int, ...]

    def row(self) -> dict[str, Any]:
        """Return the claim as it is stored."""
        claim = self.claim
        return {
            "id": claim.id,
            "pair": claim.pair,
            "label": claim.label,
            "text": claim.text,
            "gold": list(self.gold),
            "near": list(self.near),
            "character": claim.character,
            "type": claim.kind,
            "difficulty": claim.difficulty,
        }


def sentences_at(book: Book, spans: Iterable[Span]) -> tuple[int, ...]:
    """Return the numbers of the sentences that some ranges of the novel touch, ascending."""
    starts = [sentence.start for sentence in book.sentences]
    found = {
        number
        for start, end in spans
        for number in range(max(bisect_right(starts, start) - 1, 0), bisect_right(starts, end - 1))
    }
    return tuple(sorted(found))


def prepare_rows(book: Book, title: str, claims: Sequence[PreparedClaim], *, shown: int, seed: int) -> dict[str, Any]:
    """Return the claims of a book as they are stored, with the sentences that examples need.

    These are the windows near the claims, the evidence with what is around it, and ``shown`` others, drawn with
    ``seed``.
    """
    count = len(book.sentences)
    needed = set(random.Random(f"{seed}:{title}").sample(range(count), min(count, shown)))
    for claim in claims:
        needed.update(number - before for number in claim.near for before in (0, 1))
        for number in claim.gold:
            needed.update(range(number - AROUND, number + AROUND + 1))
    return {
        "book": title,
        "sentences": [_text(book, number) if number in needed else "" for number in range(count)],
        "rows": [claim.row() for claim in claims],
    }


def pool_claims(
    book: Book, given: Sequence[tuple[str, str]], changes: Changes, *, most: int, seed: int
) -> list[PlainClaim]:
    """Return unlabelled claims about a novel: at most ``most`` statements, each also with one detail changed.

    ``given`` are characters and statements about them; without any, sentences of the novel are used. All are marked as
    not stated and have no evidence, so that only a teacher can say what they are.
    """
    rng = random.Random(f"{seed}:{book.novel.name}")
    texts = [_text(book, number) for number in range(len(book.sentences))]
    own = list(given) or [("", text) for text in find_statements(texts, most=most, seed=seed)]
    drawn = [own[place] for place in sorted(rng.sample(range(len(own)), min(most, len(own))))]
    maker = NegativeMaker.of_book([text for _, text in own], changes, rng)
    claims = []
    for number, (character, text) in enumerate(drawn, start=1):
        changed = maker.make(text)
        for key, one in ((f"{number}", text), (f"{number}-changed", changed.text if changed else "")):
            if one:
                claims.append(PlainClaim(key, book.novel.name, character, one, "not_stated"))
    return claims


def found_shares(rows: Iterable[Mapping[str, Any]], firsts: Sequence[int]) -> dict[str, list[float]]:
    """Return for supported and contradicted claims the share with evidence among the first sentences near them."""
    own: dict[str, list[list[bool]]] = {"supported": [], "contradicted": []}
    for row in rows:
        if row["gold"] and row["label"] in own:
            own[row["label"]].append([not set(row["gold"]).isdisjoint(row["near"][:first]) for first in firsts])
    return {label: [sum(column) / len(hits) for column in zip(*hits, strict=True)] for label, hits in own.items()}


def _text(book: Book, number: int) -> str:
    return " ".join(book.novel.repaired(*book.sentences[number]).split())
