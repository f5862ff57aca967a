"""Systems side by side: their own figures, and differences that are paired."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.by_group import beside_base_rate, by_character
from pipeline.evaluation.compare import compare_systems
from pipeline.evaluation.metrics import MEASURES, Scored, measure

LABELS = np.array([1, 0] * 30)
TWINS = (np.arange(0, 60, 2), np.arange(1, 60, 2))


def scored(signal: float, *, seed: int = 0, repeats: int = 2) -> Scored:
    odds = np.random.default_rng(seed).normal(size=(repeats, 60)) + signal * (2 * LABELS - 1)
    chances = 1 / (1 + np.exp(-odds))
    return Scored(chances, chances >= 0.5, LABELS)


def test_figures_of_a_system_are_those_that_it_has_alone() -> None:
    own = scored(1.0)
    (found,) = compare_systems({"one": own}, groups=None, twins=TWINS, seed=0).values()
    alone = measure(own, {"auc": MEASURES["auc"]}, groups=None, seed=0)["auc"]
    assert found.figures["auc"] == alone and found.lacks == {}
    first = [(repeat[TWINS[0]] > repeat[TWINS[1]]).mean() for repeat in own.probabilities]
    assert found.figures["ranking"].value == pytest.approx(np.mean(first))


def test_difference_is_paired_and_of_a_system_from_itself_nought() -> None:
    strong, weak = scored(1.0), scored(0.5)  # the same noise: a paired difference is narrower than either figure
    found = compare_systems({"strong": strong, "same": strong, "weak": weak}, groups=None, twins=None, seed=0)
    assert found["same"].lacks["auc"].low == found["same"].lacks["auc"].high == 0
    lack, own = found["weak"].lacks["auc"], found["weak"].figures["auc"]
    assert lack.value == pytest.approx(found["strong"].figures["auc"].value - own.value)
    assert lack.low > 0 and lack.high - lack.low < own.high - own.low
    assert "ranking" not in found["weak"].figures


def test_probabilities_that_know_something_beat_the_base_rate_and_others_do_not() -> None:
    share = np.full((2, 60), 0.5)
    base = Scored(share, share >= 0.5, LABELS)
    good, noise = (beside_base_rate(scored(signal), base, groups=None, seed=0) for signal in (1.5, 0.0))
    for name in ("brier", "log_loss"):
        assert good[name].difference.high < 0 < noise[name].difference.value
    assert good["brier"].base_rate.value == 0.25 and np.isnan(good["ece"].difference.value)


def test_rows_of_each_character_are_measured_by_themselves() -> None:
    own = scored(0.5)
    names = ["Ann", "Ann", "Bob", "Bob"] * 15
    found = by_character(own, names, groups=None, seed=0)
    assert list(found) == ["Ann", "Bob"]
    assert (found["Ann"].consistent, found["Ann"].inconsistent) == (15, 15)
    rows = [place for place, name in enumerate(names) if name == "Bob"]
    right = (own.decisions[:, rows] == LABELS[rows]).mean()
    assert found["Bob"].figures["accuracy"].value == pytest.approx(right)
