"""Negatives: one detail replaced by another of the same book, or by a mined change, in both directions."""

from __future__ import annotations

import random
from difflib import SequenceMatcher

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.training.negatives import NegativeMaker, changed_spans, find_names, mine_changes, replace_words

STATEMENTS = (
    "In the spring old Mr. Dimsdale sold the mill to Hester, and moved to Whitby with two dogs.",
    "After the flood Tobias rowed Hester to Whitby, who never thanked him.",
    "On Sundays Hester counted fourteen shutters at the house of Dr. Moss, leading the others to laugh.",
    "That winter Tobias and Agnes mended the eel traps by the light of 12 lanterns.",
    "When Agnes left for Leeds in 1871 she took the black bag, the watch and a letter from Tobias.",
)
CHANGES = mine_changes(
    [
        ("He sold the mill to a friend.", "He burnt the mill to a friend."),
        ("She rowed home by day.", "She rowed home by night."),
        ("They mended the black bag.", "They mended the torn sack."),
    ]
)


def make(seed: int = 0) -> NegativeMaker:
    return NegativeMaker.of_book(STATEMENTS, CHANGES, random.Random(seed))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("When Mr. Dimsdale met Hester he wept.", ["Dimsdale", "Hester"]),
        ("Hester wept. Agnes laughed.", []),
        ("He saw Dr. Moss and St. John.", ["Moss", "John"]),
        ("It was Captain Dimsdale’s boat and Hester's oar.", ["Dimsdale", "Hester"]),
        ("She said, “Agnes is late,” to Tobias.", ["Agnes", "Tobias"]),
        ("In II and at OK he was I.", []),
        ("Then Abbé Faria and Cousin Bette met Commodore Hale.", ["Faria", "Bette", "Hale"]),
    ],
)
def test_names_are_capitalised_words_that_do_not_start_a_sentence(text: str, names: list[str]) -> None:
    assert find_names(text) == names


def test_mined_changes_are_used_both_ways() -> None:
    assert CHANGES["sold"] == ["burnt"] and CHANGES["burnt"] == ["sold"]
    assert CHANGES["black bag"] == ["torn sack"] and CHANGES["torn sack"] == ["black bag"]


@given(pairs=st.lists(st.tuples(st.sampled_from(STATEMENTS), st.sampled_from(STATEMENTS)), max_size=4))
def test_every_mined_change_has_its_inverse(pairs: list[tuple[str, str]]) -> None:
    changes = mine_changes(pairs)
    assert all(changes[new].count(old) == news.count(new) for old, news in changes.items() for new in news)


def test_mined_changes_leave_out_names() -> None:
    assert mine_changes([("It was Hester who rowed.", "It was Agnes who rowed.")]) == {}


def test_mined_changes_leave_out_grammar() -> None:
    assert mine_changes([("It was in the house.", "It is at the house."), ("She ran to him.", "He ran to her.")]) == {}


def test_mined_changes_leave_out_what_is_long() -> None:
    one, other = "They left one two three four five.", "They left six seven eight nine ten."
    assert mine_changes([(one, other)]) == {}


def test_changed_spans_have_no_punctuation_at_their_edges() -> None:
    assert changed_spans("He ate “bread,” alone.", "He ate “cheese,” alone.") == [("bread", "cheese")]


@given(text=st.sampled_from(STATEMENTS), seed=st.integers(0, 10_000))
def test_negative_differs_from_its_statement(text: str, seed: int) -> None:
    negative = make(seed).make(text)
    assume(negative is not None)
    assert negative is not None
    assert negative.text != text
    assert SequenceMatcher(None, text, negative.text).ratio() > 0.3


@given(text=st.sampled_from(STATEMENTS), seed=st.integers(0, 10_000))
def test_negative_has_only_names_of_the_book(text: str, seed: int) -> None:
    maker = make(seed)
    negative = maker.make(text)
    assume(negative is not None)
    assert negative is not None
    assert set(find_names(negative.text)) <= set(maker.names)


@given(text=st.sampled_from(STATEMENTS), seed=st.integers(0, 10_000))
def test_edit_describes_the_change(text: str, seed: int) -> None:
    negative = make(seed).make(text)
    assume(negative is not None)
    assert negative is not None
    if negative.edit is not None:
        assert negative.edit.old in text and negative.edit.new in negative.text
    if negative.edit is not None and negative.edit.exchanged:
        assert negative.edit.new in text and negative.edit.old in negative.text


def test_negatives_of_one_seed_are_the_same() -> None:
    texts = [[maker.make(text) for text in STATEMENTS] for maker in (make(3), make(3), make(4))]
    assert texts[0] == texts[1] != texts[2]


def test_every_kind_of_change_occurs() -> None:
    kinds = set()
    maker = make(1)
    for text in STATEMENTS * 60:
        negative = maker.make(text)
        if negative is None:
            continue
        match negative.edit:
            case None:
                kinds.add("ending")
            case edit if edit.exchanged:
                kinds.add("exchange")
            case edit if edit.old in maker.names:
                kinds.add("name")
            case edit if edit.old in CHANGES:
                kinds.add("change")
            case _:
                kinds.add("number")
    assert kinds == {"ending", "exchange", "name", "change", "number"}


def test_statement_without_a_detail_has_no_negative() -> None:
    assert NegativeMaker([], {}, {}, random.Random(0)).make("Nobody came.") is None


def test_words_are_replaced_whole_and_all_at_once() -> None:
    changes = {"Anna": "Tom", "Tom": "Anna"}
    assert replace_words("Anna’s Tom met Annabel and Tom's Anna.", changes) == "Tom’s Anna met Annabel and Anna's Tom."
    assert replace_words("Anna", {}) == "Anna"
