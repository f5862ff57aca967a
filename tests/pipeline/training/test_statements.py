"""Statements of a novel: plain sentences about a named person, in the order of the book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.statements import find_statements, is_statement

GOOD = "In the spring old Mr. Dimsdale had sold the mill."


@pytest.mark.parametrize(
    "sentence",
    [
        "“In the spring,” said she, “old Dimsdale had sold the mill.”",
        "In the spring old Dimsdale had sold the mill!",
        "In the spring (so they say) old Dimsdale had sold the mill.",
        "In the spring old Dimsdale sells the mill to Hester again.",
        "In the spring an old man had sold the mill to her.",
        "Then in the spring old Dimsdale had sold the mill.",
        "Old Dimsdale sold it.",
        " ".join(["In the spring old Dimsdale had sold the mill"] * 4) + ".",
        "in the spring old Dimsdale had sold the mill.",
    ],
)
def test_speech_questions_parentheses_and_sentences_without_a_name_are_no_statements(sentence: str) -> None:
    assert is_statement(GOOD) and not is_statement(sentence)


@given(most=st.integers(0, 12), seed=st.integers(0, 99))
def test_statements_are_limited_and_in_the_order_of_the_book(most: int, seed: int) -> None:
    sentences = [GOOD.replace("old", f"{age} year old") for age in range(10)] + ["He was gone."]
    found = find_statements(sentences, most=most, seed=seed)
    assert len(found) == min(most, 10)
    assert [sentences.index(text) for text in found] == sorted(sentences.index(text) for text in found)
    assert found == find_statements(sentences, most=most, seed=seed)


def test_statements_are_on_one_line() -> None:
    assert find_statements([GOOD.replace("old ", "old\n   ")], most=5, seed=0) == [GOOD]
