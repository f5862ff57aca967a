"""Lexical evidence: how many more words of a claim its passages hold than those of an unrelated novel would.

Every word stem of the claim has signals: whether the passages hold it, how near to the claim's other words, next to
its neighbours in the claim. The ``ExpectedOverlap`` of an unrelated novel is subtracted from each signal, and the
surplus is summed over the claim's stems. So given a wrong novel a feature is zero on average for every claim, whatever
its words and length, and has no claim-only bias. Nothing is divided by the length of the claim: what is missing counts
in full.

Where no stem of the claim is found, every feature is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.errors import ModelError
from pipeline.evaluation.expected_overlap import ExpectedOverlap
from pipeline.judging.passage import Passage, Stems, Weight
from pipeline.language.words import WORD

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

WINDOWS = (1, 3, 6)
"""Sentences in a row within one passage that count as near."""
SIGNALS = (
    "found",
    "found_first",
    "found_weight",
    "in_novel",
    *(f"support_{window}" for window in WINDOWS),
    *(f"fit_{window}" for window in WINDOWS),
    "neighbours",
)
LEXICAL_SURPLUS = tuple(f"{kind}_{signal}" for kind in ("word", "name") for signal in SIGNALS)

_CACHED_SENTENCES = 16_384
_FIT_FLOOR = 1.0
"""Nats added to the denominator of the fit, so that almost nothing is not a perfect fit."""


@dataclass(frozen=True)
class ClaimWords:
    """The stems of a claim, each once, their indices in ``order`` of the text, and ``named`` (C,): with a capital."""

    stems: tuple[str, ...]
    order: tuple[int, ...]
    named: Flags


def lexical_features(
    claim_text: str, passages: Sequence[Passage], *, weight: Weight, stems: Stems, expected: ExpectedOverlap
) -> dict[str, float]:
    """Return the ``LEXICAL_SURPLUS`` of a claim over its passages, best passage first.

    ``word_*`` sums over stems without a capital in the claim, ``name_*`` over those with one. ``weight`` is the
    inverse document frequency in the novel. See ``word_signals`` for the signals.

    Raises:
        ModelError: the expected overlap is of other signals.
    """
    if expected.signals != SIGNALS:
        raise ModelError(f"the expected overlap is of {expected.signals}; expected {SIGNALS}: build it again")
    words = claim_words(claim_text, stems)
    signals = word_signals(words, passages, weight=weight, stems=stems, rarity=expected.rarity)
    if not signals[:, 0].any():
        return dict.fromkeys(LEXICAL_SURPLUS, 0.0)
    surplus = signals - np.array([expected.expected(stem) for stem in words.stems])
    sums = np.concatenate([surplus[~words.named].sum(axis=0), surplus[words.named].sum(axis=0)])
    return dict(zip(LEXICAL_SURPLUS, map(float, sums), strict=True))


def claim_words(text: str, stems: Stems) -> ClaimWords:
    """Return the stems of a claim with their order; a stem counts as a name where one of its words has a capital."""
    numbers: dict[str, int] = {}
    order: list[int] = []
    capitals = set()
    for word in WORD.findall(text):
        for stem in stems(word):
            order.append(numbers.setdefault(stem, len(numbers)))
            if word[0].isupper():
                capitals.add(stem)
    named = np.array([stem in capitals for stem in numbers], dtype=np.bool_)
    return ClaimWords(tuple(numbers), tuple(order), named)


def word_signals(
    words: ClaimWords, passages: Sequence[Passage], *, weight: Weight, stems: Stems, rarity: Callable[[str], float]
) -> Doubles:
    """Return the ``SIGNALS`` of each stem of a claim: (C, K); zeros for a stem that is not in the novel.

    ``found``: is in a passage. ``found_first``: in the first. ``found_weight``: its weight in the novel, if found.
    ``in_novel``: is anywhere in the novel, where its weight is below that of an unknown stem (``""``). ``support_n``:
    the rarity of the claim's other stems within n sentences of it, at best. ``fit_n``: the same, divided by the most
    that any n sentences hold of those others; low for a word that is far from the rest. ``neighbours``: the share of
    the stems one or two places from it in the claim that are in one sentence with it.
    """
    if not words.stems or not passages:
        return np.zeros((len(words.stems), len(SIGNALS)))
    held = [_held(words, passage, stems) for passage in passages]
    sentences = np.concatenate(held)
    found = sentences.any(axis=0)
    weights, rarities = (np.array([measure(stem) for stem in words.stems]) for measure in (weight, rarity))
    support, fit = zip(*(_support(_windows(held, window), rarities) for window in WINDOWS), strict=True)
    return np.stack(
        [
            found,
            held[0].any(axis=0),
            found * weights,
            weights < weight(""),
            *support,
            *fit,
            _neighbours(words, sentences),
        ],
        axis=1,
        dtype=np.float64,
        casting="unsafe",
    )


def _held(words: ClaimWords, passage: Passage, stems: Stems) -> Flags:
    """Return which sentence of a passage holds which stem: (sentences, C)."""
    sets = [_stem_set(stems, sentence) for sentence in passage.sentences]
    flags = [[stem in held for stem in words.stems] for held in sets]
    return np.array(flags, dtype=np.bool_).reshape(len(sets), len(words.stems))


@lru_cache(maxsize=_CACHED_SENTENCES)
def _stem_set(stems: Stems, sentence: str) -> frozenset[str]:
    return frozenset(stems(sentence))


def _windows(held: Sequence[Flags], size: int) -> Flags:
    """Return which run of ``size`` sentences of a passage holds which stem: (runs, C); a short passage is one run."""
    runs = [flags[start : start + size].any(axis=0) for flags in held for start in range(max(len(flags) - size + 1, 1))]
    return np.array(runs)


def _support(runs: Flags, rarities: Doubles) -> tuple[Doubles, Doubles]:
    """Return for each stem the greatest rarity of the others in a run that holds it, and its share of any run: (C,)."""
    others = (runs @ rarities)[:, None] - np.where(runs, rarities, 0.0)
    near = np.where(runs, others, 0.0).max(axis=0, initial=0.0)
    return near, near / (others.max(axis=0, initial=0.0) + _FIT_FLOOR)


def _neighbours(words: ClaimWords, sentences: Flags) -> Doubles:
    together = sentences.T.astype(np.float32) @ sentences.astype(np.float32) > 0
    met, all_ = np.zeros(len(words.stems)), np.zeros(len(words.stems))
    for one, other in (*pairwise(words.order), *zip(words.order, words.order[2:], strict=False)):
        if one != other:
            for stem in (one, other):
                met[stem] += together[one, other]
                all_[stem] += 1
    return np.asarray(met / np.maximum(all_, 1), dtype=np.float64)
