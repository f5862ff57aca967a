"""Retrieval prefers the life stage of the claim, wherever the book narrates it."""

from __future__ import annotations

import re

import pytest

from pipeline.config import RetrievalConfig
from pipeline.errors import SettingError
from pipeline.language.life_stage import find_life_stage
from pipeline.records import Claim, TimeScope
from pipeline.retrieval.fusion import retrieve
from pipeline.retrieval.index import LexicalIndex

LATE_CHILDHOOD = (
    "Mr Orme kept two dogs in the yard of his inn, and fed them himself.",
    "Every carter on the road knew the dogs in the yard of the inn.",
    "His wife feared the dogs and never crossed the yard.",
    "Mr Orme grew old, and the road was moved away from the inn.",
    "One night by the fire he spoke. When I was a little boy, he said, I had a dog that slept in the yard.",
    "The fire went out and nobody said more.",
)
"""A story in which the last but one passage is about what came first."""


def scoped(text: str, scope: TimeScope) -> Claim:
    return Claim("c1", "Mr Orme", "event", scope, "unspecified", text)


def order(claim: Claim, *, bonus: float = 0.02, staged: bool = True) -> list[int]:
    found = retrieve(
        [claim],
        index=LexicalIndex(LATE_CHILDHOOD),
        content_vectors=None,
        claim_vectors=None,
        present=(),
        life_stages=[find_life_stage(text) for text in LATE_CHILDHOOD] if staged else (),
        config=RetrievalConfig(time_bonus=bonus),
    )
    return [item.chunk_index for item in found[claim.id]]


def test_a_claim_about_childhood_finds_a_late_passage_about_it() -> None:
    claim = scoped("As a boy Mr Orme had a dog in the yard.", "childhood")
    assert order(claim, staged=False)[0] != 4 and order(claim)[0] == 4


def test_the_preference_is_bounded_and_ignores_the_order_of_chapters() -> None:
    claim = scoped("As a boy Mr Orme had a dog in the yard.", "childhood")
    assert order(claim, bonus=0.0) == order(claim, staged=False)
    strange = scoped("Every carter on the road knew the inn.", "childhood")
    assert order(strange)[0] == 1, "words that fit far better are worth more than the time"


@pytest.mark.parametrize("scope", ["adulthood", "unspecified"])
def test_claims_of_another_time_do_not_gain_from_childhood(scope: TimeScope) -> None:
    claim = scoped("Mr Orme had a dog in the yard.", scope)
    without = order(claim, staged=False)
    assert order(claim).index(4) >= without.index(4)


def test_life_stages_must_be_as_many_as_chunks() -> None:
    with pytest.raises(ValueError, match=re.escape("1 life stages were given for 6 chunks")):
        retrieve(
            [scoped("x", "childhood")],
            index=LexicalIndex(LATE_CHILDHOOD),
            content_vectors=None,
            claim_vectors=None,
            present=(),
            life_stages=["childhood"],
            config=RetrievalConfig(),
        )


@pytest.mark.parametrize("bonus", [-0.1, 1.5])
def test_a_bonus_out_of_bounds_is_refused(bonus: float) -> None:
    with pytest.raises(SettingError, match="time_bonus"):
        RetrievalConfig(time_bonus=bonus)
