"""Backstories become claims: their sentences, cleaned, in order, with stable ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.extract import extract_claims
from pipeline.claims.files import LONGEST
from pipeline.errors import BackstoryError
from tests.pipeline.claims.claim_texts import EDMOND, NLP, texts


def test_claims_are_the_sentences_in_their_order() -> None:
    assert texts("Edmond Dantès sailed to Elba. Edmond came home in February.") == [
        "Edmond Dantès sailed to Elba.",
        "Edmond came home in February.",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Edmond met Mr. Morrel, Dr. Avrigny and M. Noirtier at St. Meran.",
        "Edmond owed Mme. Danglars and Capt. Leclere five francs.",
        "Edmond wrote that Jno. Peters was waiting in the library.",
        "Edmond slept in cell No. 34 until 3 p.m. on the Sunday.",
    ],
)
def test_claims_do_not_end_at_abbreviations(sentence: str) -> None:
    assert texts(sentence) == [sentence]


def test_claims_have_no_markdown() -> None:
    backstory = (
        "# Early life\n\n**Turning Point**: He *fled* the __old__ `fort` at dawn.\n\n- He sailed east\n2. He won gold\n"
    )
    assert texts(backstory) == [
        "Edmond Dantès fled the old fort at dawn.",
        "Edmond Dantès sailed east.",
        "Edmond Dantès won gold.",
    ]


def test_claims_keep_a_number_in_brackets() -> None:
    assert texts("At the trial (1793) he was driven out.") == ["At the trial (1793), Edmond Dantès was driven out."]


def test_claims_keep_quotation_marks_and_brackets_with_their_sentence() -> None:
    assert texts("Edmond rose. “I am lost,” Edmond said. (Edmond was ill.) Edmond fell.") == [
        "Edmond rose.",
        "“I am lost,” Edmond said.",
        "(Edmond was ill.)",
        "Edmond fell.",
    ]


def test_claims_keep_a_quotation_of_several_sentences_whole() -> None:
    assert texts("Edmond said “I was dead. I came back. You sleep.” Edmond left.") == [
        "Edmond said “I was dead. I came back. You sleep.”",
        "Edmond left.",
    ]


def test_claims_begin_a_sentence_with_an_abbreviation() -> None:
    assert texts("Edmond smoked a cigar. Jno. Peters knew Edmond well.") == [
        "Edmond smoked a cigar.",
        "Jno. Peters knew Edmond well.",
    ]


def test_claims_join_wrapped_lines() -> None:
    backstory = "He was born in a narrow street of the old harbour in Marseilles\nDocks, and went to sea."
    assert texts(backstory) == [
        "Edmond Dantès was born in a narrow street of the old harbour in Marseilles Docks.",
        "Edmond Dantès went to sea.",
    ]


def test_claims_leave_headings_out_and_join_fragments_to_their_sentence() -> None:
    assert texts("Early Life\n\nHe was poor. Very poor. He starved.") == [
        "Edmond Dantès was poor. Very poor.",
        "Edmond Dantès starved.",
    ]


def test_a_single_phrase_is_a_claim() -> None:
    assert texts("A sailor") == ["Edmond Dantès: A sailor."]


def test_a_repeated_sentence_is_one_claim() -> None:
    assert len(texts("He was a sailor. He was a sailor.")) == 1


def test_claim_ids_are_numbered_stable_and_depend_on_character_and_text() -> None:
    first = extract_claims("Ann fled at dawn. Ann came back.", "Ann", NLP)
    again = extract_claims("Ann fled at dawn. Ann came back.", "Ann", NLP)
    other = extract_claims("Ann fled at dusk. Ann came back.", "Ann", NLP)
    namesake = extract_claims("Ann fled at dawn. Ann came back.", "Ann/Anna", NLP)
    assert first == again
    assert [re.fullmatch(r"c\d+-[0-9a-f]{8}", claim.id) is not None for claim in first] == [True, True]
    assert first[0].id != other[0].id
    assert first[1].id == other[1].id
    assert first[0].id != namesake[0].id


@pytest.mark.parametrize("backstory", ["", " \n", "…", "* * *", "?!"])
def test_claims_refuse_a_backstory_without_words(backstory: str) -> None:
    with pytest.raises(BackstoryError, match="no claim"):
        extract_claims(backstory, EDMOND, NLP)


def test_claims_refuse_a_novel_given_as_backstory() -> None:
    with pytest.raises(BackstoryError, match="not the novel"):
        extract_claims("He sailed. " * LONGEST, EDMOND, NLP)


PHRASES = st.sampled_from(
    [
        "He was poor", "; ", ", and he ", "his father died young", "Edmond", " Mr. ", ". ", "\n", "\n\n", "**Label**: ",
        "she", " “", "” ", "(", ") ", "the child was taken away", "At twelve, ", "- ", "# ", "’s ", "_", "é",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    backstory=st.one_of(st.text(max_size=80), st.lists(PHRASES, max_size=14).map("".join)),
    character=st.one_of(st.sampled_from(["", EDMOND, "Ann/Bo", "/", "The Old Man"]), st.text(max_size=12)),
)
def test_claims_of_any_text_are_sound_or_refused(backstory: str, character: str) -> None:
    try:
        claims = extract_claims(backstory, character, NLP)
    except BackstoryError as error:
        assert "\n" not in str(error)
        return
    assert claims == extract_claims(backstory, character, NLP)
    assert claims
    assert len({claim.id for claim in claims}) == len({claim.text for claim in claims}) == len(claims)
    assert all(claim.text.strip() and "\n" not in claim.text for claim in claims)


def test_claims_have_character_type_time_and_stability() -> None:
    claim = extract_claims("As a child he was always a liar.", EDMOND, NLP)[0]
    assert (claim.character, claim.type, claim.time_scope, claim.stability) == (
        EDMOND,
        "trait",
        "childhood",
        "long_term",
    )
