"""The jobs there are: to read a novel into the cache, and to judge the rows of a table about a novel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.tables import JudgedNovel, OnRows, extract_row, judge_rows, predict
from pipeline.judging.logistic import LogisticModel
from pipeline.records import Claim
from pipeline.run import Pipeline
from pipeline.tables.predictions import Prediction
from pipeline.tables.rows import Row


def ignore_rows(name: str, read: int, total: int) -> None:
    """Do nothing with the progress of the rows of a novel."""


@dataclass(frozen=True)
class NovelRead:
    """A novel that lies in the cache; ``tokens`` were read now, none where it lay there before."""

    name: str
    sentences: int
    tokens: int


@dataclass(frozen=True)
class ReadNovel:
    """Stream a novel through the global memory, once, into the cache."""

    path: Path

    def run(self, pipeline: Pipeline) -> NovelRead:
        """Read the novel, or find it kept; raises NovelError."""
        tokens = 0

        def count(what: str, read: int, total: int) -> None:
            nonlocal tokens
            tokens += read
            pipeline.on_progress(what, read, total)

        counting = pipeline.fork(on_progress=count)
        book = counting.open_book(self.path)
        counting.read(book)
        return NovelRead(book.novel.name, len(book.sentences), tokens)


@dataclass(frozen=True)
class JudgeRows:
    """Judge rows on their novel where its reading lies; ``claims`` are theirs where they are known already."""

    path: Path
    rows: tuple[Row, ...]
    claims: Mapping[Row, tuple[Claim, ...]] | None = None
    on_rows: OnRows = ignore_rows

    def run(self, pipeline: Pipeline) -> JudgedNovel:
        """Judge the rows in their order; raises NovelError, or TableError for a row without a claim."""
        known = self.claims
        claims = {row: extract_row(pipeline, row) if known is None else known[row] for row in self.rows}
        return judge_rows(pipeline, self.path, claims, on_rows=self.on_rows)


@dataclass(frozen=True)
class PredictRows:
    """Judge rows on their novel and keep the predictions alone, which are small however many rows there are."""

    path: Path
    rows: tuple[Row, ...]
    model: LogisticModel

    def run(self, pipeline: Pipeline) -> list[Prediction]:
        """Return the prediction for each row; raises NovelError, or TableError for a row without a claim."""
        claims = {row: extract_row(pipeline, row) for row in self.rows}
        judged = judge_rows(pipeline, self.path, claims, on_rows=ignore_rows)
        return predict(judged.rows, self.model)
