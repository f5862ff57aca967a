"""What changed between two verdicts, claim by claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands.verdict_lines import change_lines
from pipeline.records import ClaimLabel
from pipeline.report.changes import ClaimSummary, VerdictSummary, compare_verdicts, summarise_answer
from pipeline.report.entries import answer_entry
from tests.pipeline.report.small_world import World

BORN = ClaimSummary("Ada was born in Porth.", "supported", 0.8, "She was born in Porth in 1840.")
SWAM = ClaimSummary("Ada could not swim.", "not_stated", 0.5)
BEFORE = VerdictSummary("The Ferry", "Ada Vane", "consistent", 0.7, (BORN, SWAM))

LABELS: tuple[ClaimLabel, ...] = ("supported", "contradicted", "not_stated")
CLAIMS = st.lists(
    st.builds(ClaimSummary, st.sampled_from(["A.", "B.", "C."]), st.sampled_from(LABELS), st.floats(0, 1)), max_size=6
).map(tuple)


def _lines(*claims: ClaimSummary, **more: object) -> list[str]:
    return list(change_lines(compare_verdicts(BEFORE, replace(BEFORE, claims=claims, **more))))


@given(CLAIMS, CLAIMS)
def test_every_claim_that_is_not_in_both_is_new_or_gone(
    before: tuple[ClaimSummary, ...], after: tuple[ClaimSummary, ...]
) -> None:
    changes = compare_verdicts(replace(BEFORE, claims=before), replace(BEFORE, claims=after)).claims
    new = sum(change.kinds == ("new",) for change in changes)
    gone = sum(change.kinds == ("gone",) for change in changes)
    assert len(before) - gone == len(after) - new
    assert compare_verdicts(replace(BEFORE, claims=after), replace(BEFORE, claims=after)).nothing


def test_equal_verdicts_have_no_changes() -> None:
    assert _lines(BORN, SWAM) == ["nothing changed since the last verdict"]
    assert _lines(SWAM, replace(BORN, text="ada was  born in Pórth.")) == ["nothing changed since the last verdict"]


def test_new_and_gone_claims_are_named_with_their_labels() -> None:
    rowed = ClaimSummary("Ada rowed.", "contradicted", 0.1, "Nobody\nrowed.")
    assert _lines(BORN, rowed) == [
        "what changed since the last verdict:",
        "  new          contradicted 0.10  Ada rowed.",
        "               “Nobody rowed.”",
        "  gone         not_stated 0.50  Ada could not swim.",
    ]


def test_changed_label_is_shown_with_the_passage_that_decides() -> None:
    born = replace(BORN, label="contradicted", probability=0.12, quotation="She was born at sea.")
    assert _lines(born, SWAM)[1:] == [
        "  label        supported 0.80 -> contradicted 0.12  Ada was born in Porth.",
        "               “She was born at sea.”",
    ]
    lost = replace(BORN, label="not_stated", probability=0.75, quotation="")
    assert _lines(lost, SWAM)[2] == "               until now: “She was born in Porth in 1840.”"


@pytest.mark.parametrize(("probability", "moved"), [(0.9, False), (0.7, False), (0.91, True), (0.69, True)])
def test_probability_counts_when_it_moved_by_more_than_a_tenth(probability: float, moved: bool) -> None:
    lines = _lines(replace(BORN, probability=probability), SWAM)
    assert (f"  probability  supported 0.80 -> supported {probability:.2f}  {BORN.text}" in lines) == moved


def test_mark_that_was_given_or_lost_is_a_change() -> None:
    marked = replace(SWAM, waiver="lie: She boasts.")
    assert _lines(BORN, marked)[1:] == [
        "  left out     not_stated 0.50 -> not_stated 0.50  Ada could not swim.",
        "               left out of the verdict: lie: She boasts.",
    ]
    back = compare_verdicts(replace(BEFORE, claims=(BORN, marked)), BEFORE)
    assert [change.kinds for change in back.claims] == [("counts again",)]
    relabelled = replace(marked, waiver="", label="supported", quotation="She swam.")
    both = compare_verdicts(replace(BEFORE, claims=(BORN, marked)), replace(BEFORE, claims=(BORN, relabelled)))
    assert list(change_lines(both))[1:] == [
        "  label        not_stated 0.50 -> supported 0.50  Ada could not swim.",
        "               “She swam.”",
        "               counts again",
    ]


def test_verdict_on_the_backstory_comes_first() -> None:
    assert _lines(BORN, SWAM, label="uncertain", probability=0.65)[1] == (
        "  verdict      consistent 0.70 -> uncertain 0.65"
    )


def test_same_words_twice_are_two_claims() -> None:
    assert [change.kinds for change in compare_verdicts(BEFORE, replace(BEFORE, claims=(BORN, BORN, SWAM))).claims] == [
        ("new",)
    ]


def test_summary_has_the_strongest_passage_for_the_label(world: World) -> None:
    summary = summarise_answer(answer_entry(world.novel, world.verdict, ()))
    assert [claim.label for claim in summary.claims] == ["supported", "contradicted"]
    decisive = [pair for pair in world.verdict.claims[1].pairs if pair.label == "contradict"]
    assert summary.claims[1].quotation == decisive[0].quotation
    assert (summary.label, summary.character) == (world.verdict.label, world.verdict.character)
