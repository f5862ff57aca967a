"""Figures of three labels, compared with values computed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.evaluation.three_way import (
    JudgedClaim,
    decisive_quotation,
    gold_rank,
    names_difference,
    three_way_metrics,
)
from pipeline.records import Claim, ClaimLabel, ClaimVerdict, Difference, Evidence, Pair, PairLabel, Span

S, C, N = "supported", "contradicted", "not_stated"


def pair(start: int, end: int, *, support: float = 0.0, contradict: float = 0.0, rank: int = 1) -> Pair:
    evidence = Evidence("c1", rank - 1, rank, 1.0, 1.0, rank, 0.5, True)
    chances: dict[PairLabel, float] = {
        "support": support,
        "contradict": contradict,
        "irrelevant": 1 - support - contradict,
    }
    return Pair(evidence, "support", chances, "x" * (end - start), start, end, 1)


def verdict_of(
    label: ClaimLabel, *pairs: Pair, text: str = "He sold the mill.", chances: tuple[float, ...] = ()
) -> ClaimVerdict:
    claim = Claim("c1", "", "event", "unspecified", "unspecified", text)
    labels: tuple[ClaimLabel, ...] = (S, C, N)  # type: ignore[assignment]
    probabilities = dict(zip(labels, chances, strict=True)) if chances else {}
    return ClaimVerdict(claim, label, 0.5, {}, pairs, "", probabilities=probabilities)


def claim(said: str, truth: str, book: str = "A", **more: object) -> JudgedClaim:
    return JudgedClaim(verdict_of(said), truth, book, **more)  # type: ignore[arg-type]


# Of 4 supported claims 2 are called so, of 3 contradicted 1, of 1 not stated 1.
CLAIMS = [claim(S, S), claim(S, S), claim(N, S), claim(C, S), claim(C, C), claim(S, C), claim(N, C), claim(N, N, "B")]


def values(claims: list[JudgedClaim]) -> dict[str, float]:
    return {name: figure.value for name, figure in three_way_metrics(claims, seed=0).figures.items()}


def test_figures_of_labels_are_those_computed_by_hand() -> None:
    metrics = three_way_metrics(CLAIMS, seed=0)
    assert metrics.counts == {S: 4, C: 3, N: 1}
    assert values(CLAIMS) == pytest.approx(
        {
            "accuracy": 4 / 8,
            "majority": 4 / 8,
            "balanced_accuracy": (2 / 4 + 1 / 3 + 1) / 3,
            "balanced_accuracy_of_the_likeliest": (2 / 4 + 1 / 3 + 1) / 3,
            "supported_precision": 2 / 3,
            "supported_recall": 2 / 4,
            "contradicted_precision": 1 / 2,
            "contradicted_recall": 1 / 3,
        }
    )


def test_likeliest_label_needs_no_threshold() -> None:
    unsure = JudgedClaim(verdict_of("not_stated", chances=(0.45, 0.4, 0.15)), "supported", "A")
    wrong = JudgedClaim(verdict_of("not_stated", chances=(0.45, 0.4, 0.15)), "contradicted", "A")
    found = values([unsure, wrong])
    assert found["balanced_accuracy"] == 0.0
    assert found["balanced_accuracy_of_the_likeliest"] == 0.5


def test_undefined_figures_are_left_out() -> None:
    found = values([claim(N, N), claim(N, S)])
    assert "supported_precision" not in found and "contradicted_recall" not in found
    assert found["supported_recall"] == 0.0
    assert found["balanced_accuracy"] == 0.5, "over the labels that there are"


def test_intervals_are_over_novels_and_hold_the_value() -> None:
    claims = [claim(S if number % 3 else N, S, str(number // 4)) for number in range(30)]
    figure = three_way_metrics(claims, seed=0).figures["accuracy"]
    assert figure.value == pytest.approx(20 / 30)
    assert figure.low < figure.value < figure.high
    one_book = three_way_metrics([replace(one, book="A") for one in claims], seed=0).figures["accuracy"]
    assert one_book.low == one_book.value == one_book.high, "there is one novel to draw"
    assert three_way_metrics(claims, seed=0).to_dict() == three_way_metrics(claims, seed=0).to_dict()


def test_groups_have_figures_of_their_own() -> None:
    claims = [
        claim(S, S, difficulty="easy", kind="date"),
        claim(N, S, difficulty="hard", kind="date"),
        claim(C, C, difficulty="hard", kind="place"),
        claim(N, N),
    ]
    metrics = three_way_metrics(claims, seed=0)
    assert list(metrics.groups) == ["difficulty: easy", "difficulty: hard", "kind: date", "kind: place"]
    assert [group["accuracy"].value for group in metrics.groups.values()] == [1.0, 0.5, 0.5, 1.0]
    assert metrics.to_dict()["groups"]["kind: place"]["accuracy"]["value"] == 1.0
    assert metrics.to_dict()["counts"] == metrics.counts


GOLD, CHUNKS = (Span(100, 150),), (Span(0, 90), Span(80, 120), Span(140, 200))


@pytest.mark.parametrize(
    ("gold", "rank"),
    [((Span(100, 150),), 2), ((Span(130, 160),), 3), ((Span(0, 5), Span(150, 160)), 1), ((Span(90, 100),), 2)],
)
def test_rank_of_gold_is_that_of_the_first_passage_with_a_part_of_it(gold: tuple[Span, ...], rank: int) -> None:
    assert gold_rank(claim(S, S, gold=gold, chunks=CHUNKS)) == rank


def test_gold_that_no_passage_has_is_beyond_all_ranks() -> None:
    assert gold_rank(claim(S, S, gold=(Span(300, 310),), chunks=CHUNKS)) > 10
    assert gold_rank(claim(S, S, gold=(Span(200, 210),), chunks=CHUNKS)) > 10, "ranges are half open"
    assert gold_rank(claim(S, S, gold=GOLD)) > 10


def test_retrieval_is_measured_where_gold_is_known() -> None:
    claims = [
        claim(S, S, gold=GOLD, chunks=CHUNKS[1:]),
        claim(S, S, gold=GOLD, chunks=CHUNKS),
        claim(S, S, gold=GOLD),
        claim(S, S),
        claim(N, C, gold=GOLD, chunks=(*[Span(0, 1)] * 9, Span(120, 130))),
    ]
    found = values(claims)
    assert [found[f"gold_passage_in_{most}_supported"] for most in (1, 3, 10)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [found[f"gold_passage_in_{most}_contradicted"] for most in (1, 3, 10)] == [0.0, 0.0, 1.0]
    assert not any(name.startswith(("gold", "quotation", "difference")) for name in values(CLAIMS))


def test_quotation_is_that_of_the_deciding_pair() -> None:
    pairs = pair(0, 10, support=0.2), pair(20, 30, contradict=0.4, rank=2), pair(40, 50, support=0.1, rank=3)
    assert decisive_quotation(verdict_of("supported", *pairs)) == Span(0, 10)
    assert decisive_quotation(verdict_of("contradicted", *pairs)) == Span(20, 30)
    assert decisive_quotation(verdict_of("not_stated", *pairs)) == Span(20, 30)
    assert decisive_quotation(verdict_of("not_stated")) is None


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [((100, 150), 1.0), ((60, 120), 0.0), ((60, 125), 1.0), ((110, 120), 1.0), ((0, 500), 1.0), ((150, 200), 0.0)],
)
def test_quotation_is_gold_where_it_shares_half_of_the_shorter(quoted: tuple[int, int], shown: float) -> None:
    verdict = verdict_of("supported", pair(*quoted, support=0.9))
    assert values([JudgedClaim(verdict, "supported", "A", gold=GOLD)])["quotation_is_gold"] == shown


def test_quotations_are_measured_of_claims_that_are_settled_rightly() -> None:
    right, other = pair(100, 150, support=0.9), pair(0, 50, support=0.9)
    settled = [verdict_of("supported", right), verdict_of("supported", other), verdict_of("not_stated", other)]
    claims = [JudgedClaim(verdict, "supported", "A", gold=GOLD) for verdict in settled]
    claims.append(JudgedClaim(verdict_of("supported", other), "contradicted", "A", gold=GOLD))
    claims.append(JudgedClaim(verdict_of("supported", other), "supported", "A"))
    assert values(claims)["quotation_is_gold"] == 0.5


@pytest.mark.parametrize(
    ("claimed", "named"),
    [("farm", True), ("the Farm", True), ("“farm”,", True), ("the", False), ("sold", False), ("", False)],
)
def test_difference_is_named_by_a_word_in_which_the_twins_differ(claimed: str, named: bool) -> None:
    verdict = replace(verdict_of("contradicted", text="He sold the farm."), difference=Difference(claimed, "mill"))
    assert names_difference(JudgedClaim(verdict, "contradicted", "A", "He sold the mill.")) is named


def test_verdict_without_a_difference_names_none() -> None:
    assert not names_difference(JudgedClaim(verdict_of("contradicted"), "contradicted", "A", "He burnt the mill."))


def test_named_differences_are_measured_of_contradicted_claims_with_a_twin() -> None:
    text, twin = "He sold the farm.", "He sold the mill."
    good, bad = (
        replace(verdict_of("contradicted", text=text), difference=Difference(word)) for word in ("farm", "sold")
    )
    claims = [JudgedClaim(verdict, "contradicted", "A", twin, GOLD) for verdict in (good, bad, good)]
    claims += [
        JudgedClaim(bad, "contradicted", "A", "", GOLD),
        JudgedClaim(bad, "contradicted", "A", twin),
        JudgedClaim(bad, "supported", "A", twin, GOLD),
        JudgedClaim(verdict_of("not_stated", text=text), "contradicted", "A", twin, GOLD),
    ]
    assert values(claims)["difference_named"] == pytest.approx(2 / 3)
