"""Measure verdicts on claims against three labels: supported, contradicted, not stated.

Figures are functions of weights, so that their intervals come from resampled novels (``pipeline.evaluation.metrics``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.fitting import group_codes
from pipeline.evaluation.metrics import Figure, RowMeasure, bootstrap, figures_dict
from pipeline.judging.logistic import Floats
from pipeline.judging.verdict import deciding_pair
from pipeline.records import CLAIM_LABELS, ClaimLabel, ClaimVerdict, Span

_LEAST_OVERLAP = 0.5
"""The share of the shorter of two quotations that must be common for them to count as the same."""


@dataclass(frozen=True)
class JudgedClaim:
    """A verdict with what is known of its claim.

    ``twin`` is the other claim of its pair, ``gold`` the ranges of the evidence in the novel, empty where unknown;
    ``chunks`` are the ranges of the retrieved passages, best first.
    """

    verdict: ClaimVerdict
    truth: ClaimLabel
    book: str
    twin: str = ""
    gold: tuple[Span, ...] = ()
    chunks: tuple[Span, ...] = ()
    kind: str = ""
    difficulty: str = ""


@dataclass(frozen=True)
class ThreeWayMetrics:
    """The figures of all claims, and of those of each difficulty and type; ``counts`` are claims by label."""

    counts: dict[ClaimLabel, int]
    figures: dict[str, Figure]
    groups: dict[str, dict[str, Figure]]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        groups = {name: figures_dict(own) for name, own in self.groups.items()}
        return {"counts": self.counts, "figures": figures_dict(self.figures), "groups": groups}


def three_way_metrics(claims: Sequence[JudgedClaim], *, seed: int) -> ThreeWayMetrics:
    """Measure verdicts on claims whose labels are known."""
    counts = {label: sum(claim.truth == label for claim in claims) for label in CLAIM_LABELS}
    groups: dict[str, dict[str, Figure]] = {}
    for field in ("difficulty", "kind"):
        for value in sorted({getattr(claim, field) for claim in claims} - {""}):
            chosen = [claim for claim in claims if getattr(claim, field) == value]
            groups[f"{field}: {value}"] = _figures(chosen, seed=seed)
    return ThreeWayMetrics(counts, _figures(claims, seed=seed), groups)


def _figures(claims: Sequence[JudgedClaim], *, seed: int) -> dict[str, Figure]:
    truth = np.array([CLAIM_LABELS.index(claim.truth) for claim in claims])
    said = np.array([CLAIM_LABELS.index(claim.verdict.label) for claim in claims])
    measures: dict[str, RowMeasure] = {
        "accuracy": partial(_share, said == truth, np.ones_like(truth, dtype=bool)),
        "majority": partial(_majority, truth),
        "balanced_accuracy": partial(_balanced, said, truth),
        "balanced_accuracy_of_the_likeliest": partial(_balanced, _likeliest(claims), truth),
    }
    for number, label in enumerate(CLAIM_LABELS[:2]):
        measures[f"{label}_precision"] = partial(_share, truth == number, said == number)
        measures[f"{label}_recall"] = partial(_share, said == number, truth == number)
    measures |= _gold_measures(claims, said, truth)
    found = bootstrap(measures, len(claims), groups=group_codes([claim.book for claim in claims]), seed=seed)
    return {name: figure for name, figure in found.items() if np.isfinite(figure.value)}


def _likeliest(claims: Sequence[JudgedClaim]) -> npt.NDArray[np.int64]:
    chances = [claim.verdict.probabilities for claim in claims]
    return np.array(
        [
            CLAIM_LABELS.index(max(own, key=lambda label: own[label]) if own else claim.verdict.label)
            for own, claim in zip(chances, claims, strict=True)
        ]
    )


def _gold_measures(
    claims: Sequence[JudgedClaim], said: npt.NDArray[Any], truth: npt.NDArray[Any]
) -> Mapping[str, RowMeasure]:
    """Return the measures of passages, quotations and words where the evidence of claims is known."""
    known = np.array([bool(claim.gold) for claim in claims])
    if not known.any():
        return {}
    ranks = np.array([gold_rank(claim) for claim in claims])
    shown = np.array([_shows_gold(claim) for claim in claims])
    settled = known & (said < 2) & (said == truth)
    flagged = known & (said == 1) & (truth == 1) & np.array([bool(claim.twin) for claim in claims])
    named = np.array([bool(claim.twin) and names_difference(claim) for claim in claims])
    measures: dict[str, RowMeasure] = {}
    for number, label in enumerate(CLAIM_LABELS[:2]):
        for most in (1, 3, 10):
            measures[f"gold_passage_in_{most}_{label}"] = partial(
                _share, (ranks <= most) & known, known & (truth == number)
            )
    measures["quotation_is_gold"] = partial(_share, shown, settled)
    measures["difference_named"] = partial(_share, named, flagged)
    return measures


def gold_rank(claim: JudgedClaim) -> int:
    """Return the rank of the first passage that has a part of the evidence, from 1; beyond all ranks for none."""
    for rank, chunk in enumerate(claim.chunks, start=1):
        if any(span.start < chunk.end and span.end > chunk.start for span in claim.gold):
            return rank
    return len(claim.chunks) + 10**6


def _shows_gold(claim: JudgedClaim) -> bool:
    quoted = decisive_quotation(claim.verdict)
    return quoted is not None and any(_overlap(quoted, span) for span in claim.gold)


def _overlap(one: Span, other: Span) -> bool:
    common = min(one.end, other.end) - max(one.start, other.start)
    return common >= _LEAST_OVERLAP * max(1, min(one.end - one.start, other.end - other.start))


def decisive_quotation(verdict: ClaimVerdict) -> Span | None:
    """Return the range of the quotation that a verdict shows first; None without a passage."""
    if not verdict.pairs:
        return None
    pair = deciding_pair(verdict.label, verdict.pairs)
    return Span(pair.start, pair.end)


def names_difference(claim: JudgedClaim) -> bool:
    """Return whether the words named of a contradicted claim are among those in which the twins differ."""
    difference = claim.verdict.difference
    if difference is None:
        return False
    own, other = claim.verdict.claim.text.split(), claim.twin.split()
    changed = {
        _plain(word)
        for kind, start, end, _, _ in difflib.SequenceMatcher(None, own, other, autojunk=False).get_opcodes()
        if kind != "equal"
        for word in own[start:end]
    }
    return bool(changed & {_plain(word) for word in difference.claimed.split()})


def _plain(word: str) -> str:
    return word.strip(".,;:!?\"'“”‘’()").casefold()


def _share(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_], weights: Floats) -> Floats:
    total = weights @ whole.astype(np.float64)
    found = weights @ (part & whole).astype(np.float64)
    return np.divide(found, total, out=np.full_like(found, np.nan), where=total > 0)


def _balanced(said: npt.NDArray[Any], truth: npt.NDArray[Any], weights: Floats) -> Floats:
    recalls = [_share(said == number, truth == number, weights) for number in sorted(set(truth.tolist()))]
    return np.asarray(np.mean(recalls, axis=0))


def _majority(truth: npt.NDArray[Any], weights: Floats) -> Floats:
    shares = [_share(truth == number, truth >= 0, weights) for number in range(len(CLAIM_LABELS))]
    return np.asarray(np.max(shares, axis=0))
