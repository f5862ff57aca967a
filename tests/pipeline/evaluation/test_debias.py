"""A controlled model is deaf to what a claim says of itself, however loud that is, and still hears the evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SettingError, TableError
from pipeline.evaluation.debias import fit_controlled, free_directions
from pipeline.evaluation.fitting import fit_logistic
from pipeline.evaluation.metrics import Scored, auc
from pipeline.judging.logistic import Floats, LogisticModel

NAMES = ("words", "names", "reader", "reader_worst")
Rows = list[dict[str, float]]


class World:
    """Twins whose own style shows in every feature, before any novel, and whose evidence shows in two."""

    def __init__(self, seed: int, *, leak: float = 1.5, pairs: int = 600) -> None:
        chance = np.random.default_rng(seed)
        self.labels = [1, 0] * pairs
        signs = np.array(self.labels)[:, None] - 0.5
        style = signs * leak * chance.normal(size=(1, len(NAMES)))
        common = np.repeat(chance.normal(size=(pairs, len(NAMES))), 2, axis=0)
        told = signs * np.array([0.0, 0.0, 2.0, 1.0])
        self.right = self._rows(style + told + common + chance.normal(size=common.shape))
        self.wrong = self._rows(style + common + chance.normal(size=common.shape))
        self.none = self._rows(np.zeros_like(common))
        self.books = [f"book {number // 40}" for number in range(len(self.labels))]
        self.twins = [(2 * pair, 2 * pair + 1) for pair in range(pairs)]

    @staticmethod
    def _rows(values: Floats) -> Rows:
        return [dict(zip(NAMES, map(float, row), strict=True)) for row in values]

    def fit(self, *, share: float) -> LogisticModel:
        return fit_controlled(
            self.right,
            self.labels,
            controls=[self.wrong, self.none],
            groups=self.books,
            twins=self.twins,
            twin_share=share,
        )

    def auc(self, model: LogisticModel, rows: Rows) -> float:
        chances = model.probabilities(rows)
        scored = Scored(chances[None], chances[None] >= 0.5, np.array(self.labels))
        return float(auc(scored, np.ones((1, len(rows))))[0])


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_controlled_model_is_deaf_before_wrong_and_no_evidence_and_hears_the_right(share: float) -> None:
    world, elsewhere = World(1), World(1, pairs=500)
    model = world.fit(share=share)
    for each in (world, elsewhere):
        assert each.auc(model, each.wrong) <= 0.55
        assert each.auc(model, each.none) == 0.5
        assert each.auc(model, each.right) >= 0.65


def test_without_the_control_the_leak_is_learnt() -> None:
    world = World(1)
    assert world.auc(fit_logistic(world.right, world.labels, groups=world.books), world.wrong) > 0.7


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_weights_stand_at_right_angles_to_the_leak(seed: int, share: float) -> None:
    world = World(seed, pairs=60)
    odds = world.fit(share=share).log_odds(world.wrong)
    labels = np.array(world.labels)
    assert odds[labels == 1].mean() == pytest.approx(odds[labels == 0].mean(), abs=1e-6)


def test_score_of_one_label_does_not_vary_with_the_wording() -> None:
    chance = np.random.default_rng(5)
    labels = [1, 0] * 500
    signs = np.array(labels) - 0.5
    wording = 0.6 * signs + chance.normal(size=1000)
    names = ("reader", "reader_worst", "wording")

    def rows(told: float) -> Rows:
        evidence = [told * signs + share * wording + chance.normal(size=1000) for share in (0.8, 0.3)]
        return [dict(zip(names, map(float, row), strict=True)) for row in zip(*evidence, wording, strict=True)]

    right, wrong, books = rows(1.0), rows(0.0), [number // 20 for number in range(1000)]
    model = fit_controlled(right, labels, controls=[wrong], groups=books, wording="wording")
    odds, known = model.log_odds(right), np.array(labels)
    for label in (0, 1):
        odds[known == label] -= odds[known == label].mean()
        wording[known == label] -= wording[known == label].mean()
    assert abs(np.corrcoef(odds, wording)[0, 1]) < 1e-6
    assert np.corrcoef(model.log_odds(right), labels)[0, 1] > 0.3


def test_fitting_twice_gives_the_same_model() -> None:
    world = World(3, pairs=60)
    assert world.fit(share=0.5) == world.fit(share=0.5)


def test_a_control_of_another_length_is_refused() -> None:
    world = World(3, pairs=60)
    with pytest.raises(TableError, match="another number of rows"):
        fit_controlled(world.right, world.labels, controls=[world.wrong[:5]], groups=world.books)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_twins_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(SettingError, match="twin_share"):
        World(3, pairs=60).fit(share=share)


def test_twins_count_for_ranking_what_they_have_in_common_hides() -> None:
    world = World(2, leak=0.0)

    def ranked(model: LogisticModel) -> float:
        odds = model.log_odds(world.right)
        return float((odds[0::2] > odds[1::2]).mean())

    assert ranked(world.fit(share=1.0)) >= ranked(world.fit(share=0.0)) - 0.01


def test_controls_that_leave_no_direction_are_refused() -> None:
    with pytest.raises(TableError, match="all 2 directions"):
        free_directions(np.eye(2))
