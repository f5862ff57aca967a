"""Features of a claim from the labels of its windows: hand-checkable numbers, finite for all labels."""

from __future__ import annotations

import math
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.judging.window_features import window_features

LOGS = st.floats(-60, 0)
CHANCES = st.tuples(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 1))


def test_features_are_those_of_two_windows() -> None:
    found = window_features(np.log([[0.1, 0.4, 0.5], [0.6, 0.2, 0.2]]), "x_")
    odds = log(3), log(0.25)
    assert found == pytest.approx(
        {
            "x_supported": log(0.6),
            "x_contradicted": log(0.4),
            "x_odds_first": odds[0],
            "x_odds_top": sum(odds) / 2,
            "x_settled": log(0.8),
            "x_none_supports": log(0.4 * 0.9),
            "x_none_contradicts": log(0.8 * 0.6),
        }
    )


def test_top_windows_are_the_three_most_relevant() -> None:
    labels = np.log([[0.8, 0.1, 0.1], [0.7, 0.1, 0.2], [0.6, 0.1, 0.3], [0.001, 0.009, 0.99]])
    found = window_features(labels, "")
    assert found["odds_top"] == pytest.approx((log(8) + log(7) + log(6)) / 3)


def test_without_windows_all_features_are_zero() -> None:
    found = window_features(np.zeros((0, 3)), "bdh_")
    assert found == dict.fromkeys(window_features(np.log([[0.2, 0.3, 0.5]]), "bdh_"), 0.0)


@given(st.lists(st.tuples(LOGS, LOGS, LOGS), min_size=1, max_size=50))
def test_features_are_finite_for_all_labels(labels: list[tuple[float, float, float]]) -> None:
    assert all(map(math.isfinite, window_features(np.array(labels), "").values()))


@given(chances=st.lists(CHANCES, min_size=1, max_size=6, unique_by=lambda one: one[2] / sum(one)), data=st.data())
def test_features_do_not_depend_on_the_order_of_windows(
    chances: list[tuple[float, float, float]], data: st.DataObject
) -> None:
    labels = np.array([[log(one / sum(own)) for one in own] for own in chances])
    order = data.draw(st.permutations(range(len(labels))))
    assert window_features(labels[order], "") == pytest.approx(window_features(labels, ""))


@given(chances=st.lists(CHANCES, min_size=1, max_size=6, unique_by=lambda one: one[2] / sum(one)))
def test_exchanged_labels_exchange_the_features(chances: list[tuple[float, float, float]]) -> None:
    labels = np.array([[log(one / sum(own)) for one in own] for own in chances])
    found, turned = window_features(labels, ""), window_features(labels[:, [1, 0, 2]], "")
    for name, value in found.items():
        if name.startswith("odds"):
            assert turned[name] == pytest.approx(-value)
        elif name.startswith("supported"):
            assert turned[name.replace("supported", "contradicted")] == value
    assert turned["none_contradicts"] == found["none_supports"]
