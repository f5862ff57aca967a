"""Measure how often BM25 finds the chapter that a true claim was written from.

    python -m benchmarks.retrieval_recall --data FOLDER

FOLDER has ``novels/<book_name>.txt``, ``claims.csv`` (id, book_name, char, content, label), ``claims-details.csv``
(id, scope, source_chapters) and ``chapters.csv`` (book_name, n, start, end: the range of each chapter in its novel).
``--time_bonus T`` is the gain of chunks about a claim's time of life; claims about childhood and about adulthood are
also counted by themselves. Only true claims with a single source chapter count; a chunk belongs to the chapter that its
middle is in.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import spacy
from spacy.language import Language

from pipeline.claims.attributes import time_scope
from pipeline.config import ChunkConfig, RetrievalConfig
from pipeline.language.life_stage import find_life_stage
from pipeline.records import Claim, Span, TimeScope
from pipeline.retrieval.fusion import retrieve
from pipeline.retrieval.index import LexicalIndex

CUTS = (1, 5, 10)


def main() -> None:
    """Print the share of claims whose chapter is among the first 1, 5 and 10 chunks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with novels/ and the three tables")
    parser.add_argument("--presence", action="store_true", help="prefer chunks with a word of the name")
    parser.add_argument("--time_bonus", type=float, default=0.0, help="prefer chunks of the claim's time of life")
    arguments = parser.parse_args()
    began = time.perf_counter()
    found = list(_ranks(arguments.data, presence=arguments.presence, bonus=arguments.time_bonus))
    for name, ranks in (
        ("all", [rank for rank, _ in found]),
        *((scope, [rank for rank, own in found if own == scope]) for scope in ("childhood", "adulthood")),
    ):
        shares = (f"top {cut}: {sum(rank <= cut for rank in ranks) / max(len(ranks), 1):.3f}" for cut in CUTS)
        print(f"{name}: {', '.join(shares)} of {len(ranks)} claims")
    print(f"{time.perf_counter() - began:.0f} s")


def _ranks(folder: Path, *, presence: bool, bonus: float) -> Iterator[tuple[int, TimeScope]]:
    """Yield, for each claim, the rank of the first chunk of its chapter, and the claim's time of life.

    A rank beyond the last cut means that no such chunk was found.
    """
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    chapters = _table(folder / "chapters.csv").groupby("book_name")
    for book, rows in _claims(folder).groupby("book_name"):
        text = (folder / "novels" / f"{book}.txt").read_text(encoding="utf-8")
        spans = _chunks(text, nlp, config=ChunkConfig())
        starts = [(int(start), n) for start, n in chapters.get_group(book)[["start", "n"]].to_numpy()]
        homes = [_chapter(starts, (span.start + span.end) // 2) for span in spans]
        index = LexicalIndex([text[span.start : span.end] for span in spans])
        life_stages = [find_life_stage(text[span.start : span.end]) for span in spans] if bonus else []
        for row in rows.itertuples():
            names = [part for part in str(row.char).split() if part[0].isupper()] if presence else []
            present = [i for i, span in enumerate(spans) if any(n in text[span.start : span.end] for n in names)]
            scope = time_scope(str(row.content))
            hits = [home == row.source_chapters for home in homes]
            claim = Claim("c1", "", "event", scope, "unspecified", str(row.content))
            yield _first_hit(claim, index, present, life_stages, hits, bonus), scope


def _first_hit(
    claim: Claim, index: LexicalIndex, present: list[int], life_stages: list[TimeScope], hits: list[bool], bonus: float
) -> int:
    found = retrieve(
        [claim],
        index=index,
        content_vectors=None,
        claim_vectors=None,
        present=present,
        life_stages=life_stages,
        config=RetrievalConfig(top_k=max(CUTS), time_bonus=bonus),
    )
    return next((e.rank for e in found[claim.id] if hits[e.chunk_index]), max(CUTS) + 1)


def _claims(folder: Path) -> pd.DataFrame:
    claims = _table(folder / "claims.csv").merge(_table(folder / "claims-details.csv"), on="id")
    return claims[(claims["label"] == "consistent") & (claims["scope"] == "single")]


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _chunks(text: str, nlp: Language, *, config: ChunkConfig) -> list[Span]:
    nlp.max_length = max(nlp.max_length, len(text) + 1)
    sentences = [Span(s.start_char, s.end_char) for s in nlp(text).sents if s.text.strip()]
    step = config.n_sent_per_chunk - config.overlap
    firsts = range(0, max(1, len(sentences) - config.overlap), step)
    groups = [sentences[first : first + config.n_sent_per_chunk] for first in firsts]
    return [Span(group[0].start, group[-1].end) for group in groups]


def _chapter(starts: list[tuple[int, str]], offset: int) -> str:
    return [n for start, n in starts if start <= offset][-1]


if __name__ == "__main__":
    main()
