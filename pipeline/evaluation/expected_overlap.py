"""How many words a claim shares with the passages of an unrelated novel.

Ten passages retrieved for a claim hold some of its words in any book: "father" nearly always, "gendarme" seldom. The
expected overlap is the mean of each signal of each word given novels that the claim is not about; what the right novel
adds to it is evidence. ``runs/lexical_background.py`` measures it without labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from pipeline.errors import ModelError

Doubles = npt.NDArray[np.float64]

RARITY_RANGE = (0.05, 5.0)
_RANDOM_PASSAGES = 40
"""Ten passages retrieved for a claim hold about as many of its words as forty drawn at random."""
_ARRAYS = ("signals", "words", "frequencies", "edges", "priors", "measured")


@dataclass(frozen=True, eq=False)
class ExpectedOverlap:
    """The expected signals of word stems given an unrelated novel.

    ``frequencies`` is the share of passages, over many novels, that hold a stem. ``measured`` holds the expected
    ``signals`` (K,) of stems seen in claims; any other takes the row of ``priors`` (bins, K) for stems about as
    frequent, and a stem of unknown frequency the row of the rarest. ``edges`` (bins - 1,) split the bins.
    """

    signals: tuple[str, ...]
    frequencies: Mapping[str, float]
    edges: Doubles
    priors: Doubles
    measured: Mapping[str, Doubles]

    def __post_init__(self) -> None:
        expected = (len(self.edges) + 1, len(self.signals))
        if self.priors.shape != expected or any(row.shape != expected[1:] for row in self.measured.values()):
            raise ModelError(
                f"the expected overlap has priors of {self.priors.shape} for {len(self.signals)} signals; expected "
                f"rows of {expected}: build it again"
            )

    def expected(self, stem: str) -> Doubles:
        """Return the expected signals (K,) of a stem given an unrelated novel."""
        row = self.measured.get(stem)
        return self.priors[self.bin(stem)] if row is None else row

    def bin(self, stem: str) -> int:
        """Return the number of the bin of stems about as frequent as this one."""
        return int(np.searchsorted(self.edges, self.frequencies.get(stem, 0.0)))

    def rarity(self, stem: str) -> float:
        """Return the surprisal, in nats, of a stem in passages drawn at random, within ``RARITY_RANGE``."""
        return rarity(self.frequencies.get(stem, 0.0))

    def save(self, path: Path) -> None:
        """Write one compressed npz; equal contents give equal bytes."""
        words = [*self.measured, *(word for word in self.frequencies if word not in self.measured)]
        np.savez_compressed(
            path,
            signals=np.array(self.signals),
            words=np.array(words),
            frequencies=np.array([self.frequencies.get(word, 0.0) for word in words], np.float32),
            edges=self.edges,
            priors=self.priors.astype(np.float32),
            measured=np.array([*self.measured.values()], np.float16).reshape(-1, len(self.signals)),
        )

    @classmethod
    def load(cls, path: Path) -> ExpectedOverlap:
        """Read what ``save`` wrote; raises ModelError when it is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                signals, words, frequencies, edges, priors, measured = (file[name] for name in _ARRAYS)
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise ModelError(
                f"{path} is not a valid expected overlap ({error}); restore it or build it again"
            ) from error
        names = [str(word) for word in words]
        return cls(
            signals=tuple(map(str, signals)),
            frequencies=dict(zip(names, map(float, frequencies), strict=True)),
            edges=edges,
            priors=priors.astype(np.float64),
            measured=dict(zip(names, measured.astype(np.float64), strict=False)),
        )


def rarity(frequency: float) -> float:
    """Return the surprisal, in nats, of a stem that is in this share of passages; see ``ExpectedOverlap.rarity``.

    >>> round(rarity(0.001), 2), rarity(0.5)
    (3.24, 0.05)
    """
    found = 1 - (1 - min(frequency, 0.9)) ** _RANDOM_PASSAGES
    low, high = RARITY_RANGE
    return float(np.clip(-np.log(found + 1e-9), low, high))
