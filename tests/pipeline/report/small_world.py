"""A very small novel with everything that the report tells of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.records import (
    Chapter,
    Character,
    Chunk,
    Claim,
    ClaimLabel,
    ClaimVerdict,
    Evidence,
    Mention,
    Novel,
    Pair,
    PairLabel,
    Span,
    TableLabel,
    Verdict,
)
from pipeline.report.artefacts import write_verdict
from pipeline.report.book import book_view
from pipeline.report.dataset_evidence import RowEvidence
from pipeline.report.manifest import Manifest
from pipeline.report.view import PageView, page_view
from pipeline.states import CharacterState, ChunkState, Reading, Vector

TEXT = """HEADER

Chapter One. The Ferry

Ada Vane kept the ferry. She was born in Porth in 1840. Her father drowned when she was nine.

Chapter Two. The Bell

The bell of Saint Brannoc rang at noon. Ada heard it from the river. Nobody else did.
"""
BODY = Span(TEXT.index("Chapter One"), len(TEXT))
STING = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}</style></title>"
JUDGED: dict[PairLabel, ClaimLabel] = {
    "support": "supported",
    "contradict": "contradicted",
    "irrelevant": "not_stated",
}


@dataclass(frozen=True)
class World:
    """All that ``write_verdict`` is given, as one value that tests vary."""

    novel: Novel
    chunks: tuple[Chunk, ...]
    cast: tuple[Character, ...]
    reading: Reading
    verdict: Verdict
    manifest: Manifest

    def parts(self) -> dict[str, Any]:
        """Return the keyword arguments of ``write_verdict``."""
        return {
            "novel": self.novel,
            "chunks": self.chunks,
            "cast": self.cast,
            "reading": self.reading,
            "verdict": self.verdict,
            "manifest": self.manifest,
        }

    def view(self, **more: Any) -> PageView:
        """Return what the page says."""
        book = book_view(self.novel, self.chunks, self.cast, self.reading)
        return page_view(book, self.verdict, self.manifest, **more)

    def write(self, folder: Path) -> dict[str, Path]:
        """Write the artefacts and return them by file name."""
        return {path.name: path for path in write_verdict(folder, **self.parts())}


def sentence_spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(found.start(), found.end()) for found in re.finditer(r"[A-Z][^.]*\.", text))


def make_novel(text: str = TEXT, *, name: str = "The Ferry", body: Span = BODY) -> Novel:
    starts = [found.start() for found in re.finditer(r"^Chapter", text, re.MULTILINE)]
    ends = [*starts, body.end][1:]
    chapters = tuple(
        Chapter(number, text[start:end].split("\n")[0], start, end)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
    )
    return Novel(name, f"{name}.txt", text, body, chapters, "utf-8", "0" * 64, ("the header was cut",))


def make_chunks(novel: Novel) -> tuple[Chunk, ...]:
    """Cut chunks of three sentences of which neighbours share one."""
    body = novel.text[: novel.body.end]
    spans = [span for span in sentence_spans(body) if span.start >= novel.body.start]
    firsts = range(0, max(len(spans) - 1, 1), 2)
    return tuple(
        Chunk(index, held[0].start, held[-1].end, novel.chapter_at(held[0].start), first, tuple(held))
        for index, first in enumerate(firsts)
        if (held := spans[first : first + 3])
    )


def make_character(novel: Novel, chunks: tuple[Chunk, ...], name: str = "Ada Vane", word: str = "Ada") -> Character:
    mentions = tuple(Mention(word, m.start(), m.end(), 0) for m in re.finditer(re.escape(word), novel.text))
    held = tuple(chunk.index for chunk in chunks if word in novel.text[chunk.start : chunk.end])
    return Character(name, (word,), mentions, (), held)


def make_vector(*values: float) -> Vector:
    return np.array(values, dtype=np.float32)


def make_reading(chunks: tuple[Chunk, ...], cast: tuple[Character, ...]) -> Reading:
    states = tuple(
        ChunkState(
            chunk.index,
            make_vector(0.12346, -0.00001),
            make_vector(9, 9),
            1.5 + chunk.index,
            0.05,
            10.0,
            chunk.index / 9,
        )
        for chunk in chunks
    )
    own = {
        person.name: tuple(
            CharacterState(chunk.index, make_vector(1, chunk.index), chunk.index in person.chunks) for chunk in chunks
        )
        for person in cast
    }
    return Reading(states, own)


def make_pair(novel: Novel, chunk: Chunk, claim_id: str, *, rank: int = 1, label: PairLabel = "support") -> Pair:
    span = chunk.sentences[0]
    shares: dict[PairLabel, float] = {"support": 0.1, "contradict": 0.1, "irrelevant": 0.1, label: 0.8}
    evidence = Evidence(claim_id, chunk.index, rank, 1 / rank, 2.5, rank, 0.25, True)
    quotation = novel.text[slice(*span)]
    return Pair(evidence, label, shares, quotation, span.start, span.end, novel.chapter_at(span.start))


def make_claim_verdict(novel: Novel, chunks: tuple[Chunk, ...], text: str, *labels: PairLabel) -> ClaimVerdict:
    name = f"c-{text.split()[0].lower()}"
    claim = Claim(name, "Ada Vane", "event", "childhood", "unspecified", text, "place", 3, f"- {text}")
    pairs = tuple(
        make_pair(novel, chunks[place % len(chunks)], claim.id, rank=place + 1, label=label)
        for place, label in enumerate(labels)
    )
    strongest: PairLabel = next((label for label in labels if label != "irrelevant"), "irrelevant")
    return ClaimVerdict(claim, JUDGED[strongest], 0.25, {"reader_odds": 0.5}, pairs, f"Because of {text}")


def make_world(novel: Novel | None = None, *, character: str = "Ada Vane") -> World:
    novel = novel or make_novel()
    chunks = make_chunks(novel)
    cast = (make_character(novel, chunks),)
    claims = (
        make_claim_verdict(novel, chunks, "Born in Porth, she kept the ferry.", "irrelevant", "support"),
        make_claim_verdict(novel, chunks, "Her father outlived her.", "contradict"),
    )
    verdict = Verdict(
        novel.name, character, "inconsistent", 0.134, "One claim fails.", claims, {"worst": 0.1}, ("read on the CPU",)
    )
    manifest = Manifest(
        {"seed": 7, "retrieval": {"top_k": 10}},
        7,
        {"reader": "a" * 64},
        {"scorer": "a claim reader and words", "claims": "sentences"},
    )
    return World(novel, chunks, cast, make_reading(chunks, cast), verdict, manifest)


def make_row(world: World, number: str, *, given_label: TableLabel | None = None) -> RowEvidence:
    return RowEvidence(
        id=number,
        book_name="The Ferry",
        char="Ada Vane",
        character_found=True,
        given_label=given_label,
        label="consistent",
        probability=0.75,
        claims=world.verdict.claims,
        features={"worst": 0.1},
        aggregation={"rule": "lowest", "weights": [0.5, 0.5]},
        notices=("a notice",),
        novel="The Ferry",
        rationale="One claim stands.",
    )


def make_hostile_world() -> World:
    """Make a world whose every text is markup."""
    text = TEXT.replace("Ada", f"Ada {STING}").replace("Chapter Two.", f"Chapter Two {STING}.")
    world = make_world(make_novel(text, name=STING, body=Span(text.index("Chapter One"), len(text))), character=STING)
    claims = tuple(
        replace(judged, claim=replace(judged.claim, text=STING, source=STING), rationale=STING)
        for judged in world.verdict.claims
    )
    verdict = replace(world.verdict, claims=claims, rationale=STING, notices=(STING,))
    return replace(world, verdict=verdict, manifest=replace(world.manifest, methods={"scorer": STING, STING: STING}))
