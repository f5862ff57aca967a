"""The word index of one novel: BM25 scores of its chunks, and the weight of each stem."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import NovelError
from pipeline.language.bm25 import BM25
from pipeline.language.stems import analyse, stems
from pipeline.states import Vector

# bm25s logs every index it builds, at a level of its own that the user's settings do not reach.
logging.getLogger("bm25s").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Lexicon:
    """The word analysis of a novel's index: a text's stems, and the inverse document frequency of a stem."""

    stems: Callable[[str], tuple[str, ...]]
    weight: Callable[[str], float]


class LexicalIndex:
    """BM25 over the chunks of one novel, and the weight of each word stem in it.

    Raises NovelError when there is no chunk: nothing can be retrieved from an empty novel.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        if not texts:
            raise NovelError("the novel has no chunk; expected at least one sentence; give a novel with text in it")
        self._vocabulary: dict[str, int] = {}
        documents = [self._number(analyse(text)) for text in texts]
        self._frequencies = Counter(number for document in documents for number in set(document))
        self._size = len(texts)
        self._bm25: BM25 | None = None
        if self._vocabulary:
            self._bm25 = BM25(method="lucene", backend="numpy")
            self._bm25.index((documents, self._vocabulary), create_empty_token=False, show_progress=False)

    def __len__(self) -> int:
        return self._size

    def scores(self, text: str) -> Vector:
        """Return the BM25 score of every chunk for the text, each distinct stem counted once: (chunks,)."""
        known = dict.fromkeys(stem for stem in self.stems(text) if stem in self._vocabulary)
        if self._bm25 is None or not known:
            return np.zeros(self._size, dtype=np.float32)
        found = self._bm25.get_scores_from_ids([self._vocabulary[stem] for stem in known])
        return np.asarray(found, dtype=np.float32)

    def weight(self, stem: str) -> float:
        """Return the inverse document frequency of a stem; one that is not in the novel weighs most."""
        holding = self._frequencies[self._vocabulary[stem]] if stem in self._vocabulary else 0
        return float(np.log1p((self._size - holding + 0.5) / (holding + 0.5)))

    @staticmethod
    def stems(text: str) -> tuple[str, ...]:
        """Return the stems of a text as the index analyses it; see ``pipeline.language.stems.stems``."""
        return stems(text)

    def _number(self, words: Sequence[str]) -> list[int]:
        return [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in words]
