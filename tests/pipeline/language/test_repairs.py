"""What printing, scanning and typing did to words, and how they are read."""

# ruff: noqa: RUF001
from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.language.repairs import apply_repairs, find_repairs, repair


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("the is-\nland", "the island"),
        ("the is- \n   land", "the island"),
        ("the is\u00ad\nland and the is\u00adland", "the island and the island"),
        ("the is¬\nland", "the island"),
        ("Saint-\nClair", "Saint-Clair"),
        ("VILLE-\nROY", "VILLEROY"),
        ("Ville-\nRoy of VilleRoy", "VilleRoy of VilleRoy"),
        ("a bed-\nroom, a bed-room", "a bed-room, a bed-room"),
        ("a bed-\nroom, a bed-room, a bedroom, the bedroom's", "a bedroom, a bed-room, a bedroom, the bedroom's"),
        ("a bed-\nroom, a bed-room, a half-\nmoon", "a bed-room, a bed-room, a half-moon"),
        ("my mother-in-\nlaw's mother-in-law", "my mother-in-law's mother-in-law"),
        ("O´Hara, d`Artagnan", "O’Hara, d’Artagnan"),
        ("M a r l o w and the T o m Tom", "Marlow and the Tom Tom"),
        ("Villefort, Ville-\n\n- 12 -\n\nfort, Ville-\n[Pg 13]\nfort", "Villefort, Villefort, Villefort"),
        ("Oʻhara, dˈArtagnan", "O’hara, d’Artagnan"),
        ("Mar\u200clow and Mar\u200dlow", "Marlow and Marlow"),
        ("Penhallow, Penha11ow, Penhal|ow, Penhal!ow", "Penhallow, Penhallow, Penhallow, Penhallow"),
        ("Hale, Hale, Hale12", "Hale, Hale, Hale"),
        ("cou1d could, singuIar singular", "could could, singular singular"),
    ],
)
def test_word_is_read_whole(printed: str, read: str) -> None:
    assert repair(printed) == read


@pytest.mark.parametrize(
    "text",
    [
        "He waited--\nshe came. No, wait -\nhe fell.",
        "No, wait-\n\nHe fell.",
        "two- and three-day storms",
        "1815-\n1820, p. 5-\n6",
        "a half-\n\n12\n\nmoon",
        "No!said Penhallow; a|b; Room101",
        "said ‘Go’, said `Go', 6´ tall, 5′ 6″",
        "I a m. Plan A, B, C. A B C of X Y Z.",
        "It's a d--d lie. The Flying U ain't far.",
        "I SAW A MAN. C was there. K took it.",
        "the 1st, 2nd, 10th; H2O; McIntyre; B1 and B12; 50s; 0800",
        "a ¬ b, x\u200b y",
        "",
    ],
)
def test_text_that_is_as_it_should_be_stays(text: str) -> None:
    assert find_repairs(text) == ()


WORDS = ["Marlow", "low", "is", "island", "Mar", "a", "T", "o", "m", "1", "VI", "O", "Hara", "I", "ﬁ", "ᴀᴅ"]
SIGNS = ["-\n", "- ", " ", "\n", "\u00ad", "¬\n", "´", "-", ".", "", "\n\n", "\u200b"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS + SIGNS), max_size=30).map("".join))
def test_repairs_are_in_order_and_give_the_text_that_is_read(text: str) -> None:
    repairs = find_repairs(text)
    assert all(before.end <= after.start for before, after in pairwise(repairs))
    assert all(0 <= one.start < one.end <= len(text) for one in repairs)
    assert all(text[one.start : one.end] != one.text for one in repairs)
    read = apply_repairs(text, repairs)
    assert sum(map(len, (one.text for one in repairs))) - sum(end - start for start, end, _ in repairs) == (
        len(read) - len(text)
    )


@pytest.mark.parametrize("piece", ["a ", "a-\n", "P e n ", "1a", "a´", "x\u00ad", "-\n", "aI", " A B", "T he "])
def test_repairs_of_endless_repetition_take_no_time(piece: str) -> None:
    began = time.process_time()
    find_repairs(piece * 50_000)
    assert time.process_time() - began < 5
