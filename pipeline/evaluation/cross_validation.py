"""How well a verdict does on rows it was not fitted on, beside baselines in the same folds."""

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
from pipeline.evaluation.by_group import BesideBaseRate, ShareOfRows, beside_base_rate, by_character
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


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Repeated cross-validation: every number comes from folds that had not seen their rows.

    ``probabilities`` (N,) are the means over repeats of ``per_repeat`` (R, N), the out-of-fold probabilities of being
    consistent. ``decisions`` (N,) say consistent where the probability lies above the threshold of its fold, on
    average over the repeats; ``decided`` (R, N) says so for each repeat. ``figures`` and those of ``baselines`` are
    means over the repeats of the figure of one repeat: what one fitted model does, not a vote of many. ``mcnemar``
    compares ``decisions`` (first) with the majority label of the training folds (second). ``calibration`` sets how good
    the probabilities are beside those of somebody who knows the share of the labels in the training folds and nothing
    else. ``characters`` has the rows of each character by themselves, empty where none were named.
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
    calibration: dict[str, BesideBaseRate]
    characters: dict[str, ShareOfRows]
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
            "calibration": {name: beside.to_dict() for name, beside in self.calibration.items()},
            "characters": {name: share.to_dict() for name, share in self.characters.items()},
        }


def cross_validate(
    features: Sequence[Row],
    labels: Sequence[int],
    *,
    groups: Sequence[Hashable] | None = None,
    texts: Sequence[str] | None = None,
    lexical: Sequence[Row] | None = None,
    characters: Sequence[str] | None = None,
    folds: int = 5,
    repeats: int = 20,
    aim: Aim = "accuracy",
    seed: int,
) -> CrossValidation:
    """Cross-validate a logistic verdict on ``features`` with scaler, penalty and threshold fitted inside each fold.

    Labels are 1 (consistent) and 0. Rows of one of ``groups`` (a pair of twins, a book) never straddle a fold, and
    intervals are then over groups. Baselines in the same folds: ``majority``; ``lexical_only`` on the rows
    ``lexical``; ``claim_only`` on ``texts`` (tf-idf of words and pairs of words, without the novel);
    ``character_majority``, the share of consistent rows of the same one of ``characters`` among the training rows. A
    baseline whose input is not given is left out.

    Raises:
        TableError: labels that are not 0 and 1, columns of different lengths, or too few rows or groups for ``folds``.
    """
    check_lengths(len(features), groups=groups, texts=texts, lexical=lexical, characters=characters)
    _check_texts(texts or ())
    plan = _make_plan(labels, len(features), groups, folds=folds, repeats=repeats, aim=aim, seed=seed)
    held_out, majority = plan.score(StandardScaler, _matrix(features)), plan.score_majority()
    return CrossValidation(
        labels=plan.labels,
        probabilities=held_out.probabilities.mean(axis=0),
        per_repeat=held_out.probabilities,
        decided=held_out.decided,
        decisions=held_out.decisions(),
        accuracy_per_repeat=tuple(map(float, (held_out.decided == plan.labels).mean(axis=1))),
        figures=plan.figures(held_out, MEASURES),
        baselines={
            "majority": plan.figures(majority, _MAJORITY_MEASURES),
            **_baselines(plan, texts, lexical, characters),
        },
        mcnemar=mcnemar(held_out.decisions(), majority.decisions(), plan.labels),
        calibration=beside_base_rate(plan.scored(held_out), plan.scored(majority), groups=plan.groups, seed=seed),
        characters=by_character(plan.scored(held_out), characters or (), groups=plan.groups, seed=seed),
        groups=None if groups is None else len(set(groups)),
        folds=folds,
        seed=seed,
    )


def cross_validate_systems(
    systems: Mapping[str, Sequence[Row]],
    labels: Sequence[int],
    *,
    texts: Sequence[str],
    groups: Sequence[Hashable] | None,
    folds: int,
    repeats: int,
    seed: int,
) -> dict[str, Scored]:
    """Return the held-out answers of several systems to the same rows, all fitted in the same folds.

    A system is what its ``Row`` says of each row. ``claim_only`` (tf-idf of ``texts``) and ``majority`` follow. Raises
    TableError as ``cross_validate`` does.
    """
    _check_texts(texts)
    check_lengths(len(labels), groups=groups, texts=texts, **systems)
    plan = _make_plan(labels, len(labels), groups, folds=folds, repeats=repeats, aim="balanced_accuracy", seed=seed)
    found = {name: plan.score(StandardScaler, _matrix(rows)) for name, rows in systems.items()}
    found["claim_only"] = plan.score(_text_transform, np.array(texts, dtype=object))
    found["majority"] = plan.score_majority()
    return {name: plan.scored(held_out) for name, held_out in found.items()}


# Shares of the training folds differ a little, and rank the rows of a fold below others when it holds more of a label.
# A constant ranks nothing.
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
    """The folds that everything compared is fitted in."""

    labels: Labels
    groups: Labels | None
    splits: list[list[tuple[Indices, Indices]]]
    aim: Aim
    seed: int

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
        """Answer with the share of label 1 among the training rows of the same key, and one row of the whole share."""
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


def _make_plan(
    labels: Sequence[int],
    rows: int,
    groups: Sequence[Hashable] | None,
    *,
    folds: int,
    repeats: int,
    aim: Aim,
    seed: int,
) -> _Plan:
    known, codes = checked_labels(labels, rows), group_codes(groups)
    splits = [split_folds(known, codes, folds=folds, seed=seed + repeat) for repeat in range(repeats)]
    return _Plan(known, codes, splits, aim, seed)


def _baselines(
    plan: _Plan, texts: Sequence[str] | None, lexical: Sequence[Row] | None, characters: Sequence[str] | None
) -> dict[str, dict[str, Figure]]:
    found: dict[str, dict[str, Figure]] = {}
    if lexical is not None:
        found["lexical_only"] = plan.figures(plan.score(StandardScaler, _matrix(lexical)), MEASURES)
    if texts is not None:
        found["claim_only"] = plan.figures(plan.score(_text_transform, np.array(texts, dtype=object)), MEASURES)
    if characters is not None:
        keys = group_codes(characters)
        assert keys is not None
        found["character_majority"] = plan.figures(plan.score_shares(keys), MEASURES)
    return found


def _text_transform() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")


def _matrix(rows: Sequence[Row]) -> Floats:
    return feature_matrix(rows, tuple(rows[0]))


def _check_texts(texts: Sequence[str]) -> None:
    for row, text in enumerate(texts):
        if not re.search(r"\w", text):
            raise TableError(f"the text of row {row} holds no word ({text!r}); give the text of the claim or backstory")
