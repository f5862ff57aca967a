"""Every check fires, in agreement and in conflict, where claim and book state one fact, and is silent otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import CheckKind
from tests.pipeline.judging.checks.little_town import check_claim, open_town, outcomes

BROTHER = "Anna Reed came with her brother Tom to the ferry."
BOATS = "Anna Reed bought five boats at the autumn fair."
FERRY = "Anna Reed bought three red boats at the autumn fair."

AGREES: list[tuple[CheckKind, str, str]] = [
    ("number", "Anna Reed bought three boats at the autumn fair.", FERRY),
    ("number", "Anna Reed bought 3 boats at the autumn fair.", FERRY),
    ("date", "Anna Reed sold the mill at Lowdale in 1814.", "In 1814 Anna Reed sold the old mill at Lowdale."),
    ("date", "Anna Reed was born in 1790.", "Anna Reed was born in 1790 at Lowdale."),
    (
        "age",
        "At nineteen Anna Reed took the ferry at Lowdale.",
        "Anna Reed took the ferry of Lowdale at the age of nineteen.",
    ),
    ("age", "In 1809, at nineteen, Anna Reed left.", "Anna Reed was born in 1790."),
    ("age", "Anna Reed was born in 1790.", "In 1809 Anna Reed, aged eighteen, left."),
    ("kinship", "Tom is Anna Reed's brother.", BROTHER),
    ("kinship", "Tom, the brother of Anna Reed, came.", BROTHER),
    (
        "kinship",
        "Anna Reed's father Giles drowned.",
        "Giles Reed's daughter Anna Reed wept.",
    ),
    ("kinship", "Anna Reed was an orphan.", "Anna Reed, who was an orphan, kept geese."),
    ("life", "Tom Hale was killed by a falling beam.", "The death of Tom Hale was told from door to door."),
    ("life", "Her father drowned.", "Anna Reed was nineteen when her father was drowned."),
]
CONFLICTS: list[tuple[CheckKind, str, str]] = [
    ("number", BOATS, FERRY),
    (
        "number",
        "Anna Reed rowed nine miles from Lowdale to Saint Brannoc.",
        "Four miles Anna Reed rowed from Lowdale to Saint Brannoc.",
    ),
    ("date", "Anna Reed sold the mill at Lowdale in 1815.", "In 1814 Anna Reed sold the old mill at Lowdale."),
    ("date", "Anna Reed was born in 1791.", "Anna Reed was born in 1790 at Lowdale."),
    (
        "age",
        "At nineteen Anna Reed left the mill at Lowdale.",
        "Anna Reed was four-and-twenty when she left the mill at Lowdale.",
    ),
    ("age", "In 1815, at nineteen, Anna Reed left.", "Anna Reed was born in 1790."),
    ("age", "Anna Reed was born in 1790.", "In 1815 Anna Reed, aged nineteen, left."),
    ("kinship", "Tom is Anna Reed's cousin.", BROTHER),
    ("kinship", "Anna Reed's father Louis drowned.", "Anna Reed's father, Giles, kept the ferry."),
    ("kinship", "Anna Reed was an only child.", "Anna Reed's brother had the mill."),
    ("kinship", "Anna Reed's sister had the mill.", "Anna Reed was an only child."),
    ("life", "Tom Hale was drowned.", "Tom Hale was hanged at Lowdale."),
    ("life", "Tom Hale recovered from the fever.", "Tom Hale died of the fever at Lowdale."),
    (
        "life",
        "Tom Hale died of the fever at Lowdale in the autumn.",
        "Tom Hale survived the fever at Lowdale that autumn.",
    ),
]
SILENT = {
    "another person": (BOATS, "Moss bought three boats at the autumn fair."),
    "another thing": (BOATS, "Anna Reed bought three cows at the autumn fair."),
    "another event": (BOATS, "Anna Reed burnt three boats."),
    "approximate number": (BOATS, "Anna Reed bought about three boats at the autumn fair."),
    "negation": (BOATS, "Anna Reed never bought three boats at the autumn fair."),
    "condition": (BOATS, "If Anna Reed had bought three boats at the autumn fair!"),
    "dream": ("Tom Hale recovered.", "Anna Reed dreamt that Tom Hale was dead."),
    "hearsay": ("Tom Hale recovered.", "Tom Hale was said to be dead."),
    "deceit": ("Tom Hale recovered.", "The liar swore that Tom Hale was dead."),
    "disguise": ("Anna Reed's cousin Tom came.", "Anna Reed pretended that her brother Tom came."),
    "a relative time": ("Anna Reed left Lowdale two days later.", "Three days later Anna Reed left Lowdale."),
    "both numbers in the claim": ("Anna Reed bought five boats and sold three boats at the autumn fair.", FERRY),
    "an age of another day": ("At nineteen Anna Reed took a boat.", "Anna Reed was four-and-twenty, and tired."),
    "an age of another person": ("At nineteen Anna Reed left the mill.", "Tom was twenty when Anna left the mill."),
    "hours of the clock": ("At nineteen Anna Reed left the mill.", "At ten, Anna Reed left the mill."),
    "a relative in law": ("Tom is Anna Reed's brother.", "Anna Reed's brother-in-law Tom came."),
    "a man and his lady": ("Anna Hale's recovery was slow.", "Lady Hale is dead."),
    "a relative of a speaker": ("Anna Reed greeted her sister Nell.", "Nell, my daughter, greeted Anna Reed."),
    "a wound is not a death": ("Tom Hale survived.", "Tom Hale was shot in the arm."),
    "another month": ("In March Anna Reed left the mill at Lowdale.", "In April Anna Reed left the mill at Lowdale."),
    "nothing to check": ("Anna Reed loved the river.", "Anna Reed hated the river."),
    "an empty claim": ("", FERRY),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "claim", "story"), AGREES)
def test_a_check_agrees(kind: CheckKind, claim: str, story: str) -> None:
    assert (kind, True) in outcomes(claim, story)
    assert (kind, False) not in outcomes(claim, story)


@pytest.mark.parametrize(("kind", "claim", "story"), CONFLICTS)
def test_a_check_conflicts(kind: CheckKind, claim: str, story: str) -> None:
    assert (kind, False) in outcomes(claim, story)
    assert (kind, True) not in outcomes(claim, story)


@pytest.mark.parametrize("case", SILENT)
def test_checks_are_silent(case: str) -> None:
    claim, story = SILENT[case]
    assert [outcome for outcome in outcomes(claim, story) if not outcome[1]] == []


def test_no_conflict_where_another_passage_agrees() -> None:
    story = FERRY + "\nAnna Reed bought five boats at the spring fair."
    assert outcomes(BOATS, story) == [("number", True)]


def test_words_of_the_previous_sentence_count() -> None:
    story = "Anna Reed went to the autumn fair of Saint Brannoc.\nThree boats were all that her purse bought."
    claim = "Anna Reed bought five boats at the autumn fair of Saint Brannoc."
    (check,) = check_claim(claim, story)
    assert not check.agrees and check.passage == "Three boats were all that her purse bought."


def test_a_claim_about_childhood_does_not_conflict_with_later_times() -> None:
    later, then = (
        "Anna Reed kept three dogs in the yard.",
        "When Anna was a girl she kept three dogs in the yard.",
    )
    claim = "As a girl Anna Reed kept five dogs in the yard."
    assert outcomes(claim, later, scope="childhood") == []
    assert outcomes(claim, then, scope="childhood") == [("number", False)]
    assert outcomes("Anna Reed, a widow, kept five dogs in the yard.", then, scope="adulthood") == []


def test_an_alias_of_the_character_counts_as_a_name() -> None:
    story = "The Ferrywoman bought three boats at the autumn fair."
    claim = BOATS
    assert check_claim(claim, story) == ()
    assert len(check_claim(claim, story, names=("Anna Reed", "the Ferrywoman"))) == 1


def test_the_first_person_is_the_narrator() -> None:
    assert check_claim(
        "The narrator bought five boats at the autumn fair.", "I bought three boats at the autumn fair.", character=""
    )


def test_a_check_quotes_its_place_in_the_novel() -> None:
    story = "It rained.\n" + "and the wind blew " * 30 + FERRY
    (check,) = check_claim(BOATS, story)
    novel, _, _ = open_town(story)
    assert check.claimed == "five boats" and "three red boats" in check.passage
    assert novel.text[check.start : check.end] == check.passage and len(check.passage) <= 240
    assert (check.chapter, check.chunk_index) == (1, 0)


SENTENCES = st.lists(
    st.one_of(
        st.sampled_from([story for _, _, story in AGREES + CONFLICTS] + [claim for _, claim, _ in AGREES + CONFLICTS]),
        st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@given(SENTENCES, SENTENCES)
def test_any_text_is_checked_and_quoted_verbatim(claim: list[str], story: list[str]) -> None:
    claimed, written = " ".join(claim), "\n".join(story)
    novel, _, _ = open_town(written)
    checks = check_claim(claimed, written)
    assert [check.agrees for check in checks] == sorted(check.agrees for check in checks)
    for check in checks:
        assert novel.text[check.start : check.end] == check.passage
        assert check.claimed and check.claimed in claimed


@given(st.sampled_from(AGREES + CONFLICTS), st.integers(0, 5), st.sampled_from(["\n", "  ", " "]))
def test_other_sentences_and_order_change_nothing(case: tuple[CheckKind, str, str], place: int, gap: str) -> None:
    kind, claim, story = case
    others = ["The rain fell on the roofs.", "Nobody spoke.", "A cart went by."]
    others.insert(min(place, 3), story.replace(" ", gap) if gap != "\n" else story)
    found = [outcome for outcome in outcomes(claim, "\n".join(others)) if outcome[0] == kind]
    assert found == [outcome for outcome in outcomes(claim, story) if outcome[0] == kind] or gap == "  "


@pytest.mark.parametrize(("kind", "claim", "story"), [case for case in AGREES if case[0] in {"number", "date"}])
def test_agreement_is_mutual(kind: CheckKind, claim: str, story: str) -> None:
    assert (kind, True) in outcomes(story, claim)
