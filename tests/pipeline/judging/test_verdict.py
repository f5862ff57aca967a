"""Labels follow their declared rules, probabilities sum to one, and rationales quote the book."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BackstoryError
from pipeline.judging.quotations import LONGEST_QUOTATION
from pipeline.judging.verdict import (
    BACKSTORY_FEATURES,
    NO_EVIDENCE,
    backstory_features,
    backstory_rationale,
    cite,
    claim_rationale,
    deciding_pair,
    label_backstory,
    label_pair,
    label_row,
    relabel,
    soft_min,
    weigh_pairs,
)
from pipeline.records import Claim, ClaimLabel, ClaimVerdict, Difference, Evidence, Pair, PairLabel

SHARES = st.floats(0, 1)
BOOK = "CHAPTER I\n\nThe keeper, they say,\nnever left the lighthouse. He slept."


def pair(*, support: float = 0.2, contradict: float = 0.2, rank: int = 1, start: int = 11, end: int = 59) -> Pair:
    evidence = Evidence("c1", 0, rank, 1.0, 1.0, rank, 0.5, True)
    probabilities: dict[PairLabel, float] = {
        "support": support,
        "contradict": contradict,
        "irrelevant": 1 - support - contradict,
    }
    return Pair(evidence, label_pair(probabilities), probabilities, BOOK[start:end], start, end, 1)


def judged(probability: float, label: ClaimLabel, text: str) -> ClaimVerdict:
    claim = Claim("c1", "Keeper", "event", "unspecified", "unspecified", text)
    return ClaimVerdict(claim, label, probability, {}, (pair(),), claim_rationale(label, [pair()]))


def test_label_pair_is_the_most_probable() -> None:
    assert label_pair({"support": 0.5, "contradict": 0.4, "irrelevant": 0.1}) == "support"
    assert label_pair({"support": 0.3, "contradict": 0.4, "irrelevant": 0.3}) == "contradict"
    assert label_pair({"support": 0.4, "contradict": 0.4, "irrelevant": 0.2}) == "support"


def test_label_pair_of_equals_is_irrelevant() -> None:
    assert label_pair({"support": 0.4, "contradict": 0.2, "irrelevant": 0.4}) == "irrelevant"


def test_backstory_features_are_soft_minimum_lowest_mean_and_share_not_stated() -> None:
    found = backstory_features([0.5, 0.8, 0.2, 0.8], ["not_stated", "supported", "contradicted", "supported"])
    assert set(found) >= set(BACKSTORY_FEATURES)
    weakest = -math.log((1 + 2 / 16 + 16) / 4) / 2  # odds of 1, 4, 1/4 and 4, squared
    assert found["log_odds_soft_min"] == pytest.approx(weakest)
    assert (found["log_odds_min"], found["log_odds_mean"]) == pytest.approx((math.log(0.25), math.log(4) / 4))
    assert found["share_not_stated"] == 0.25


@given(st.lists(st.floats(-8, 8), min_size=1), st.data())
def test_soft_min_falls_with_every_claim_and_lies_between_lowest_and_mean(
    odds: list[float], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(odds) - 1))
    lower = [own - 1.0 if index == place else own for index, own in enumerate(odds)]
    assert soft_min(lower) <= soft_min(odds) + 1e-9
    assert min(odds) - 1e-9 <= soft_min(odds) <= math.fsum(odds) / len(odds) + 1e-9


def test_soft_min_tells_twins_apart_by_any_claim_and_by_the_weakest_most() -> None:
    whole, at_best, at_weakest = (soft_min(odds) for odds in ([-1.0, 0.0, 2.0], [-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0]))
    assert at_weakest < at_best < whole


def test_soft_min_is_the_mean_of_all_and_the_minimum_at_its_ends() -> None:
    odds = [-1.0, 0.5, 2.0]
    assert soft_min(odds, sharpness=1e-6) == pytest.approx(0.5, abs=1e-4)
    assert soft_min(odds, sharpness=500.0) == pytest.approx(-1.0, abs=1e-2)


@given(st.lists(st.tuples(SHARES, st.sampled_from(["supported", "not_stated"])), min_size=1), st.integers(2, 4))
def test_backstory_features_do_not_count_claims(claims: list[tuple[float, ClaimLabel]], times: int) -> None:
    probabilities, labels = [list(column) for column in zip(*claims, strict=True)]
    once = backstory_features(probabilities, labels)
    assert backstory_features(probabilities * times, labels * times) == pytest.approx(once)
    assert all(map(math.isfinite, once.values()))


def test_backstory_features_refuse_a_backstory_without_claims() -> None:
    with pytest.raises(BackstoryError, match="at least one claim"):
        backstory_features([], [])


@pytest.mark.parametrize(
    ("labels", "probability", "label"),
    [
        (["supported"], 0.68, "consistent"),
        (["supported", "not_stated"], 0.7, "consistent"),
        (["supported"], 0.67, "uncertain"),
        (["supported"], 0.1, "uncertain"),
        (["not_stated"], 0.9, "uncertain"),
        (["contradicted"], 0.1, "inconsistent"),
        (["supported", "contradicted"], 0.9, "inconsistent"),
    ],
)
def test_label_backstory_follows_contradictions_and_else_the_threshold(
    labels: list[ClaimLabel], probability: float, label: str
) -> None:
    assert label_backstory(labels, probability, threshold=0.625, band=0.05) == label


def test_label_row_is_never_uncertain() -> None:
    assert [label_row(probability, threshold=0.6) for probability in (0.59, 0.6)] == ["inconsistent", "consistent"]


def test_cite_gives_chapter_offsets_and_the_words_of_the_book() -> None:
    assert BOOK[11:59] == "The keeper, they say,\nnever left the lighthouse."
    assert cite(pair()) == "(chapter 1, characters 11-59): “The keeper, they say, never left the lighthouse.”"


@given(st.text(alphabet="ab \n”.", min_size=1, max_size=700).filter(str.strip), st.integers(0, 50))
def test_cite_gives_offsets_of_what_it_shows(quotation: str, start: int) -> None:
    text = "x" * start + quotation
    one = Pair(pair().evidence, "support", pair().probabilities, quotation, start, len(text), 0)
    place, _, rest = cite(one).partition("): “")
    first, last = map(int, place.removeprefix("(characters ").split("-"))
    shown = rest.removesuffix(" …").removesuffix("”")
    assert " ".join(text[first:last].split()) == shown
    assert 0 < last - first <= LONGEST_QUOTATION
    assert rest.endswith(" …") == (text[last:].strip() != "")


def test_claim_rationale_quotes_the_pair_that_decided() -> None:
    pairs = [pair(support=0.6, contradict=0.1), pair(support=0.1, contradict=0.7, rank=2, start=60, end=69)]
    assert claim_rationale("supported", pairs).startswith("The book supports this (chapter 1, characters 11-59)")
    assert claim_rationale("contradicted", pairs) == (
        "The book contradicts this (chapter 1, characters 60-69): “He slept.”"
    )


def test_claim_rationale_of_not_stated_quotes_the_closest_passage() -> None:
    pairs = [pair(support=0.1, contradict=0.1, rank=1), pair(support=0.3, contradict=0.2, rank=2, start=60, end=69)]
    place = "(chapter 1, characters 60-69): “He slept.”"
    assert claim_rationale("not_stated", pairs) == f"The book does not say; closest passage {place}"
    assert claim_rationale("not_stated", pairs, unsure=True) == f"This is not settled; closest passage {place}"


def test_claim_rationale_of_equals_quotes_the_best_ranked() -> None:
    pairs = [pair(rank=2, start=60, end=69), pair(rank=1)]
    assert "11-59" in claim_rationale("supported", pairs)


def test_claim_rationale_names_the_words_that_differ() -> None:
    line = claim_rationale("contradicted", [pair()])
    found = Difference("left", "never\nleft", 33, 43)
    assert claim_rationale("contradicted", [pair()], found) == (
        f"{line} The claim says “left” where the book has “never left”."
    )
    assert claim_rationale("contradicted", [pair()], Difference("left")) == (f"{line} What does not fit: “left”.")


@pytest.mark.parametrize(("label", "rank"), [("supported", 1), ("contradicted", 2), ("not_stated", 3)])
def test_deciding_pair_supports_the_label_most(label: ClaimLabel, rank: int) -> None:
    pairs = [
        pair(support=0.6, contradict=0.1, rank=1),
        pair(support=0.1, contradict=0.5, rank=2),
        pair(support=0.45, contradict=0.45, rank=3),
        pair(support=0.6, contradict=0.1, rank=4),
    ]
    assert deciding_pair(label, pairs).evidence.rank == rank


def test_relabelled_verdict_has_the_labels_of_its_passages() -> None:
    chances: dict[PairLabel, float] = {"support": 0.1, "contradict": 0.7, "irrelevant": 0.2}
    verdict = replace(
        judged(0.9, "supported", "He left."),
        probabilities={"supported": 0.9, "contradicted": 0.05, "not_stated": 0.05},
        difference=Difference("left"),
        features={"odds": 1.0},
    )
    found = relabel(verdict, [chances])
    assert (found.label, found.probability) == ("contradicted", pytest.approx(0.2))
    assert (found.pairs[0].label, found.pairs[0].probabilities) == ("contradict", chances)
    assert found.rationale.startswith("The book contradicts this")
    assert (found.probabilities, found.difference, found.features) == ({}, None, {"odds": 1.0})
    assert found.pairs[0].quotation == verdict.pairs[0].quotation
    with pytest.raises(ValueError, match="zip"):
        relabel(verdict, [])


def test_claim_rationale_without_evidence_quotes_nothing() -> None:
    assert claim_rationale("not_stated", []) == NO_EVIDENCE


def test_backstory_rationale_names_the_claim_that_weighs_most_in_two_lines() -> None:
    claims = [judged(0.9, "supported", "He kept\nthe light."), judged(0.1, "contradicted", "He left it.")]
    against, in_favour = backstory_rationale("inconsistent", claims), backstory_rationale("consistent", claims)
    assert against.splitlines()[0] == ("Of 2 claims 1 supported, 1 contradicted, 0 not stated; weightiest: He left it.")
    assert against.splitlines()[1] == claims[1].rationale
    assert in_favour.splitlines()[0].endswith("weightiest: He kept the light.")
    assert len(in_favour.splitlines()) == 2


def test_weightiest_claim_of_an_inconsistent_backstory_is_a_contradicted_one() -> None:
    claims = [judged(0.1, "not_stated", "He slept."), judged(0.3, "contradicted", "He left.")]
    assert backstory_rationale("inconsistent", claims).splitlines()[0].endswith("weightiest: He left.")
    assert backstory_rationale("uncertain", claims).splitlines()[0].endswith("weightiest: He slept.")


def test_backstory_rationale_refuses_a_backstory_without_claims() -> None:
    with pytest.raises(BackstoryError, match="at least one"):
        backstory_rationale("consistent", [])


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=5))
def test_weigh_pairs_follows_the_strongest_of_each_side(chances: list[tuple[float, float]]) -> None:
    label, probability = weigh_pairs([pair(support=one, contradict=other) for one, other in chances])
    support, contradict = (max(side) for side in zip(*chances, strict=True))
    assert probability == (1 + support - contradict) / 2
    if max(support, contradict) < 0.5:
        assert label == "not_stated"
    else:
        assert (
            label
            == {1: "supported", 0: "not_stated", -1: "contradicted"}[(support > contradict) - (support < contradict)]
        )
