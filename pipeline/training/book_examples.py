"""Prepare the examples of each book from novels and tables: statements and claims with their evidence.

There is one file per book, so that an interrupted preparation continues with the next book.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from spacy.language import Language

from pipeline.config import ChunkConfig
from pipeline.errors import TableError
from pipeline.language.stems import stems
from pipeline.records import Novel, Span
from pipeline.retrieval.index import LexicalIndex
from pipeline.tables.rows import Row, row_text
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import split_sentences
from pipeline.training.evidence_selection import Candidate, choose_sentences
from pipeline.training.example_files import SUFFIX, write_examples
from pipeline.training.statements import find_statements

PASSAGES = 10
OUTLINE = 8
"""Statements about the same book that can be a claim's evidence instead of sentences of the novel."""


@dataclass(frozen=True)
class BookTables:
    """The rows of the tables about one novel: labelled claims with their pair, and true statements."""

    claims: tuple[tuple[Row, str], ...] = ()
    statements: tuple[str, ...] = ()


def pair_of(row: Row) -> str:
    """Return the pair of a labelled claim: its ``pair``, or else its id halved, as pairs are often numbered."""
    if row.pair:
        return row.pair
    if row.id.isdigit():
        return str(int(row.id) // 2)
    raise TableError(
        f"claim {row.id!r} has no pair; give the table a column pair, or ids 2k and 2k + 1 to the two of a pair"
    )


def make_book_examples(
    novel: Novel, tables: BookTables, nlp: Language, *, own_statements: int, seed: int
) -> dict[str, Any]:
    """Return the examples of one novel as JSON, ready for ``pipeline.training.examples.BookExamples``.

    Each claim and statement retrieves its own passages by its own words. If the tables have no statements, sentences of
    the novel are used, ``own_statements`` of them.
    """
    evidence = _EvidenceFinder(novel, split_sentences(novel, nlp))
    statements = list(tables.statements) or find_statements(evidence.texts(), most=own_statements, seed=seed)
    outline = LexicalIndex(statements) if statements else None
    claims = [
        {
            "id": row.id,
            "pair": pair,
            "text": row_text(row),
            "label": int(row.label == "consistent"),
            "evidence": evidence.find(row_text(row)),
            "outline": [] if outline is None else _best(outline.scores(row_text(row)), OUTLINE),
        }
        for row, pair in tables.claims
    ]
    supported = [{"text": text, "evidence": evidence.find(text)} for text in statements]
    sentences, places = evidence.used()
    return {"book": novel.name, "sentences": sentences, "places": places, "claims": claims, "statements": supported}


class _EvidenceFinder:
    """A novel's sentences, and those used as evidence so far, in the order of their first use."""

    def __init__(self, novel: Novel, sentences: Sequence[Span]) -> None:
        self._novel, self._sentences = novel, sentences
        self._chunks = make_chunks(novel, sentences, ChunkConfig())
        self._index = LexicalIndex([novel.repaired(chunk.start, chunk.end) for chunk in self._chunks])
        self._candidates: dict[int, Candidate] = {}
        self._used: dict[int, int] = {}

    def texts(self) -> list[str]:
        return [self._text(number) for number in range(len(self._sentences))]

    def _text(self, number: int) -> str:
        start, end = self._sentences[number]
        return self._novel.text[start:end]

    def find(self, text: str) -> list[int]:
        """Return the sentences chosen as evidence, best first, by their index in ``used``."""
        chunks = [self._chunks[chunk] for chunk in _best(self._index.scores(text), PASSAGES)]
        numbers = dict.fromkeys(number for chunk in chunks for number in chunk.numbers)
        candidates = [self._candidate(number) for number in numbers]
        chosen = choose_sentences(dict.fromkeys(stems(text)), candidates, weight=self._index.weight)
        return [self._used.setdefault(number, len(self._used)) for number in chosen]

    def _candidate(self, number: int) -> Candidate:
        if number not in self._candidates:
            text = self._text(number)
            self._candidates[number] = Candidate(number, frozenset(stems(text)), len(text.split()))
        return self._candidates[number]

    def used(self) -> tuple[list[str], list[int]]:
        """Return the sentences used as evidence, and the position of each in the novel."""
        places = list(self._used)
        return [" ".join(self._text(number).split()) for number in places], places


def _best(scores: npt.NDArray[np.float32], count: int) -> list[int]:
    return [int(place) for place in np.argsort(-scores, kind="stable")[:count]]


def group_tables(
    claims: Iterable[Row], statements: Iterable[Row], find: Callable[[str], Path]
) -> dict[Path, BookTables]:
    """Return the rows of the tables by novel; ``find`` returns the file of a novel given a book's name."""
    labelled: dict[Path, list[tuple[Row, str]]] = defaultdict(list)
    true: dict[Path, list[str]] = defaultdict(list)
    for row in claims:
        labelled[find(row.book_name)].append((row, pair_of(row)))
    for row in statements:
        true[find(row.book_name)].append(row_text(row))
    return {path: BookTables(tuple(labelled[path]), tuple(true[path])) for path in {**labelled, **true}}


def prepare_book(
    path: Path, tables: BookTables, nlp: Language, folder: Path, *, own_statements: int, seed: int
) -> Path:
    """Write the examples of the novel at ``path`` into ``folder``, unless they exist; return their file."""
    target = folder / (path.stem + SUFFIX)
    if not target.exists():
        write_examples(
            target, [make_book_examples(load_novel(path), tables, nlp, own_statements=own_statements, seed=seed)]
        )
    return target
