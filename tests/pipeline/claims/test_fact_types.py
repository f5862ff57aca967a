"""A claim has the kind of the fact that it states: by rules, else by the words."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from pipeline.claims.fact_types import fact_type, features_of
from pipeline.claims.fields import _WAYS
from pipeline.claims.labels import LABELS
from pipeline.records import FactType

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ada Merrow's eyes were green.", "appearance"),
        ("Ada Merrow was thirty-four years old when the ship sank.", "age_or_date"),
        ("Ada Merrow's mother was the sister of Ben Hale.", "kinship"),
        ("Ada Merrow worked as a clerk in a shipping office.", "occupation"),
        ("Ada Merrow was born in a village near Porth.", "place"),
        ("Ada Merrow carried a silver watch in her coat.", "possession"),
        ("Ada Merrow was known as the Gull.", "name"),
        ("Ada Merrow did not know that her brother was alive.", "knowledge"),
        ("Ada Merrow left home because she wanted to find her brother.", "motive"),
    ],
)
def test_claim_has_the_kind_of_its_fact(text: str, kind: FactType) -> None:
    assert fact_type(text, "Ada Merrow") == kind


@pytest.mark.parametrize("text", ["", "…", "Ada", "Zzyzx qwrt"])
def test_any_text_has_a_kind(text: str) -> None:
    assert fact_type(text, "Ada Merrow") in get_args(FactType)


def test_features_do_not_know_the_names_and_numbers_of_a_novel() -> None:
    first = list(features_of("In 1811 Ada Merrow left Porth with 3 dogs.", "Ada Merrow"))
    assert first == list(features_of("In 1790 Ben Hale left Gull with 7 dogs.", "Ben Hale"))


def test_labels_have_kinds_and_ways_that_are_there() -> None:
    assert {rule.fact for rule in LABELS.values()} <= set(get_args(FactType))
    assert {rule.way for rule in LABELS.values()} <= set(_WAYS)
