"""Predictions are compared with the base rate, and the rows of each character are measured by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.by_group import by_character, compare_with_base_rate
from pipeline.evaluation.metrics import Scored
from tests.pipeline.evaluation.test_compare import LABELS, scored


def test_informative_probabilities_beat_the_base_rate_and_noise_does_not() -> None:
    share = np.full((2, 60), 0.5)
    base = Scored(share, share >= 0.5, LABELS)
    good, noise = (compare_with_base_rate(scored(signal), base, groups=None, seed=0) for signal in (1.5, 0.0))
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
