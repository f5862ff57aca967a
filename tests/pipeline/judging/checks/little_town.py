"""A small invented story, and the checks that fire on a claim about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.judging.checks.attach import run_checks
from pipeline.records import Chapter, Check, CheckKind, Chunk, Claim, Novel, Span, TimeScope
from pipeline.retrieval.index import LexicalIndex

ELSEWHERE = tuple(f"Nothing of the kind was said of the place called {chr(97 + place) * 5}." for place in range(24))
"""Other chunks of the index, so that the words of the story are rare."""


def open_town(story: str) -> tuple[Novel, tuple[Chunk, ...], LexicalIndex]:
    """Return a novel of one chapter, its one chunk (a sentence per line), and an index in which its words are rare."""
    heading = "Chapter 1\n"
    text = heading + story
    spans = tuple(Span(*match.span()) for match in re.finditer(r"[^\n]+", text) if match.start() >= len(heading))
    chunk = Chunk(0, len(heading), len(text), 1, 0, spans)
    chapter = Chapter(1, "Chapter 1", 0, len(text))
    novel = Novel("town", "town.txt", text, Span(0, len(text)), (chapter,), "utf-8", "0")
    return novel, (chunk,), LexicalIndex([story, *ELSEWHERE])


def check_claim(
    claim: str,
    story: str,
    *,
    character: str = "Anna Reed",
    names: Sequence[str] | None = None,
    scope: TimeScope = "unspecified",
) -> tuple[Check, ...]:
    """Return the checks that fire on a claim about the story."""
    novel, chunks, index = open_town(story)
    stated = Claim("c1", character, "event", scope, "unspecified", claim)
    return run_checks(
        stated,
        names or (character,),
        novel=novel,
        chunks=chunks,
        stems=index.stems,
        weight=index.weight,
    )


def outcomes(claim: str, story: str, *, scope: TimeScope = "unspecified") -> list[tuple[CheckKind, bool]]:
    """Return kind and outcome of each check that fires."""
    return [(check.kind, check.agrees) for check in check_claim(claim, story, scope=scope)]
