"""Novels and tables to questions: for each book its statements and claims, and the sentences they are to be read with.

One file a book, so that an interrupted preparation goes on with the next book.
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
from pipeline.judging.evidence_selection import Candidate, choose_sentences
from pipeline.language.stems import stems
from pipeline.records import Chunk, Novel, Span
from pipeline.retrieval.index import LexicalIndex
from pipeline.tables.rows import Row, row_text
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import split_sentences
from pipeline.training.question_files import SUFFIX, write_questions
from pipeline.training.statements import find_statements

PASSAGES = 10
NOTES = 8
"""Statements of the same book that a claim may be read with in the place of the novel."""


@dataclass(frozen=True)
class BookTables:
    """What tables say about one novel: labelled claims with the pair they belong to, and statements known as true."""

    claims: tuple[tuple[Row, str], ...] = ()
    statements: tuple[str, ...] = ()


def pair_of(row: Row) -> str:
    """Return the pair of a labelled claim: its ``pair``, or else its id halved, as twins are often numbered."""
    if row.pair:
        return row.pair
    if row.id.isdigit():
        return str(int(row.id) // 2)
    raise TableError(
        f"claim {row.id!r} belongs to no pair; give the table a column pair, or ids 2k and 2k + 1 to the two of a pair"
    )


def make_questions(
    novel: Novel, tables: BookTables, nlp: Language, *, own_statements: int, seed: int
) -> dict[str, Any]:
    """Return the questions about one novel, ready for ``pipeline.training.examples.Book``.

    Each claim and statement retrieves its own passages by its own words. Where the tables hold no statement the novel's
    own sentences serve, ``own_statements`` of them.
    """
    shelf = _Shelf(novel, split_sentences(novel, nlp))
    statements = list(tables.statements) or find_statements(shelf.texts(), most=own_statements, seed=seed)
    notes = LexicalIndex(statements) if statements else None
    claims = [
        {
            "id": row.id,
            "pair": pair,
            "text": row_text(row),
            "label": int(row.label == "consistent"),
            "ev": shelf.evidence(row_text(row)),
            "notes": [] if notes is None else _best(notes.scores(row_text(row)), NOTES),
        }
        for row, pair in tables.claims
    ]
    made = [{"text": text, "ev": shelf.evidence(text)} for text in statements]
    sentences, places = shelf.used()
    return {"book": novel.name, "sentences": sentences, "place": places, "claims": claims, "statements": made}


class _Shelf:
    """A novel's sentences, and those of them that served as evidence, in the order in which they were first used."""

    def __init__(self, novel: Novel, sentences: Sequence[Span]) -> None:
        self._novel, self._sentences = novel, sentences
        self._chunks = make_chunks(novel, sentences, ChunkConfig())
        self._index = LexicalIndex([novel.text[chunk.start : chunk.end] for chunk in self._chunks])
        self._candidates: dict[int, Candidate] = {}
        self._used: dict[int, int] = {}

    def texts(self) -> list[str]:
        return [self._text(number) for number in range(len(self._sentences))]

    def _text(self, number: int) -> str:
        start, end = self._sentences[number]
        return self._novel.text[start:end]

    def evidence(self, text: str) -> list[int]:
        """Return the chosen sentences in the order of choice, by the number under which ``used`` lists them."""
        chunks = [self._chunks[chunk] for chunk in _best(self._index.scores(text), PASSAGES)]
        numbers = dict.fromkeys(number for chunk in chunks for number in _numbers(chunk))
        candidates = [self._candidate(number) for number in numbers]
        chosen = choose_sentences(dict.fromkeys(stems(text)), candidates, weight=self._index.weight)
        return [self._used.setdefault(number, len(self._used)) for number in chosen]

    def _candidate(self, number: int) -> Candidate:
        if number not in self._candidates:
            text = self._text(number)
            self._candidates[number] = Candidate(number, frozenset(stems(text)), len(text.split()))
        return self._candidates[number]

    def used(self) -> tuple[list[str], list[int]]:
        """Return the sentences that served, and where each stands in the novel."""
        places = list(self._used)
        return [" ".join(self._text(number).split()) for number in places], places


def _numbers(chunk: Chunk) -> range:
    return range(chunk.first_sentence, chunk.first_sentence + len(chunk.sentences))


def _best(scores: npt.NDArray[np.float32], count: int) -> list[int]:
    return [int(place) for place in np.argsort(-scores, kind="stable")[:count]]


def group_tables(
    claims: Iterable[Row], statements: Iterable[Row], find: Callable[[str], Path]
) -> dict[Path, BookTables]:
    """Return what the tables say, by the file of the novel that ``find`` returns for a book's name."""
    told: dict[Path, list[tuple[Row, str]]] = defaultdict(list)
    known: dict[Path, list[str]] = defaultdict(list)
    for row in claims:
        told[find(row.book_name)].append((row, pair_of(row)))
    for row in statements:
        known[find(row.book_name)].append(row_text(row))
    return {path: BookTables(tuple(told[path]), tuple(known[path])) for path in {**told, **known}}


def prepare_book(
    path: Path, tables: BookTables, nlp: Language, folder: Path, *, own_statements: int, seed: int
) -> Path:
    """Write the questions about the novel at ``path`` into ``folder``, unless they are there; return their file."""
    target = folder / (path.stem + SUFFIX)
    if not target.exists():
        write_questions(
            target, [make_questions(load_novel(path), tables, nlp, own_statements=own_statements, seed=seed)]
        )
    return target
