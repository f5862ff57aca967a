"""Sentences are split into facts that can be read by themselves, or stay whole."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.clauses import split_facts
from pipeline.claims.coordination import FEWEST
from pipeline.claims.subject import find_protagonist
from pipeline.language.verbs import has_verb
from tests.pipeline.claims.claim_texts import texts


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        (
            "Edmond signed on as a boy; he soon became first mate.",
            ["Edmond signed on as a boy.", "Edmond Dantès soon became first mate."],
        ),
        (
            "He dug a tunnel for years, and he found the abbé in the dark.",
            ["Edmond Dantès dug a tunnel for years.", "Edmond Dantès found the abbé in the dark."],
        ),
        (
            "The king fell in July, but Dantès stayed in his cell.",
            ["Edmond Dantès: The king fell in July.", "Dantès stayed in his cell."],
        ),
    ],
)
def test_a_sentence_of_two_facts_is_split_between_clauses(sentence: str, parts: list[str]) -> None:
    assert texts(sentence) == parts


@pytest.mark.parametrize(
    "sentence",
    [
        "Edmond visited Rome, Italy; Paris, France; and London.",
        "Edmond loved his mother; she died in the spring of 1800.",
        "Edmond loved Mercédès; the wedding was broken off by soldiers.",
        "Edmond saved a shepherd; it earned him a map of the wells.",
        "When Edmond fell ill, and he was left alone, the abbé nursed him.",
        "Edmond loved her, and she waited for him by the sea.",
        "Edmond wrote “I am lost; they have bricked me up alive” upon the wall.",
        "The abbé taught his friend, his pupil, and Dantès, who had been asleep.",
        "The girl found Edmond behind a slab, and she led Edmond out into the day.",
        "The abbé met Edmond in the dark, and they worked until morning.",
    ],
)
def test_a_sentence_stays_whole_where_a_clause_cannot_be_read_by_itself(sentence: str) -> None:
    assert texts(sentence) == [sentence]


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        (
            "Born in Marseille, learned to sail at ten.",
            ["Edmond Dantès was born in Marseille.", "Edmond Dantès learned to sail at ten."],
        ),
        (
            "Born in 1760 to a noble house, he startled tutors with his memory.",
            ["Edmond Dantès was born in 1760 to a noble house.", "Edmond Dantès startled tutors with his memory."],
        ),
        (
            "Born in Calcutta to a merchant, his father kept the accounts.",
            ["Edmond Dantès was born in Calcutta to a merchant.", "Edmond Dantès's father kept the accounts."],
        ),
        (
            "Joined the navy at twelve and fought at Trafalgar.",
            ["Edmond Dantès joined the navy at twelve.", "Edmond Dantès fought at Trafalgar."],
        ),
    ],
)
def test_a_birth_is_a_fact_and_an_omitted_subject_the_character(sentence: str, parts: list[str]) -> None:
    assert texts(f"He was a sailor. {sentence}")[1:] == parts


CLAUSES = st.sampled_from(
    ["he was poor", "; ", ", and he ", " his father died young", ", but ", " the king", " fled", " at dawn", " “", "” "]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CLAUSES, min_size=3, max_size=14).map("".join))
def test_claims_split_from_one_sentence_have_three_words_and_a_verb(sentence: str) -> None:
    parts = texts(f"Edmond {sentence}", "")
    if len(parts) > 1:
        words = [re.findall(r"\w+", part.lower()) for part in parts]
        assert all(len(found) >= FEWEST and has_verb(found) for found in words)
    assert set(re.findall(r"\w+", sentence)) - set(re.findall(r"\w+", " ".join(parts).lower())) <= {"and", "but"}


FRAGMENTS = st.sampled_from(
    [
        "he was arrested", "In 1815", ", ", "and", " but ", "; ", "shipped to Rome", "went to sea", "never", "“", "”",
        "who stole", "died in 1840", "Edmond", "then", "Born in Rome, ", "his father", "had joined", "lost his wife",
        "—", "(", ")", "at twelve", "while", "saw it", ".",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, min_size=1, max_size=12).map(" ".join))
def test_no_word_of_a_sentence_is_lost(sentence: str) -> None:
    person = find_protagonist("", [sentence, "He slept."])
    parts = list(split_facts(sentence, person))
    assert parts == list(split_facts(sentence, person))
    lost = set(re.findall(r"\w+", sentence.lower())) - set(re.findall(r"\w+", " ".join(parts).lower()))
    assert lost <= {"and", "but"}
    assert len(parts) == 1 or all(len(re.findall(r"\w+", part)) >= FEWEST for part in parts)
