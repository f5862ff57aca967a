"""The words of the sentences of one novel: which sentences have a stem, and how long each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pipeline.language.stems import analyse

Numbers = npt.NDArray[np.int64]


class SentenceWords:
    """The sentences of a novel by stem, as sorted numbers, and the count of words of each: ``lengths``, (sentences,).

    Each sentence is stemmed once, however many claims are compared with it.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        holders: dict[str, list[int]] = defaultdict(list)
        lengths = []
        for number, text in enumerate(texts):
            lengths.append(len(text.split()))
            for stem in set(analyse(text)):
                holders[stem].append(number)
        self._holders = {stem: np.array(numbers, np.int32) for stem, numbers in holders.items()}
        self.lengths: Numbers = np.array(lengths, np.int64)

    def holding(self, stem: str, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Return which of these sentences have the stem: (numbers,); a number below 0 is of no sentence."""
        holders = self._holders.get(stem)
        if holders is None:
            return np.zeros(len(numbers), np.bool_)
        places = np.searchsorted(holders, numbers)
        found: npt.NDArray[np.bool_] = holders[np.minimum(places, len(holders) - 1)] == numbers
        return found
