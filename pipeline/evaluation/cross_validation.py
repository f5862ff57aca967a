"""Cross-validate a fitted verdict, compared with baselines in the same folds."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from pipeline.errors import TableError
from pipeline.evaluation.by_group import BaseRateComparison, CharacterFigures, by_character, compare_with_base_rate
from pipeline.evaluation.fitting import Aim, Indices, Labels, checked_labels, fit_scorer, group_codes, split_folds
from pipeline.evaluation.metrics import (
    MEASURES,
    Bools,
    Figure,
    McNemar,
    Measure,
    Scored,
    check_lengths,
    figures_dict,
    mcnemar,
    measure,
)
from pipeline.judging.logistic import Floats, Row, feature_matrix


@dataclass(frozen=True)
class LabelledRows:
    """Rows to cross-validate: features and labels (1 consistent, 0 not), and the inputs of the baselines.

    Rows of one of ``groups`` (a pair of claims, a book) are never split between folds, and intervals are then over
    groups.
    """

    features: Sequence[Row]
    labels: Sequence[int]
    groups: Sequence[Hashable] | None = None
    texts: Sequence[str] | None = None
    lexical: Sequence[Row] | None = None
    characters: Sequence[str] | None = None


@dataclass(frozen=True)
class FoldSettings:
    """How rows are cross-validated: the number of folds and repeats, the aim of the threshold, and the seed."""

    seed: int
    folds: int = 5
    repeats: int = 20
    aim: Aim = "accuracy"


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Repeated cross-validation: every number comes from models that were not fitted on the rows in question.

    ``probabilities`` (N,) are the means over repeats of ``per_repeat`` (R, N), the out-of-fold probabilities of being
    consistent. ``decisions`` (N,) are true (consistent) if the probability is above the threshold of its fold, on
    average over the repeats; ``decided`` (R, N) are those of each repeat. ``figures`` and those of ``baselines`` are
    means over the repeats of the figure of one repeat: of one fitted model, not of a vote of many. ``mcnemar`` compares
    ``decisions`` (first) with the majority label of the training folds (second). ``calibration`` compares the
    probabilities with the share of the labels in the training folds (the base rate). ``characters`` has the figures of
    each character's rows, empty if no characters are given.
    """

    labels: Labels
    probabilities: Floats
    per_repeat: Floats
    decided: Bools
    decisions: Bools
    accuracy_per_repeat: tuple[float, ...]
    figures: dict[str, Figure]
    baselines: dict[str, dict[str, Figure]]
    mcnemar: McNemar
    calibration: dict[str, BaseRateComparison]
    characters: dict[str, CharacterFigures]
    groups: int | None
    folds: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the rows for JSON, with the size of the set."""
        return {
            "rows": len(self.labels),
            "consistent": int(self.labels.sum()),
            "inconsistent": int((self.labels == 0).sum()),
            "groups": self.groups,
            "folds": self.folds,
            "repeats": len(self.per_repeat),
            "seed": self.seed,
            "interval": f"95 %, bootstrap over {'rows' if self.groups is None else 'groups'}",
            "figures": figures_dict(self.figures),
            "accuracy_per_repeat": list(self.accuracy_per_repeat),
            "baselines": {name: figures_dict(figures) for name, figures in self.baselines.items()},
            "mcnemar_against_majority": asdict(self.mcnemar),
            "calibration": {name: one.to_dict() for name, one in self.calibration.items()},
            "characters": {name: one.to_dict() for name, one in self.characters.items()},
        }


def cross_validate(rows: LabelledRows, settings: FoldSettings) -> CrossValidation:
    """Cross-validate a logistic verdict on ``rows.features``; scaler, penalty and threshold are fitted in each fold.

    Baselines in the same folds: ``majority``; ``lexical_only`` on ``rows.lexical``; ``claim_only`` on ``rows.texts``
    (tf-idf of words and pairs of words, without the novel); ``character_majority``, the share of consistent rows of the
    same one of ``rows.characters`` among the training rows. A baseline without input is left out.

    Raises:
        TableError: labels that are not 0 and 1, columns of different lengths, or too few rows or groups for the folds.
    """
    size = len(rows.features)
    columns = {"groups": rows.groups, "texts": rows.texts, "lexical": rows.lexical, "characters": rows.characters}
    check_lengths(size, **columns)
    _check_texts(rows.texts or ())
    plan = _Plan.of(rows.labels, rows.groups, settings, rows=size)
    held_out, majority = plan.score(StandardScaler, _matrix(rows.features)), plan.score_majority()
    scored = plan.scored(held_out)
    return CrossValidation(
        labels=plan.labels,
        probabilities=held_out.probabilities.mean(axis=0),
        per_repeat=held_out.probabilities,
        decided=held_out.decided,
        decisions=held_out.decisions(),
        accuracy_per_repeat=tuple(map(float, (held_out.decided == plan.labels).mean(axis=1))),
        figures=plan.figures(held_out, MEASURES),
        baselines={"majority": plan.figures(majority, _MAJORITY_MEASURES), **_baselines(plan, rows)},
        mcnemar=mcnemar(held_out.decisions(), majority.decisions(), plan.labels),
        calibration=compare_with_base_rate(scored, plan.scored(majority), groups=plan.groups, seed=settings.seed),
        characters=by_character(scored, rows.characters or (), groups=plan.groups, seed=settings.seed),
        groups=None if rows.groups is None else len(set(rows.groups)),
        folds=settings.folds,
        seed=settings.seed,
    )


def cross_validate_systems(
    systems: Mapping[str, Sequence[Row]],
    labels: Sequence[int],
    *,
    texts: Sequence[str],
    groups: Sequence[Hashable] | None,
    settings: FoldSettings,
) -> dict[str, Scored]:
    """Return the held-out predictions of several systems for the same rows, all fitted in the same folds.

    A system is given as its features of each row. ``claim_only`` (tf-idf of ``texts``) and ``majority`` are added.
    Raises TableError as ``cross_validate`` does.
    """
    _check_texts(texts)
    check_lengths(len(labels), groups=groups, texts=texts, **systems)
    plan = _Plan.of(labels, groups, settings, rows=len(labels))
    found = {name: plan.score(StandardScaler, _matrix(rows)) for name, rows in systems.items()}
    found["claim_only"] = plan.score(_text_transform, np.array(texts, dtype=object))
    found["majority"] = plan.score_majority()
    return {name: plan.scored(held_out) for name, held_out in found.items()}


# The share of a label differs a little between training folds, which would rank the rows of one fold below another's.
# A constant does not rank.
_MAJORITY_MEASURES: dict[str, Measure] = {**MEASURES, "auc": lambda _, weights: np.full(len(weights), 0.5)}


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """Out-of-fold probabilities and the thresholds of their folds, both (R, N)."""

    probabilities: Floats
    thresholds: Floats

    @property
    def decided(self) -> Bools:
        return np.asarray(self.probabilities >= self.thresholds)

    def decisions(self) -> Bools:
        return np.asarray((self.probabilities - self.thresholds).mean(axis=0) >= 0)


@dataclass(frozen=True, eq=False)
class _Plan:
    """The folds in which every system compared is fitted."""

    labels: Labels
    groups: Labels | None
    splits: list[list[tuple[Indices, Indices]]]
    aim: Aim
    seed: int

    @classmethod
    def of(
        cls, labels: Sequence[int], groups: Sequence[Hashable] | None, settings: FoldSettings, *, rows: int
    ) -> _Plan:
        known, codes = checked_labels(labels, rows), group_codes(groups)
        seeds = range(settings.seed, settings.seed + settings.repeats)
        splits = [split_folds(known, codes, folds=settings.folds, seed=seed) for seed in seeds]
        return cls(known, codes, splits, settings.aim, settings.seed)

    def score(self, make_transform: Callable[[], Any], inputs: npt.NDArray[Any]) -> _HeldOut:
        held_out = self._empty()
        for repeat, splits in enumerate(self.splits):
            for train, test in splits:
                groups = None if self.groups is None else self.groups[train]
                scorer = fit_scorer(
                    make_transform, inputs[train], self.labels[train], groups, aim=self.aim, seed=self.seed + repeat
                )
                held_out.probabilities[repeat, test] = scorer.probabilities(inputs[test])
                held_out.thresholds[repeat, test] = scorer.threshold
        return held_out

    def score_majority(self) -> _HeldOut:
        held_out = self._empty()
        for repeat, splits in enumerate(self.splits):
            for train, test in splits:
                held_out.probabilities[repeat, test] = self.labels[train].mean()
        held_out.thresholds[:] = 0.5
        return held_out

    def score_shares(self, keys: Labels) -> _HeldOut:
        """Predict the share of label 1 in the training rows of the same key, smoothed by one row of the mean."""
        held_out = self._empty()
        for repeat, splits in enumerate(self.splits):
            for train, test in splits:
                share, most = self.labels[train].mean(), int(keys.max()) + 1
                counts = np.bincount(keys[train], minlength=most)
                ones = np.bincount(keys[train], weights=self.labels[train], minlength=most)
                held_out.probabilities[repeat, test] = ((ones + share) / (counts + 1))[keys[test]]
        held_out.thresholds[:] = 0.5
        return held_out

    def scored(self, held_out: _HeldOut) -> Scored:
        return Scored(held_out.probabilities, held_out.decided, self.labels)

    def figures(self, held_out: _HeldOut, measures: dict[str, Measure]) -> dict[str, Figure]:
        return measure(self.scored(held_out), measures, groups=self.groups, seed=self.seed)

    def _empty(self) -> _HeldOut:
        shape = (len(self.splits), len(self.labels))
        return _HeldOut(np.full(shape, np.nan), np.full(shape, np.nan))


def _baselines(plan: _Plan, rows: LabelledRows) -> dict[str, dict[str, Figure]]:
    found: dict[str, dict[str, Figure]] = {}
    if rows.lexical is not None:
        found["lexical_only"] = plan.figures(plan.score(StandardScaler, _matrix(rows.lexical)), MEASURES)
    if rows.texts is not None:
        found["claim_only"] = plan.figures(plan.score(_text_transform, np.array(rows.texts, dtype=object)), MEASURES)
    keys = group_codes(rows.characters)
    if keys is not None:
        found["character_majority"] = plan.figures(plan.score_shares(keys), MEASURES)
    return found


def _text_transform() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")


def _matrix(rows: Sequence[Row]) -> Floats:
    return feature_matrix(rows, tuple(rows[0]))


def _check_texts(texts: Sequence[str]) -> None:
    for row, text in enumerate(texts):
        if not re.search(r"\w", text):
            raise TableError(f"the text of row {row} has no word ({text!r}); give the text of the claim or backstory")
