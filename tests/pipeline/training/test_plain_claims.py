"""Examples from plain claims: the same for the same step, labelled by what their evidence states."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SettingError, TableError
from pipeline.training.examples import Example, LabelledClaim
from pipeline.training.negatives import find_names
from pipeline.training.plain_claims import (
    PlainBook,
    PlainConfig,
    PlainRow,
    changed_words,
    edit_evidence,
    find_words,
    words_in_place,
)
from tests.pipeline.training.little_claims import CLAIMS, PREMISES, make_claims, plain_books, plain_source

STEPS = st.integers(0, 10_000).map(str)
FALSE = "In spring Dimsdale sold the farm."


def labels(example: Example) -> list[str]:
    return [claim.label for claim in example.claims]


def book_of(example: Example) -> PlainBook:
    names = {name for claim in example.claims for name in find_names(claim.text)}
    return next(book for book in plain_books() if any(names & set(find_names(row.text)) for row in book.rows))


def row_of(claim: LabelledClaim) -> PlainRow:
    return next(row for book in plain_books() for row in book.rows if row.text == claim.text)


@pytest.mark.parametrize("changes", [{"nli": -0.1}, {"open": 1.5}, {"edit": float("nan")}])
def test_shares_outside_0_to_1_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(changes))} is .*a share between 0 and 1"):
        PlainConfig(**changes)


def test_rows_of_a_book_have_their_twins() -> None:
    book = PlainBook(CLAIMS[0])
    sold, farm, _, _, left_open = book.rows
    assert (sold.twin, farm.twin, left_open.twin) == (farm.text, sold.text, None)
    assert book.settled == book.rows[:4]
    assert book.shown == [0, 1, 2, 4, 5]
    assert sold.foreign([0, 1, 2, 3, 4]) == [0, 3, 4], "the window of sentence 2 has sentence 1"


def test_claim_without_its_twin_is_not_settled() -> None:
    rows = [row for row in CLAIMS[0]["rows"] if row["text"] != FALSE]
    book = PlainBook({**CLAIMS[0], "rows": rows})
    assert [row.text for row in book.settled] == [row["text"] for row in CLAIMS[0]["rows"][2:4]]


@pytest.mark.parametrize(
    ("number", "window"),
    [
        (0, "Old Dimsdale lived at the river."),
        (1, "Old Dimsdale lived at the river. In spring Dimsdale sold the mill."),
        (4, "The wheel had stopped."),
    ],
)
def test_window_is_a_sentence_with_the_one_before_it(number: int, window: str) -> None:
    assert PlainBook(CLAIMS[0]).window(number) == window


@given(step=STEPS, count=st.integers(1, 8))
def test_same_step_draws_the_same_examples(step: str, count: int) -> None:
    first, second = (plain_source(premises=PREMISES, nli=0.2, open=0.4, rename=0.5, edit=0.5) for _ in range(2))
    second.draw("another", 5)
    examples = first.draw(step, count)
    assert examples == second.draw(step, count) and len(examples) == count
    assert first.draw(step + "1", 20) != first.draw(step + "2", 20)


@given(step=STEPS)
def test_settled_claims_are_twins_given_evidence_with_a_gold_sentence(step: str) -> None:
    for example in plain_source().draw(step, 12):
        if labels(example) == ["not_stated"]:
            assert row_of(example.claims[0]).label == "not_stated"
            continue
        true, false, *rest = example.claims
        assert (true.label, false.label, false.true) == ("supported", "contradicted", true.text)
        assert [claim.label for claim in rest] in ([], ["not_stated"])
        book, row = book_of(example), row_of(true)
        (evidence,) = example.evidence
        assert any(book.sentences[number] in evidence for number in row.gold)
        assert all(row_of(claim).gold != row.gold for claim in rest)


@given(step=STEPS)
def test_open_claims_are_given_evidence_of_their_book_that_does_not_settle_them(step: str) -> None:
    for example in plain_source(open=1.0, near=0.5).draw(step, 12):
        assert set(labels(example)) == {"not_stated"} and len(example.claims) <= 2
        book, row = book_of(example), row_of(example.claims[0])
        (evidence,) = example.evidence
        assert evidence in {book.window(number) for number in book.shown}
        assert not any(book.sentences[number] in evidence for number in row.gold)


def test_near_evidence_is_what_retrieval_finds() -> None:
    for example in plain_source(open=1.0, near=1.0).draw("1", 60):
        book, row = book_of(example), row_of(example.claims[0])
        assert example.evidence[0] in {book.window(number) for number in row.foreign(row.near)}


def test_claims_of_a_book_without_other_evidence_are_given_none() -> None:
    book: dict[str, Any] = {**CLAIMS[0], "sentences": ["", CLAIMS[0]["sentences"][1]], "rows": CLAIMS[0]["rows"][:2]}
    book["rows"] = [{**row, "near": [1]} for row in book["rows"]]
    for example in plain_source([book], open=1.0).draw("1", 10):
        assert example.evidence == ("",) and set(labels(example)) == {"not_stated"}
    for example in plain_source([book]).draw("1", 60):
        assert labels(example) == ["supported", "contradicted"], "there is no claim about other evidence"


def test_edited_evidence_exchanges_the_labels_of_the_twins() -> None:
    exchanged = 0
    for example in plain_source(edit=1.0).draw("3", 60):
        if labels(example)[0] == "supported" and row_of(example.claims[0]).label == "contradicted":
            exchanged += 1
            true, false = example.claims[:2]
            assert false.true == true.text and row_of(false).label == "supported"
            assert ("farm" if "farm" in true.text else "cats") in example.evidence[0]
    assert exchanged > 20


@given(step=STEPS)
def test_renaming_is_the_same_in_evidence_and_claims(step: str) -> None:
    plain, renamed = plain_source(open=0.3), plain_source(rename=1.0)
    renamed.names = ["Abel", "Boris", "Cyril", "Doris"]
    for before in plain.draw(step, 6):
        after = renamed._rename(before)
        assert labels(before) == labels(after)
        own = {name for claim in before.claims for name in find_names(claim.text)}
        new: dict[str, str] = {}
        texts = [*zip(before.evidence, after.evidence, strict=True)]
        texts += [(one.text, two.text) for one, two in zip(before.claims, after.claims, strict=True)]
        texts += [(one.true, two.true) for one, two in zip(before.claims, after.claims, strict=True) if one.true]
        for old_text, new_text in texts:
            for old, name in zip(old_text.split(), new_text.split(), strict=True):
                assert new.setdefault(old, name) == name
        changed = {old for old, name in new.items() if old != name}
        assert changed == own and {new[old] for old in own} <= set(renamed.names)
        assert len({new[old] for old in own}) == len(own)


def test_premises_are_evidence_of_their_hypotheses() -> None:
    (example,) = plain_source(premises=PREMISES, nli=1.0).draw("1", 1)
    assert example.evidence == ("A dog sleeps.",)
    assert {(claim.text, claim.label) for claim in example.claims} == set(PREMISES[0][1])


@pytest.mark.parametrize("rows", [[], [{**CLAIMS[0], "rows": CLAIMS[0]["rows"][4:]}]])
def test_source_without_a_settled_claim_is_an_error(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(TableError, match="no true claim with a false twin and evidence"):
        plain_source(rows)


@pytest.mark.parametrize(
    ("true", "false", "expected"),
    [
        ("He sold the mill.", "He sold the mill.", []),
        ("He sold the mill.", "He sold the old farm.", [("mill", "old farm")]),
        ("In spring he sold it.", "In autumn he burnt it.", [("spring", "autumn"), ("sold", "burnt")]),
        ("He was there", "He was never there", [("", "never")]),
        ("He went to Leeds", "He went by sea", [("Leeds", "sea")]),
    ],
)
def test_changed_words_are_those_of_both_sides(true: str, false: str, expected: list[tuple[str, str]]) -> None:
    assert changed_words(true, false) == expected


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ("The mill was sold. Mill and MILL.", "The farm was sold. Farm and Farm."),
        ("The windmill was sold.", None),
        ("The mill and the farm were sold.", None),
        ("Nothing was sold.", None),
    ],
)
def test_evidence_is_edited_where_it_has_the_words(evidence: str, expected: str | None) -> None:
    assert edit_evidence(evidence, "He sold the mill.", "He sold the farm.") == expected


@pytest.mark.parametrize(
    ("true", "false"), [("He sold it.", "He sold it."), ("In May he sold it.", "In June he burnt it."), ("Up.", "Go.")]
)
def test_evidence_is_not_edited_for_several_changes_or_short_ones(true: str, false: str) -> None:
    assert edit_evidence("In May he sold it. Up.", true, false) is None


def test_words_are_found_whole_in_any_case() -> None:
    assert find_words("The mill, a Mill; windmills (mill)", "mill") == [(4, 8), (12, 16), (29, 33)]
    assert find_words("a+b aab", "a+b") == [(0, 3)] and find_words("text", "") == []


def test_words_in_place_are_what_the_evidence_has_for_the_false_words() -> None:
    evidence = "He had sold the old water mill at last."
    (whole,) = words_in_place(evidence, "He sold the water mill.", "He sold the farm.")
    assert evidence[slice(*whole)] == "water mill"
    parts = words_in_place(evidence, "He sold the mill by the water.", "He sold the farm.")
    assert [evidence[slice(*span)] for span in parts] == ["mill", "water"]
    assert words_in_place(evidence, "He sold the cow.", "He sold the hen.") == []


@given(true=st.text("ab .,'", max_size=30), false=st.text("ab .,'", max_size=30), evidence=st.text("ab .", max_size=30))
def test_words_in_place_are_ranges_of_the_evidence(true: str, false: str, evidence: str) -> None:
    for start, end in words_in_place(evidence, true, false):
        assert 0 <= start < end <= len(evidence)


def test_names_are_those_of_all_claims() -> None:
    rows = [*CLAIMS, make_claims("Third", "Boris", "Cyril")]
    assert plain_source(rows).names == ["Agnes", "Boris", "Cyril", "Dimsdale", "Hester", "Tobias"]
