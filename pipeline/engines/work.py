"""The jobs: read a novel into the cache, or judge the rows of a table about a novel."""

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


def ignore_progress(name: str, read: int, total: int) -> None:
    """Discard the progress of the rows of a novel."""


@dataclass(frozen=True)
class NovelRead:
    """A novel that is in the cache; ``tokens`` were read now, 0 if it was there already."""

    name: str
    sentences: int
    tokens: int


@dataclass(frozen=True)
class ReadNovel:
    """Encode a novel once, without its characters, into the cache."""

    path: Path

    def run(self, pipeline: Pipeline) -> NovelRead:
        """Read the novel or find it in the cache; raises NovelError."""
        tokens = 0

        def count(name: str, read: int, total: int) -> None:
            nonlocal tokens
            tokens += read
            pipeline.on_progress(name, read, total)

        counting = pipeline.fork(on_progress=count)
        book = counting.open_book(self.path)
        counting.read(book)
        return NovelRead(book.novel.name, len(book.sentences), tokens)


@dataclass(frozen=True)
class JudgeRows:
    """Judge the rows about a novel; ``claims`` are their claims if known already."""

    path: Path
    rows: tuple[Row, ...]
    claims: Mapping[Row, tuple[Claim, ...]] | None = None
    on_rows: OnRows = ignore_progress

    def run(self, pipeline: Pipeline) -> JudgedNovel:
        """Judge the rows in their order; raises NovelError, or TableError for a row without a claim."""
        known = self.claims
        claims = {row: extract_row(pipeline, row) if known is None else known[row] for row in self.rows}
        return judge_rows(pipeline, self.path, claims, on_rows=self.on_rows)


@dataclass(frozen=True)
class PredictRows:
    """Judge the rows about a novel and return predictions only, which are small for any number of rows."""

    path: Path
    rows: tuple[Row, ...]
    model: LogisticModel

    def run(self, pipeline: Pipeline) -> list[Prediction]:
        """Return the prediction for each row; raises NovelError, or TableError for a row without a claim."""
        claims = {row: extract_row(pipeline, row) for row in self.rows}
        judged = judge_rows(pipeline, self.path, claims, on_rows=ignore_progress)
        return predict(judged.rows, self.model)
